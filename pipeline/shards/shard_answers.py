"""One shard answered: its lines in windows, the answers written aside, recorded and named."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pipeline.answering.input_check import look_at_lines, refuse_table
from pipeline.answering.line_report import LineReport
from pipeline.answering.lines.answers import AnswerForm, answer_lines
from pipeline.answering.predictions import AnswersStrings
from pipeline.errors import DataError
from pipeline.shards.hashed_files import ShardError, Sink, Source
from pipeline.shards.listing import Shard
from pipeline.shards.place import Place
from pipeline.shards.records import FileState, Record

Tell = Callable[[int, int], object]
"""Told of lines answered, and of bytes read."""


class Made(NamedTuple):
    """What came of a file of lines."""

    lines: int
    told: dict[str, list[int]]
    """See `Record`."""
    source: FileState
    answers: FileState

    def record(self, asked: str) -> Record:
        """That it was made by what has this digest."""
        return Record(asked, *self)


def answer_shard(
    predictor: AnswersStrings, model: Path, form: AnswerForm, shard: Shard, place: Place, tell: Tell
) -> Record | None:
    """Answer every line of a shard by one line, in order, in memory for a window of them.

    Args:
        predictor: The model, opened.
        model: What was given as the model, for messages.
        form: Of lines and answers.
        shard: Nobody else should be at it.
        place: Where the answers go.
        tell: Called now and then.

    Returns:
        What was recorded; None where another process has taken the shard over.

    Raises:
        ShardError: The file cannot be read, or holds no lines that can be meant.
        OSError: The answers cannot be written.
    """
    look_at_file(predictor, model, form, shard.path)
    place.sweep(shard)
    unfinished = place.unfinished(shard, secrets.token_hex(4))
    try:
        record = write_answers(predictor, form, shard.path, unfinished, tell).record(place.digest)
        return record if place.finish(shard, unfinished, record) else None
    finally:
        unfinished.unlink(missing_ok=True)


def look_at_file(predictor: AnswersStrings, model: Path, form: AnswerForm, path: Path) -> None:
    """Look at the start of a file of lines, as `predict` does.

    Raises:
        ShardError: It is none that can be meant.
    """
    try:
        shape = look_at_lines(str(path))
        if shape and not form.prefixes:
            refuse_table(shape, model, predictor)
    except DataError as error:
        raise ShardError(str(error)) from error


def write_answers(
    predictor: AnswersStrings, form: AnswerForm, path: Path, unfinished: Path, tell: Tell = lambda lines, read: None
) -> "Made":
    """Answer a file into another one, which is whole and on the disk when this returns.

    Args:
        predictor: The model, opened.
        form: Of lines and answers.
        path: The lines; gzip where its name ends in .gz, and so are the answers.
        unfinished: Where they go.
        tell: Called now and then.

    Raises:
        ShardError: The file cannot be read.
        OSError: The answers cannot be written.
    """
    report = LineReport(predictor, name=str(path))
    source = Source(path)
    try:
        sink = Sink(unfinished, source.compressed)
        try:
            answers = _answer(predictor, form, source, sink, report, tell)
            report.close()
            return Made(source.lines, report.told(), source.state(), answers)
        finally:
            sink.close()
    finally:
        source.close()


def _answer(
    predictor: AnswersStrings, form: AnswerForm, source: Source, sink: Sink, report: LineReport, tell: Tell
) -> FileState:
    lines, read = 0, 0
    for window in source.windows():
        progress = _Progress(tell, lines, read, len(window), source.read)
        answered = answer_lines(predictor, window, form, lines + 1, on_progress=progress.add)
        sink.write(answered.answers)
        report.add(answered.lines, answered.predictions)
        lines, read = lines + len(window), source.read
        tell(lines, read)
    return sink.finish()


class _Progress:
    """Within a window: of the bytes that it took as large a share as of its lines."""

    def __init__(self, tell: Tell, lines: int, read: int, window: int, read_with_window: int) -> None:
        self._tell, self._lines, self._read, self._window = tell, lines, read, window
        self._bytes, self._done = read_with_window - read, 0

    def add(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        share = min(1.0, self._done / self._window)
        self._tell(self._lines + round(share * self._window), self._read + round(share * self._bytes))
