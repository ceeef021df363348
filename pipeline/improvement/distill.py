"""One student of an ensemble (Kim & Rush 2016, "Sequence-Level Knowledge Distillation"): labels, then a training."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from pipeline.answering.predictions import AnswersStrings
from pipeline.errors import UsageError
from pipeline.improvement.inputs import Inputs, gather_inputs
from pipeline.improvement.labels import LabelDirectory, LabelSettings, make_labels
from pipeline.improvement.mixture import fix_splits, mix
from pipeline.improvement.teachers import require_weight, teaching_weight, with_teachers
from pipeline.pairs.splits import open_splits
from pipeline.runs.best_epoch import checksum_of_best
from pipeline.runs.directory import RunDirectory
from pipeline.runs.lock import lock_run
from pipeline.runs.ownership import require_free
from pipeline.saved_models.ensemble_runs import read_voters, require_runs
from pipeline.saved_models.opening import load
from pipeline.settings.configuration import Configuration
from pipeline.training.run import train

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Distillation:
    """How an ensemble's answers become a student.

    Args:
        labels: Which outputs become labels.
        weight: How often a pass over the data has each labelled pair; `data.train` says it of the real ones.
        unlabeled: A file of further sources, one a line.
        recombined: How many sources to make of pieces, see `gather_inputs`.
        teacher_weight: The ensemble's share of the student's loss at every symbol; see `teaching_weight`.
    """

    labels: LabelSettings = dataclasses.field(default_factory=LabelSettings)
    weight: float = 1.0
    unlabeled: str | None = None
    recombined: int | None = None
    teacher_weight: float | None = None

    def __post_init__(self) -> None:
        require_weight(self.teacher_weight)
        if not self.weight > 0:
            raise UsageError(f"--weight: {self.weight} is impossible, it must be above 0")


def distill(
    ensemble: Path, configuration: Configuration, run: Path, how: Distillation, overwrite: bool = False
) -> dict[str, Any]:
    """Label inputs with an ensemble, then train one model on the labels and the real pairs; or go on with it.

    Args:
        ensemble: A run, or several with commas between them.
        configuration: Of the student, with the real pairs.
        run: The student's run directory; the labels lie in `labels/` in it.
        how: What is labelled, and how it is mixed.
        overwrite: Replace a run that is already there, and its labels.

    Returns:
        What `train` returns of the student.

    Raises:
        UsageError: No such ensemble, or the directory holds something else.
        DataError: Data cannot be used.
    """
    members = require_runs(ensemble)
    directory = RunDirectory(Path(run))
    labels = LabelDirectory(directory.labels)
    if not directory.exists():
        require_free(directory.path, "run", directory.is_free())
    with lock_run(directory):
        if overwrite:
            directory.remove()
            labels.remove()
        configuration = with_teachers(
            configuration, members, teaching_weight(how.teacher_weight, configuration, directory)
        )
        splits = open_splits(configuration.data, configuration.train.seed, configuration.text)
        inputs = gather_inputs(configuration, splits, how.unlabeled, how.recombined)
        label(ensemble, labels, inputs, how.labels, configuration)
        mixed = mix(fix_splits(configuration, splits, labels.path), labels.pairs, how.weight)
    return train(mixed, directory.path)


def label(
    ensemble: Path, directory: LabelDirectory, inputs: Inputs, settings: LabelSettings, configuration: Configuration
) -> dict[str, int]:
    """Label sources with an ensemble; see `make_labels`.

    Args:
        ensemble: See `distill`.
        directory: Where the labels go.
        inputs: What is labelled.
        settings: Which outputs become labels.
        configuration: Of the student: `search.vote` says how members decide that cannot be averaged, `data.columns` how
            the labels are written.
    """
    runs, vote, columns = require_runs(ensemble), configuration.search.vote, configuration.data.columns
    members = [member for group in read_voters(runs) for member in group]
    beam = max(settings.n_best, members[0].configuration.search.beam_size)
    made_of = {
        # The same weights in another place are the same ensemble.
        "members": sorted(checksum_of_best(member.run) for member in members),
        "inputs": inputs.fingerprint,
        "beam": beam,
        "vote": vote,
        **({"columns": dict(columns)} if columns else {}),
        **dataclasses.asdict(settings),
    }

    def open_ensemble() -> AnswersStrings:
        # Labels are not drawn by lot from the whole of what a model may say, whatever its runs' settings are.
        return load(ensemble, beam_size=beam, n_best=settings.n_best, search={"method": "best", "vote": vote})

    return make_labels(directory, inputs.sources, made_of, open_ensemble, settings, columns)
