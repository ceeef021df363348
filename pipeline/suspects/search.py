"""Cross-fitted models look for errors in the data: K parts, each judged by a model that was trained on the others."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.errors import CircumstanceError, TrainingError, UsageError, count_of
from pipeline.files.durable import write_atomically
from pipeline.pairs.locations import list_corpora
from pipeline.pairs.pair_file import Pair
from pipeline.process.environment import usable_cores
from pipeline.runs.lock import lock_run
from pipeline.saved_models.opening import open_model
from pipeline.settings.configuration import Configuration
from pipeline.study.jobs import Job, run_jobs
from pipeline.suspects.directory import KIND, Part, SuspectsDirectory, begin_search
from pipeline.suspects.judgement import (
    HEAD,
    Judgement,
    Suspect,
    find_disbelieved,
    judge,
    keep_judgements,
    read_judgements,
)
from pipeline.suspects.parts import assign, read_training_pairs, write_others

logger = logging.getLogger(__name__)

PARTS = 4


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Training pairs that are disbelieved, the worst first."""

    path: Path
    """The table."""
    pairs: int
    """How many were judged."""
    suspects: Sequence[Suspect]

    def table(self, most: int | None = None) -> str:
        """The first of them, or all, as TAB-separated lines with a head."""
        return "".join(f"{row}\n" for row in ["\t".join(HEAD), *(one.row() for one in self.suspects[:most])])

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for each, as pandas takes it."""
        return [dict(zip(HEAD, [*one[:-1], one.difference, one.edits], strict=True)) for one in self.suspects]

    def to_json(self) -> dict[str, Any]:
        """The object that `suspects` prints last."""
        return {"suspects": str(self.path), "pairs": self.pairs, "disbelieved": len(self.suspects)}


def find_suspects(
    configuration: Configuration,
    run: Path | str,
    parts: int = PARTS,
    workers: int | None = None,
    overwrite: bool = False,
) -> Suspects:
    """Find the training pairs that models which have not seen them disbelieve.

    The same call goes on with what was interrupted.

    Args:
        configuration: Of the models, as for a training; `data.train` is what is looked at.
        run: The directory of everything that comes of it.
        parts: How many; each is judged by a model that was trained on all others.
        workers: Trainings at the same time; None: as many as there are processor cores, on a graphics processor one.
        overwrite: Begin anew where it was begun already.

    Returns:
        What is disbelieved, which also stands in `suspects.tsv`.

    Raises:
        UsageError: Fewer than two parts; the directory holds something else, or another search.
        DataError: The data cannot be used.
        TrainingError: A training failed; the same call tries it again.
    """
    if parts < 2:
        raise UsageError(f"--parts {parts}: impossible, it must be at least 2: who judges a part has seen the others")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: impossible, it must be at least 1")
    directory = SuspectsDirectory(Path(run))
    with lock_run(directory, KIND.name):
        pairs = read_training_pairs(configuration)
        assigned = assign(pairs, parts, configuration.train.seed, configuration.text)
        begin_search(directory, configuration, parts, overwrite)
        _train(directory, configuration, pairs, assigned, workers)
        judgements = _judge_all(directory, pairs, assigned)
        placed = [(_place(pair, configuration), pair) for pair in pairs]
        found = Suspects(directory.table, len(pairs), find_disbelieved(placed, judgements, configuration.text))
        write_atomically(directory.table, found.table())
    return found


def _place(pair: Pair, configuration: Configuration) -> str:
    corpora = list_corpora(configuration.data.train)
    return f"{corpora[pair.corpus][0]}:{pair.line}" if len(corpora) > 1 else str(pair.line)


def _train(
    directory: SuspectsDirectory,
    configuration: Configuration,
    pairs: Sequence[Pair],
    assigned: Sequence[int],
    workers: int | None,
) -> None:
    jobs = []
    for number in sorted(set(assigned)):
        part = directory.part(number)
        if part.run.read_result() is None:
            others = [pair for pair, own in zip(pairs, assigned, strict=True) if own != number]
            settings = directory.settings / f"{part.name}.yaml"
            write_others(part, others, configuration).save(settings)
            log = directory.logs / f"{part.name}.log"
            words = ["train", f"--config={settings}", f"--run={part.run.path}", "--no-export"]
            jobs.append(Job(part.name, words, log))
    if workers is None:
        # One graphics processor's memory is not shared.
        workers = 1 if tf.config.list_physical_devices("GPU") else usable_cores()
    if jobs:
        logger.info(
            "%s, at most %d at a time; messages in %s", count_of(len(jobs), "training"), workers, directory.logs
        )
    failures = run_jobs(jobs, max(1, min(workers, len(jobs))), told=("epoch ", "warning: ", "error: "))
    if failures:
        said = "; ".join(f"{name}: {failure.reason}" for name, failure in failures.items())
        again = any(failure.try_again for failure in failures.values())
        raise (CircumstanceError if again else TrainingError)(f"{said} (the same command tries again)")


def _judge_all(directory: SuspectsDirectory, pairs: Sequence[Pair], assigned: Sequence[int]) -> list[Judgement]:
    """What is said of every pair, in their order."""
    found: dict[int, Judgement] = {}
    for number in sorted(set(assigned)):
        places = [place for place, own in enumerate(assigned) if own == number]
        said = _judge_part(directory.part(number), [pairs[place] for place in places])
        found |= dict(zip(places, said, strict=True))
    return [found[place] for place in range(len(pairs))]


def _judge_part(part: Part, pairs: list[Pair]) -> list[Judgement]:
    if not part.scores.is_file():
        keep_judgements(part.scores, judge(open_model(part.run.path), pairs, part.name))
    return read_judgements(part.scores)
