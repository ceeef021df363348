"""Both directions of the same data: two ordinary runs beside each other, source → target and target → source.

`train` of a finished run has nothing to do: that is how the same command goes on, or adds the way back to a run that
was trained alone.
"""

import dataclasses
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.defaults.reverse import reverse
from pipeline.errors import count_of
from pipeline.evaluation.metrics import METRICS
from pipeline.pairs.locations import is_built_in
from pipeline.process.environment import usable_cores
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.runs.model_paths import back_of
from pipeline.runs.ownership import require_free
from pipeline.settings.changes import by_name
from pipeline.settings.configuration import Configuration
from pipeline.study.jobs import Job, require_all, run_jobs, threads_of
from pipeline.training.run import find_result

logger = logging.getLogger(__name__)

THERE, BACK = "source_to_target", "target_to_source"
"""What the directions are called in results."""


class Direction(NamedTuple):
    """One of the two trainings."""

    configuration: Configuration
    run: Path


@dataclasses.dataclass(frozen=True)
class BothResult:
    """What came of both.

    Example:
        >>> same = {"split": "test", "per": 3.0, "best_epoch": 7}
        >>> found = BothResult(Path("runs/g"), {**same, "wer": 20.0}, Path("runs/g-back"), {**same, "wer": 40.0})
        >>> print(found.table())
        | direction | run | best epoch | test WER % | test PER % |
        |---|---|---|---|---|
        | source → target | runs/g | 7 | 20.00 | 3.00 |
        | target → source | runs/g-back | 7 | 40.00 | 3.00 |
        <BLANKLINE>
    """

    run: Path
    there: Mapping[str, Any]
    """The `result.json` of the run from sources to targets."""
    back_run: Path
    back: Mapping[str, Any]
    """That of the other."""

    def to_json(self) -> dict[str, Any]:
        """Both results, each with its run."""
        return {THERE: {"run": str(self.run), **self.there}, BACK: {"run": str(self.back_run), **self.back}}

    def _repr_markdown_(self) -> str:
        return self.table()

    def table(self) -> str:
        """The figures in Markdown, of figures that both have."""
        names = [name for name in METRICS if name in self.there and name in self.back]
        split = self.there["split"]
        heads = ["direction", "run", "best epoch", *(f"{split} {METRICS[name].title}" for name in names)]
        rows = [
            [direction, str(run), str(result["best_epoch"]), *(f"{result[name]:.2f}" for name in names)]
            for direction, run, result in (
                ("source → target", self.run, self.there),
                ("target → source", self.back_run, self.back),
            )
        ]
        lines = [heads, ["---"] * len(heads), *rows]
        return "".join(
            f"|{'|'.join(cells)}|\n" if cells[0] == "---" else f"| {' | '.join(cells)} |\n" for cells in lines
        )


def train_both(configuration: Configuration, run: Path | str, overwrite: bool = False) -> BothResult:
    """Train source → target and, beside it, target → source.

    Args:
        configuration: Of the first; `reverse` makes that of the second.
        run: The run directory of the first; that of the second is called the same with `-back` behind it. Both are
            ordinary runs: finished ones stay as they are, unfinished ones go on, what is missing is trained.
        overwrite: Train those anew that are there.

    Returns:
        The figures of both.

    Raises:
        UsageError: A setting makes no sense in both directions; a directory holds something else, or a run of another
            configuration.
        DataError: The data cannot be used.
        TrainingError: One of them failed; the same call tries it again.

    Example:
        found = train_both(configure(changes={"data.train": "pairs.tsv"}), "runs/mine")
        found.back["wer"], found.back_run
    """
    run = Path(run)
    return train_directions([Direction(configuration, run), way_back(configuration, run, overwrite)], overwrite)


def way_back(configuration: Configuration, run: Path, overwrite: bool = False) -> Direction:
    """The training of the other direction, with the settings that its run has if that was begun already.

    Args:
        configuration: Of the first direction.
        run: Its run directory.
        overwrite: Whether a run that is there is replaced, and counts for nothing.

    Raises:
        UsageError: See `train_both`.
        DataError: See there.
    """
    directory = RunDirectory(back_of(run))
    earlier: dict[str, Any] = {}
    if directory.exists() and not overwrite:
        directory.check()
        earlier = by_name(load_configuration(directory).to_dict())
    logger.info("the way back, target → source: %s", directory.path)
    return Direction(reverse(configuration, earlier), directory.path)


def train_directions(directions: Sequence[Direction], overwrite: bool = False) -> BothResult:
    """Train both, side by side where there are the processors for it.

    Args:
        directions: Source → target, then target → source.
        overwrite: See `train_both`.

    Raises:
        UsageError: See there.
        TrainingError: See there.
    """
    for _, run in directions:
        directory = RunDirectory(run)
        require_free(run, "run", directory.exists() or not run.exists() or directory.is_free())
    waiting = [one for one in directions if overwrite or find_result(one.configuration, RunDirectory(one.run)) is None]
    _warn_of_held_out(directions)
    _train(waiting, overwrite)
    results = [RunDirectory(run).read_result() for _, run in directions]
    assert results[0] is not None
    assert results[1] is not None
    return BothResult(directions[0].run, results[0], directions[1].run, results[1])


def _train(directions: Sequence[Direction], overwrite: bool) -> None:
    # One graphics processor's memory is not shared.
    workers = 1 if tf.config.list_physical_devices("GPU") else max(1, min(len(directions), usable_cores()))
    if workers > 1:
        threads = count_of(threads_of(workers) or 1, "thread")
        logger.info("both directions at the same time, with %s each (TF_NUM_INTRAOP_THREADS)", threads)
    place = Path(tempfile.mkdtemp(prefix="attentif-both-"))
    jobs = [_job(one, place, overwrite) for one in directions]
    # All that they say is shown, so that the logs are of use only where one fails without a word.
    require_all(run_jobs(jobs, workers, told=("",)))
    shutil.rmtree(place, ignore_errors=True)


def _job(direction: Direction, place: Path, overwrite: bool) -> Job:
    name = direction.run.name
    settings = place / f"{name}.yaml"
    direction.configuration.save(settings)
    options = [f"--config={settings}", f"--run={direction.run}", *(["--overwrite"] if overwrite else [])]
    return Job(name, ["train", *options], place / f"{name}.log")


def _warn_of_held_out(directions: Sequence[Direction]) -> None:
    data = directions[0].configuration.data
    if data.dev is None and not is_built_in(data.train):
        logger.warning(
            "data.dev is null: each direction holds out pairs of its own, and has learnt most of those that the other "
            "holds out; their dev figures are right, but answers to dev come back more often than others. A file of "
            "dev pairs is nobody's training data"
        )
