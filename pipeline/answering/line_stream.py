"""Lines in, answers out: batches for speed, but never at the price of a slow pipe waiting for its answers."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from pipeline.answering.line_report import LineReport
from pipeline.answering.lines.answers import AnswerForm, Listener, answer_lines
from pipeline.files.lines import GZIP_ERRORS, damaged_gzip, is_file, iter_bounded, open_bytes

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings

BATCH_LINES = 2048
FIRST_LINES = 64  # until the model's speed is known
BATCH_BYTES = 1 << 22
GATHER_SECONDS = 0.2
ANSWER_SECONDS = 0.5
# Of a file: nobody waits for the answer to a line of it, and lines of like length are found among more of them.
FILE_LINES = 8192
FILE_SECONDS = 4.0


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

    What an unusable line is, and how it is answered: see `answer_lines`.

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
    count, pace, form = 0, FIRST_LINES, AnswerForm(n_best, as_json, prefixes)
    report = LineReport(predictor)
    most, seconds = (FILE_LINES, FILE_SECONDS) if is_file(stream) else (BATCH_LINES, ANSWER_SECONDS)
    for batch in read_batches(stream, most):
        while batch:
            # As many as take about so long: large batches are fast, late answers are not.
            raws, batch = batch[:pace], batch[pace:]
            began = time.monotonic()
            answered = answer_lines(predictor, raws, form, count + 1, listeners)
            count += len(raws)
            write("".join(f"{answer}\n" for answer in answered.answers))
            report.add(answered.lines, answered.predictions)
            if on_progress:
                on_progress(len(raws))
            per_line = (time.monotonic() - began) / len(raws)
            pace = max(FIRST_LINES // 4, min(most, 2 * pace, int(seconds / max(per_line, 1e-6))))
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
