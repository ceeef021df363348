"""A raw line as text, and why it cannot be answered, if so."""

from typing import TYPE_CHECKING

from pipeline.answering.line_report import EMPTY, Line
from pipeline.files.lines import LONGEST_LINE, MOST_MARKS, has_heaped_marks, is_overlong
from pipeline.unicode.white_space import strip

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings

SHOWN_CHARACTERS = 1000  # characters of a line that is too long
NO_SOURCE = "the source is empty"
HEAPED = f"more than {MOST_MARKS} combining marks in a row"


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
    return refuse_tab(_refuse_text(line, EMPTY if prefix is None else NO_SOURCE), predictor)


def _refuse_text(line: Line, empty: str) -> Line:
    text, fault = strip(line.text), line.fault
    if "\r" in text:
        fault = (
            fault or "a lone carriage return within the line, as old Macs end lines (tr '\\r' '\\n' makes ends of them)"
        )
    return line._replace(fault=fault if text else fault or empty)


def refuse_tab(line: Line, predictor: "AnswersStrings") -> Line:
    """The same; with a fault if it holds a TAB that the model never saw in a source."""
    if "\t" not in line.text or line.fault or predictor.known.reads_tab:
        return line
    return line._replace(fault="it holds a TAB, which no source of the training does (cut -f1 keeps the first column)")
