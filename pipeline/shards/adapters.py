"""Lines in, answers out, for engines that have their own ways to spread work: Ray Data, Apache Beam, Spark.

`ask` says what is wanted, and may be sent to other processes. `Answers` opens the model, once in each of them, and
answers strings; `ShardAnswers` answers files as `predict --shards` does. docs/scaling.md has examples.
"""

import os
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.answering.line_report import LineReport
from pipeline.answering.lines.answers import AnswerForm, answer_lines
from pipeline.errors import UsageError
from pipeline.remote_runs.reading import local_model
from pipeline.runs.model_paths import split_models
from pipeline.shards.asked import Asked
from pipeline.shards.job import Begun, Job
from pipeline.shards.worker import read_failure


def ask(
    model: str | os.PathLike[str],
    form: AnswerForm | None = None,
    beam_size: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
    lexicon: str | os.PathLike[str] | None = None,
) -> Asked:
    """What an engine is to ask of its strings.

    Args:
        model: A run, an ensemble, an export or a folder; a relative place counts from here, wherever the workers are.
        form: Of strings and answers; None answers with the best text.
        beam_size: None takes the model's own.
        search: Other settings of the search, by key.
        average: See `pipeline.load`.
        lexicon: A file of exceptions, as of `predict --lexicon`.

    Example:
        >>> ask("/runs/mine", AnswerForm(n_best=3)).form.n_best
        3
    """
    path = ",".join(os.path.abspath(place) for place in split_models(Path(model)))
    entries = None if lexicon is None else Path(lexicon).absolute()
    return Asked(local_model(Path(path)), form or AnswerForm(), beam_size, dict(search or {}), average, entries)


class Answers:
    """A model, opened for as long as a worker lives, that answers strings. TensorFlow, if the model needs it and nobody
    has imported it, takes one thread: an engine has as many workers as there are cores.

    Args:
        asked: From `ask`.

    Raises:
        UsageError: The model cannot be opened so.
        DataError: A file is damaged.

    Example:
        answers = Answers(ask("runs/mine"))
        answers(["phonetics", "attention"])
    """

    def __init__(self, asked: Asked) -> None:
        _take_one_thread()
        self.asked, self.predictor = asked, asked.open()

    def __call__(self, lines: Iterable[str | bytes], first: int = 1, name: str = "") -> list[str]:
        """An answer to each line, as `predict` gives it; '' to one that cannot be answered, which is warned of.

        Args:
            lines: Strings, or UTF-8 bytes; with their ends or without.
            first: The number of the first of them, for warnings; only before number 1 a byte order mark may stand.
            name: Of the file, for warnings.
        """
        # Halves of characters stay what they are, which is no UTF-8, and so are told.
        raws = [line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass") for line in lines]
        report = LineReport(self.predictor, name)
        answered = answer_lines(self.predictor, raws, self.asked.form, first)
        report.add(answered.lines, answered.predictions)
        report.close()
        return answered.answers


def make_job(asked: Asked, patterns: Sequence[str], out: str | os.PathLike[str]) -> Job:
    """What `predict --shards` would do, for an engine: `job.begin()` where it is started, the names of `shards_left` to
    its workers, `ShardAnswers(job)` once in each of them, and `begun.end()` when all are done.

    Args:
        asked: From `ask`.
        patterns: Of the files, see `pipeline.shards.listing.list_shards`.
        out: The folder for the answers, which all workers share.
    """
    return Job(asked, tuple(map(os.path.abspath, patterns)), Path(out).absolute(), secrets.token_hex(8))


def shards_left(begun: Begun) -> list[str]:
    """Names of the answers that are not there yet, those to the largest files first.

    Raises:
        UsageError: Answers are there of something else, or by something else.
    """
    return [str(shard.output) for shard in begun.look()]


class ShardAnswers:
    """A model, opened for as long as a worker lives, that answers files of a job.

    Args:
        job: From `make_job`.

    Raises:
        UsageError: The model cannot be opened so, or the folder has other answers.
        DataError: A file of the model is damaged.
    """

    def __init__(self, job: Job) -> None:
        _take_one_thread()
        begun = job.begin()
        self._worker, self._shards = begun.open(), {str(shard.output): shard for shard in begun.shards}

    def __call__(self, name: str) -> str:
        """Answer a shard as `predict --shards` does, by the same bytes. It may be called again, here and elsewhere, for
        what a worker that died had begun, and for what is done: that stays as it is.

        Args:
            name: Of the answers, as `shards_left` gives it.

        Returns:
            Why the file cannot be answered; '' if it is.

        Raises:
            UsageError: There is no such shard, or answers are there of something else.
            OSError: The folder cannot be written.
        """
        shard = self._shards.get(name)
        if shard is None:
            raise UsageError(f"{name}: no shard of this job; have its files been moved since it began?")
        self._worker.work([shard])
        return read_failure(self._worker.place, shard, self._worker.token) or ""


def _take_one_thread() -> None:
    if "tensorflow" not in sys.modules:
        os.environ.update({"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"})
