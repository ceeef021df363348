"""From several runs that cannot be one network to what answers by their votes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.answering.predictions import AnswersStrings
from pipeline.errors import UsageError
from pipeline.prediction.predictor import Predictor
from pipeline.prediction.vote import VotingMember, VotingPredictor
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runtime.opening import changes_of_search
from pipeline.saved_models.ensemble_runs import read_voters
from pipeline.saved_models.loading import load_predictor, load_string_model


def load_ensemble(
    path: Path,
    runs: Sequence[RunDirectory],
    beam_size: int | None = None,
    n_best: int | None = 1,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
) -> AnswersStrings:
    """Several runs: one network where they can be one, else members that decide by outputs.

    Args:
        path: As it was given.
        runs: What it names.
        beam_size: See `pipeline.saved_models.opening.load`.
        n_best: See there; at most what the largest beam of a member keeps.
        search: See there.
        average: See there.

    Raises:
        UsageError: See there; or outputs have different forms.
        DataError: See there.
    """
    how = changes_of_search(search, beam_size).get("vote", load_configuration(runs[0]).search.vote)
    groups = [[member.run for member in group] for group in read_voters(runs, apart=how == "majority")]
    if len(groups) == 1:
        return load_predictor(path, beam_size, n_best, search, average)
    members = [_load_member(group, beam_size, search, average) for group in groups]
    kept = max(member.predictor.n_best for member in members)
    if n_best is not None and n_best > kept:
        raise UsageError(f"--n-best {n_best}: more than the beam keeps; give --beam {n_best} or larger")
    return VotingPredictor(members, how, n_best or kept)


def _load_member(
    runs: Sequence[RunDirectory], beam_size: int | None, search: Mapping[str, Any] | None, average: int | None
) -> VotingMember:
    """Runs that are averaged at every symbol, or one alone; it proposes all that its beam keeps."""
    model = load_string_model(runs, beam_size, None, search, average)
    predictor = Predictor(model, load_configuration(runs[0]).text, model.n_best, model.search.replace_unknown)
    name = ",".join(str(run.path) for run in runs)
    return VotingMember(name, predictor, len(runs), model.search.length_penalty)
