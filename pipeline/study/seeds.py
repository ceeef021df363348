"""Several trainings that differ in their seed alone, side by side: how far do their figures lie from each other?

Every training is a run of its own in the directory, and `train` of a finished run has nothing to do: that is how the
same command goes on, and how more seeds are added.
"""

import json
import logging
from pathlib import Path

import tensorflow as tf

from pipeline.errors import UsageError, count_of
from pipeline.evaluation.metrics import objectives
from pipeline.files.durable import LOCK, LOCK_HOLDER, is_unused, sweep, write_atomically
from pipeline.pairs.locations import is_built_in
from pipeline.process.environment import usable_cores
from pipeline.runs.best_epoch import read_figures
from pipeline.runs.directory import RunDirectory
from pipeline.runs.lock import lock_run
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.study.jobs import Job, require_all, run_jobs, threads_of
from pipeline.study.seeds_report import SeedFigures, SeedsResult
from pipeline.training.run import find_result
from pipeline.version import __version__

logger = logging.getLogger(__name__)

KIND = "training of several seeds"
EXPLANATION = """# The same training with several seeds

| here | what it is |
|---|---|
| `seed-1/` and so on | a run directory for every seed, for `evaluate`, `predict` and `export` |
| `result.json` | figures of every seed, their mean and their spread (standard deviation); there when all have ended |
| `settings/`, `logs/` | what each was trained with, and what it said |
| `seeds.json` | says that this is a training of several seeds |

Go on with unfinished trainings by the command that started them; a larger `--seeds` adds more.
"""


class SeedsDirectory:
    """The paths of a training of several seeds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = path / "seeds.json"
        self.readme = path / "README.md"
        self.result = path / "result.json"
        self.settings = path / "settings"
        self.logs = path / "logs"
        self.lock = path / LOCK
        self.lock_holder = path / LOCK_HOLDER

    def exists(self) -> bool:
        """Whether one was begun here."""
        return self.info.is_file()

    def run(self, seed: int) -> RunDirectory:
        """That of a seed."""
        return RunDirectory(self.path / f"seed-{seed}")

    def begin(self) -> None:
        """Create it, or go on.

        Raises:
            UsageError: The directory holds something else.
        """
        if not self.exists() and not is_unused(self.path, (self.readme.name,) if self._is_explained() else ()):
            held = "a single run" if RunDirectory(self.path).exists() else "something else"
            raise UsageError(f"{self.path}: holds {held}; several seeds need a --run of their own")
        self.path.mkdir(parents=True, exist_ok=True)
        sweep(self.path)
        # What explains it comes first: killed in between, the same command makes the rest.
        write_atomically(self.readme, EXPLANATION)
        write_atomically(self.info, json.dumps({"format": 1, "attentif": __version__}) + "\n")
        for folder in (self.settings, self.logs):
            folder.mkdir(exist_ok=True)
        self.result.unlink(missing_ok=True)

    def _is_explained(self) -> bool:
        return self.readme.is_file() and self.readme.read_text(encoding="utf-8", errors="replace") == EXPLANATION


def train_seeds(configuration: Configuration, run: Path | str, seeds: int, overwrite: bool = False) -> SeedsResult:
    """Train with `train.seed` and the numbers after it, as many at once as there are processor cores.

    Args:
        configuration: Every setting; `train.seed` is the first seed.
        run: The directory of all, `seed-1` and so on in it are ordinary runs. Finished ones stay as they are,
            unfinished ones go on.
        seeds: How many.
        overwrite: Train those anew that are there.

    Returns:
        The figures of all, which also stand in `result.json`.

    Raises:
        UsageError: A number below 1; the directory holds something else, or runs of other settings.
        DataError: The data cannot be used.
        TrainingError: One of them failed; the same call tries it again.
    """
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}: impossible, it must be at least 1")
    directory = SeedsDirectory(Path(run))
    with lock_run(directory, KIND):
        directory.begin()
        first = configuration.train.seed
        all_of = {seed: replace_settings(configuration, {"train.seed": seed}) for seed in range(first, first + seeds)}
        _train(directory, all_of, overwrite)
        result = SeedsResult(directory.path, tuple(_read(directory.run(seed), its) for seed, its in all_of.items()))
        write_atomically(directory.result, json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n")
    return result


def _train(directory: SeedsDirectory, all_of: dict[int, Configuration], overwrite: bool) -> None:
    jobs = []
    for seed, configuration in all_of.items():
        run = directory.run(seed)
        if overwrite or find_result(configuration, run) is None:
            settings = directory.settings / f"{run.path.name}.yaml"
            configuration.save(settings)
            arguments = ["train", f"--config={settings}", f"--run={run.path}", *(["--overwrite"] if overwrite else [])]
            jobs.append(Job(run.path.name, arguments, directory.logs / f"{run.path.name}.log"))
    # One graphics processor's memory is not shared.
    workers = 1 if tf.config.list_physical_devices("GPU") else max(1, min(len(jobs), usable_cores()))
    if workers > 1:
        logger.info(
            "%s, %d at a time with %s each (TF_NUM_INTRAOP_THREADS); all they say goes to %s",
            count_of(len(jobs), "training"),
            workers,
            count_of(threads_of(workers) or 1, "thread"),
            directory.logs,
        )
    held_out = next(iter(all_of.values())).data
    if len(all_of) > 1 and held_out.dev is None and not is_built_in(held_out.train):
        logger.warning(
            "data.dev is null: every seed holds out other pairs, so that dev figures differ for that reason, too, and "
            "vocabularies may; give a file of dev pairs to compare seeds alone"
        )
    require_all(run_jobs(jobs, workers, told=("epoch ", "warning: ")))


def _read(run: RunDirectory, configuration: Configuration) -> SeedFigures:
    result, best = run.read_result(), read_figures(run)
    assert result is not None
    assert best is not None
    metrics = objectives(configuration)
    return SeedFigures(
        seed=configuration.train.seed,
        run=run.path,
        result=result,
        seconds=float(best["seconds"]),
        dev=metrics[0],
        rank=tuple(metric.to_minimize(best[metric.log_name]) for metric in metrics),
    )
