"""Lines in, answers out: batches for speed, but never at the price of a slow pipe waiting for its answers."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from pipeline.answering.answer_lines import describe, describe_fault, join_answers
from pipeline.answering.line_report import EMPTY, Line, LineReport
from pipeline.files.lines import (
    GZIP_ERRORS,
    LONGEST_LINE,
    MOST_MARKS,
    damaged_gzip,
    has_heaped_marks,
    is_overlong,
    iter_bounded,
    open_bytes,
)
from pipeline.unicode.white_space import strip

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings, Prediction

BATCH_LINES = 2048
FIRST_LINES = 64  # until the model's speed is known
BATCH_BYTES = 1 << 22
GATHER_SECONDS = 0.2
ANSWER_SECONDS = 0.5
SHOWN_CHARACTERS = 1000  # characters of a line that is too long
NO_SOURCE = "the source is empty"
HEAPED = f"more than {MOST_MARKS} combining marks in a row"


class Listener(Protocol):
    """What is told of every input besides, in order."""

    def add(self, number: int, source: str, prediction: "Prediction") -> None:
        """An input and its answer."""

    def add_fault(self, number: int, source: str, fault: str) -> None:
        """An input that got no answer."""


def open_input(location: str) -> BinaryIO:
    """Open a file, or standard input for `-`, as bytes; a file whose name ends in .gz is decompressed.

    Not to be closed by the caller: the reading thread may sit in a read, and closing would wait for it.
    For the same reason standard input is opened anew: at exit Python locks `sys.stdin`.

    Raises:
        OSError: The file cannot be opened.
    """
    if location == "-":
        return open(0, "rb", closefd=False)
    return cast(BinaryIO, open_bytes(location))


def predict_lines(
    predictor: "AnswersStrings",
    stream: BinaryIO,
    write: Callable[[str], None],
    n_best: int = 1,
    as_json: bool = False,
    listeners: Sequence[Listener] = (),
    prefixes: bool = False,
    on_progress: Callable[[int], object] | None = None,
) -> None:
    """Answer every line of a stream with exactly one line, in order; a `LineReport` warns of the odd ones.

    An unusable line has an empty answer. A line with a TAB is unusable to a model that never saw one in a source: its
    other columns would be read as letters.

    Args:
        predictor: Gives the predictions.
        stream: Input, read to its end by a thread of its own.
        write: Takes the answers to a batch, each ended by a newline, and flushes them.
        n_best: Texts in an answer, TAB-separated; missing ones are empty fields.
        as_json: Answer with JSON objects instead.
        listeners: Are told of the answers too.
        prefixes: Lines are SOURCE TAB PREFIX, and answers begin with the prefix; without a TAB they are free.
        on_progress: Called with the number of lines answered since the last call.

    Raises:
        OSError: The stream cannot be read.
        DataError: It is a damaged gzip file.
    """
    count, pace = 0, FIRST_LINES
    report = LineReport(predictor)
    for batch in read_batches(stream):
        while batch:
            # As many as take about half a second: large batches are fast, late answers are not.
            lines = [decode_line(count + place, raw, prefixes) for place, raw in enumerate(batch[:pace], start=1)]
            batch = batch[pace:]
            count += len(lines)
            began = time.monotonic()
            lines = [_refuse_tab(line, predictor) for line in lines]
            predictions = _predict(predictor, lines, prefixes, as_json or bool(listeners))
            how = n_best, predictor if as_json else None, listeners
            write("".join(f"{answer}\n" for answer in _answer(lines, predictions, *how)))
            report.add(lines, predictions)
            if on_progress:
                on_progress(len(lines))
            per_line = (time.monotonic() - began) / len(lines)
            pace = max(FIRST_LINES // 4, min(BATCH_LINES, 2 * pace, int(ANSWER_SECONDS / max(per_line, 1e-6))))
    report.close()


def read_batches(stream: BinaryIO, limit: int = BATCH_LINES, seconds: float = GATHER_SECONDS) -> Iterator[list[bytes]]:
    """Lines as they come: batches of up to `limit`, none held back for longer than `seconds`.

    Raises:
        OSError: The stream cannot be read.
        DataError: It is a damaged gzip file.
    """
    arrived = _Arrivals(maxsize=4 * limit)
    threading.Thread(target=_pump, args=(stream, arrived), daemon=True).start()
    while True:
        batch, end = _gather(arrived, limit, seconds)
        if batch:
            yield batch
        if isinstance(end, Exception):
            raise end
        if end:
            return


class _Arrivals(queue.Queue[bytes | Exception | None]):
    """Bounded, so that a huge file does not pile up in memory before a slow model; a long line takes many places."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self.places = 0

    def _qsize(self) -> int:
        return self.places

    def _put(self, item: bytes | Exception | None) -> None:
        super()._put(item)
        self.places += self._places(item)

    def _get(self) -> bytes | Exception | None:
        item = super()._get()
        self.places -= self._places(item)
        return item

    @staticmethod
    def _places(item: bytes | Exception | None) -> int:
        return 1 + len(item) // 1024 if isinstance(item, bytes) else 1


def _pump(stream: BinaryIO, arrived: "queue.Queue[bytes | Exception | None]") -> None:
    end: Exception | None = None
    number = 0
    try:
        with stream:
            for raw in iter_bounded(stream):
                number += 1
                arrived.put(raw)
    # Those of gzip come first: one of them is an OSError that does not know its file.
    except GZIP_ERRORS as error:
        end = damaged_gzip(stream.name, number + 1, error)
    except Exception as error:  # whatever it is: nobody would ever hear of it from this thread
        end = error
    arrived.put(end)


def _gather(
    arrived: "queue.Queue[bytes | Exception | None]", limit: int, seconds: float
) -> tuple[list[bytes], Exception | bool]:
    """The next lines, and whether (or by which error) the stream has ended after them."""
    batch: list[bytes] = []
    deadline, size = 0.0, 0
    while len(batch) < limit and size < BATCH_BYTES:
        try:
            item = arrived.get(timeout=max(0.0, deadline - time.monotonic()) if batch else None)
        except queue.Empty:
            break
        if not isinstance(item, bytes):
            return batch, item or True
        if not batch:
            deadline = time.monotonic() + seconds
        batch.append(item)
        size += len(item)
    return batch, False


def decode_line(number: int, raw: bytes, prefixes: bool = False) -> Line:
    """The text of a line without its end; a byte order mark before the first is dropped.

    Example:
        >>> decode_line(7, b"attention\\tAH0 T", prefixes=True)
        Line(number=7, text='attention', fault=None, prefix='AH0 T')
    """
    overlong = is_overlong(raw)
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    fault = None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        text = raw.decode("utf-8", errors="replace")
        fault = f"not UTF-8 at byte {error.start + 1}"
    if overlong:
        text, fault = text[:SHOWN_CHARACTERS], f"more than {LONGEST_LINE} bytes"
    elif has_heaped_marks(text):
        text, fault = text[:SHOWN_CHARACTERS], HEAPED
    if number == 1:
        text = text.removeprefix("\ufeff")
    text, *after = text.split("\t") if prefixes else [text]
    if len(after) > 1:
        fault = fault or f"{len(after)} TABs, where SOURCE TAB PREFIX has one"
    return _refuse_text(Line(number, text, fault, after[0] if after else ""), NO_SOURCE if after else EMPTY)


def check_string(source: str, prefix: str | None, predictor: "AnswersStrings") -> Line:
    """A string that was no line, with the fault that `predict` would find in it.

    Args:
        source: Without surrogates.
        prefix: What its answer is to begin with; None where nobody asked for prefixes.
        predictor: What is to answer it.
    """
    line = Line(0, source, None, prefix or "")
    if has_heaped_marks(source) or has_heaped_marks(line.prefix):
        return line._replace(text=source[:SHOWN_CHARACTERS], fault=HEAPED)
    return _refuse_tab(_refuse_text(line, EMPTY if prefix is None else NO_SOURCE), predictor)


def _refuse_text(line: Line, empty: str) -> Line:
    text, fault = strip(line.text), line.fault
    if "\r" in text:
        fault = (
            fault or "a lone carriage return within the line, as old Macs end lines (tr '\\r' '\\n' makes ends of them)"
        )
    return line._replace(fault=fault if text else fault or empty)


def _refuse_tab(line: Line, predictor: "AnswersStrings") -> Line:
    if "\t" not in line.text or line.fault or predictor.known.reads_tab:
        return line
    return line._replace(fault="it holds a TAB, which no source of the training does (cut -f1 keeps the first column)")


def _predict(
    predictor: "AnswersStrings", lines: list[Line], prefixes: bool, heads_apart: bool
) -> list["Prediction | None"]:
    """A prediction for every line; None for one with a fault."""
    usable = [line for line in lines if line.fault is None]
    if not usable:
        return [None] * len(lines)
    sources = [line.text for line in usable]
    if prefixes:
        found = iter(predictor.predict(sources, prefixes=[line.prefix for line in usable]))
    else:
        found = iter(predictor.predict(sources, heads_apart=heads_apart))
    return [next(found) if line.fault is None else None for line in lines]


def _answer(
    lines: list[Line],
    predictions: list["Prediction | None"],
    n_best: int,
    json_of: "AnswersStrings | None",
    listeners: Sequence[Listener],
) -> Iterator[str]:
    """Answers as JSON if there is a predictor to name symbols in it, else as texts."""
    for line, prediction in zip(lines, predictions, strict=True):
        if prediction is None:
            fault = line.fault or ""
            for listener in listeners:
                listener.add_fault(line.number, line.text, fault)
            yield describe_fault(line.text, fault) if json_of else ""
        else:
            for listener in listeners:
                listener.add(line.number, line.text, prediction)
            if json_of:
                yield describe(line.text, prediction, n_best, name_lacking(prediction, json_of))
            else:
                yield join_answers(prediction, n_best)


def name_lacking(prediction: "Prediction", predictor: "AnswersStrings") -> Sequence[str]:
    """The symbols of its source that training lacks."""
    return predictor.known.lacking_in_source(prediction.source_tokens[:-1]) if prediction.unknown else []
