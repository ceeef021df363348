"""Which runs a path names, one or the members of an ensemble, and whether they can vote together."""

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.data.run_data import load_where_data_are, warn_of_other_dictionary
from pipeline.errors import UsageError, count_of
from pipeline.remote_runs.reading import local_model
from pipeline.runs.best_epoch import best_weights
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.runs.model_paths import split_models
from pipeline.settings.configuration import Configuration
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary, load_vocabularies

logger = logging.getLogger(__name__)


class Member(NamedTuple):
    """A run, as far as it is read without its weights."""

    run: RunDirectory
    configuration: Configuration
    best: Path
    """The weights of its best checkpoint."""
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary


def find_runs(path: Path) -> list[RunDirectory] | None:
    """The runs that `RUN` or `RUN,RUN,…` names; None if it names one place that is no run.

    Raises:
        UsageError: A member of an ensemble is no run.
    """
    places = split_models(local_model(Path(path)))
    runs = [RunDirectory(place) for place in places]
    if len(runs) == 1:
        return runs if runs[0].exists() else None
    for run in runs:
        if (run.path / "saved_model.pb").is_file():
            raise UsageError(f"{run.path}: an export cannot be a member of an ensemble; give the run it was made from")
        if not run.exists():
            wrong = "is not a run directory" if run.path.exists() else "no such run"
            raise UsageError(f"{run.path}: {wrong}; every member of an ensemble must be what `train --run` wrote")
    return runs


def tell_of_unfinished(runs: Sequence[RunDirectory]) -> None:
    """Say of each run whose training has not ended what answers: it will be another epoch perhaps."""
    for run in runs:
        latest = Checkpoints(run.checkpoints).latest() if run.read_result() is None else None
        if latest and latest[0].best_epoch:
            best, epochs = latest[0].best_epoch, count_of(latest[0].epoch, "epoch")
            logger.warning("%s: its training has not ended; of %s so far epoch %d is the best", run.path, epochs, best)


def require_runs(path: Path) -> list[RunDirectory]:
    """The same of what can only be a run.

    Raises:
        UsageError: It is none.
    """
    runs = find_runs(path)
    if runs is None:
        raise UsageError(f"{path}: not a run directory; give what `train --run` wrote")
    return runs


def read_members(runs: Sequence[RunDirectory]) -> list[Member]:
    """Read what the runs are, and check that they can be one network.

    Args:
        runs: At least one.

    Raises:
        UsageError: No usable run, or one that has other text settings or vocabularies than the first.
        DataError: A run has no checkpoint yet, or its vocabulary cannot be read.
    """
    members = [read_member(run) for run in runs]
    for other in members[1:]:
        differences = _differences(members[0], other)
        if differences:
            raise UsageError(
                f"{other.run.path}: cannot be one model with {members[0].run.path}: {'; '.join(differences)}; such "
                "runs vote with their outputs in evaluate, predict and compare, and `distill` makes one model of them"
            )
    return members


def read_voters(runs: Sequence[RunDirectory], apart: bool = False) -> list[list[Member]]:
    """The same of runs that need not be one network: those that can be one stand together.

    Args:
        runs: At least one.
        apart: Whether each stands by itself.

    Raises:
        UsageError: No usable run, or one whose outputs have another form than the first's.
        DataError: See `read_members`.
    """
    groups: list[list[Member]] = []
    for member in map(read_member, runs):
        if groups:
            _require_same_form(groups[0][0], member)
        group = None if apart else next((own for own in groups if not _differences(own[0], member)), None)
        if group is None:
            groups.append([member])
        else:
            group.append(member)
    return groups


def _require_same_form(first: Member, other: Member) -> None:
    here, there = (member.configuration.text.compared for member in (other, first))
    for key, value, wanted in (
        ("normalization", here.target_form, there.target_form),
        ("lowercase", here.lowercase, there.lowercase),
        ("target_separator", here.side("target").separator, there.side("target").separator),
    ):
        if value != wanted:
            raise UsageError(
                f"{other.run.path}: cannot vote with {first.run.path}: text.{key} compares outputs as {value!r}, not "
                f"{wanted!r}, so that their outputs would never be the same"
            )


def read_member(run: RunDirectory) -> Member:
    """Read what a run is.

    Raises:
        UsageError: No usable run.
        DataError: It has no checkpoint yet, or its vocabulary cannot be read.
    """
    run.check()
    configuration = load_where_data_are(run)
    warn_of_other_dictionary(run, configuration)
    return Member(run, configuration, best_weights(run), *load_vocabularies(run.vocabulary))


def _differences(first: Member, other: Member) -> list[str]:
    """Why two runs cannot be averaged at every symbol; empty where they can."""
    settings = vars(other.configuration.text).items()
    differences = [
        f"text.{key} is {value!r}, not {there!r}"
        for key, value in settings
        if value != (there := getattr(first.configuration.text, key))
    ]
    for side in ("source", "target"):
        here, there = (getattr(member, f"{side}_vocabulary") for member in (other, first))
        if here.symbols != there.symbols:
            differences.append(f"its {side} vocabulary differs ({_first_difference(here, there)})")
        elif here.model != there.model:
            differences.append(f"its {side} vocabulary has another SentencePiece model")
    return differences


def _first_difference(here: Vocabulary, there: Vocabulary) -> str:
    if len(here) != len(there):
        return f"{len(here) - len(SPECIAL_SYMBOLS)} symbols, not {len(there) - len(SPECIAL_SYMBOLS)}"
    pairs = itertools.count(1), here.symbols, there.symbols
    line, symbol, other = next(row for row in zip(*pairs, strict=False) if row[1] != row[2])
    return f"line {line} is {symbol!r}, not {other!r}"
