"""Files that hold something else than pairs between TABs: other line ends, other formats, other separators."""

import csv
import json
import re
from collections.abc import Sequence

from pipeline.files.first_bytes import csv_command, mending
from pipeline.files.lines import LONE_RETURN
from pipeline.pairs.file_shape import NEARLY_ALL, SOME, Finding, Row, Shape, is_csv
from pipeline.unicode.white_space import strip


def find_returns(shape: Shape) -> Finding | None:
    """Lines that end in carriage returns alone, so that many are one; refused even where bad lines are left out."""
    faults = [fault for fault in shape.faults if fault.wrong.startswith(LONE_RETURN)]
    if len(faults) <= SOME * shape.seen:
        return None  # a slip, and refused or left out as such
    extent = f", on {len(faults):,} of {shape.extent()}" if shape.seen > 1 else ""
    wrong = f"{faults[0].wrong}{extent}"
    return Finding(faults[0].path, wrong, faults[0].remedy, faults[0].line)


_DOCUMENTS = {
    "<!doctype html": ("a web page", "save the file itself (its raw or download link)"),
    "<html": ("a web page", "save the file itself (its raw or download link)"),
    "<?xml": ("an XML document", "write its pairs as tab-separated text"),
    "version https://git-lfs.github.com/spec/": ("a Git LFS pointer, not the file", "git lfs pull"),
    "404: not found": ("the answer of a server that has no such file", "check the address, and get the file again"),
    "<<<<<<< ": ("a file with a merge conflict", "resolve it"),
}


def find_document(shape: Shape) -> Finding | None:
    """A web page, an answer of a server, a pointer: what was saved in the place of a text file."""
    for row in shape.rows[:1]:
        for start, (kind, remedy) in _DOCUMENTS.items():
            if strip(row.text).lower().startswith(start):
                return Finding(shape.path, f"is {kind}", remedy, row.line)
    return None


def find_json(shape: Shape) -> Finding | None:
    """JSON, as a whole or line by line."""
    texts = [strip(row.text) for row in shape.rows]
    if not texts or any("\t" in text for text in texts):
        return None
    if texts[0] in ("{", "[", "[{") or (len(texts) == 1 and _is_json(texts[0])):
        return Finding(shape.path, "is JSON, not lines of source TAB target", "write its pairs as tab-separated text")
    if sum(map(_is_json, texts)) < NEARLY_ALL * len(texts):
        return None
    first = json.loads(texts[0])
    keys = [f".{key}" for key in list(first)[:2]] if isinstance(first, dict) else [".[0]", ".[1]"]
    command = f"jq -r '[{', '.join(keys)}] | @tsv'"
    is_simple = isinstance(first, list) or all(key.isidentifier() for key in first)
    how = mending(shape.path, command) if is_simple else "write its pairs as tab-separated text"
    return Finding(shape.path, "its lines are JSON, not source TAB target", how, 1)


def _is_json(text: str) -> bool:
    try:
        return text[:1] in ("{", "[") and isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


_COMMENTS = (";;;", "#")
_SEPARATORS = {
    r"\t": ("a backslash and a t, not by a TAB", "perl -pe 's/\\\\t/\\t/g'"),
    " ||| ": ("|||", "perl -pe 's/ ?\\|\\|\\| ?/\\t/g'"),
    ",": ("commas", csv_command()),
    ";": ("semicolons", csv_command(";")),
    "|": ("|", csv_command("|")),
}


def find_separator(shape: Shape) -> Finding | None:
    """Columns with something else than a TAB between them."""
    entries = [row for row in shape.rows if not row.text.startswith(_COMMENTS)]
    without = [row for row in entries if "\t" not in row.text]
    if not without or len(without) < (1 - SOME) * len(entries):
        return None
    texts = [strip(row.text) for row in without]
    for separator, (name, command) in _SEPARATORS.items():
        if is_separator(separator, texts):
            simple = separator == "," and all(text.count(",") == 1 and '"' not in text for text in texts)
            how = mending(shape.path, "tr ',' '\\t'" if simple else command)
            return Finding(shape.path, f"no TAB, its columns seem to be separated by {name}", how, without[0].line)
    return _find_spaces(shape, without)


def find_other_csv(shape: Shape) -> Finding | None:
    """A file named CSV in which something else stands between columns, and commas within some of them."""
    if shape.is_aligned or not is_csv(shape.path) or _are_even([len(row.cells) for row in shape.rows], len(shape.rows)):
        return None
    # Where all lines have commas, those may be the columns, of which not every line has the last.
    if sum(len(row.cells) == 1 for row in shape.rows) < SOME * len(shape.rows):
        return None
    texts = [",".join(row.cells) for row in shape.rows]
    for separator in (";", "|"):
        if is_separator(separator, texts):
            name, command = _SEPARATORS[separator]
            wrong = f"its columns seem to be separated by {name}, not by commas, which stand within them"
            return Finding(shape.path, wrong, mending(shape.path, command), shape.rows[0].line)
    return None


def find_two_csv(shape: Shape) -> Finding | None:
    """A file named CSV that has both one comma and one semicolon in each of its lines: `Haus, das;house`."""
    if shape.is_aligned or not is_csv(shape.path) or len(shape.rows) < 2:
        return None
    texts = [",".join(row.cells) for row in shape.rows]
    if not all(is_separator(mark, texts) and _share_with_one(mark, texts) > 1 - SOME for mark in ",;"):
        return None
    wrong = "commas separate its columns, and one semicolon stands in each line too"
    how = f"if that separates them, {mending(shape.path, csv_command(';'))}"
    return Finding(shape.path, wrong, how, shape.rows[0].line)


def _share_with_one(mark: str, texts: Sequence[str]) -> float:
    """The share of lines with it once."""
    return sum(text.count(mark) == 1 for text in texts) / max(1, len(texts))


def _find_spaces(shape: Shape, rows: Sequence[Row]) -> Finding | None:
    texts = [strip(row.text) for row in rows]
    if len(rows) < len(shape.rows) or any(re.match(r"\S+\(\d+\) ", text) for text in texts):
        # Without comments, and without the marks of second pronunciations.
        command = "perl -ne 'print if !/^(;;;|#)/ && s/^(\\S+?)(\\(\\d+\\))? +/$1\\t/'"
    else:
        command = "perl -pe 's/ +/\\t/'"
    if all(re.fullmatch(r"(?:\S| (?! ))+ {2,}(?:\S| (?! ))+", text) for text in texts):
        several = command.replace(" +/", " {2,}/") if "-pe" in command else command
        wrong = "no TAB, its columns seem to be separated by two spaces or more"
        return Finding(shape.path, wrong, mending(shape.path, several), rows[0].line)
    if all(re.fullmatch(r"\S+ +\S.*", text) for text in texts):
        wrong = "no TAB: is its source all that comes before the first space, as in pronunciation dictionaries?"
        return Finding(shape.path, wrong, f"then {mending(shape.path, command)}", rows[0].line)
    return None


def _count_columns(separator: str, texts: Sequence[str]) -> list[int]:
    if len(separator) > 1:
        return [len(text.split(separator)) for text in texts]
    try:
        return [len(row) for row in csv.reader(texts, delimiter=separator)]
    except csv.Error:
        return []


def is_separator(separator: str, texts: Sequence[str]) -> bool:
    """Whether nearly all lines have the same number of columns with it between them, more than one."""
    return _are_even(_count_columns(separator, texts), len(texts))


def _are_even(counts: Sequence[int], lines: int) -> bool:
    usual = max(set(counts), key=counts.count, default=1)
    return usual > 1 and counts.count(usual) >= (1 - SOME) * lines


def find_tables_side_by_side(shape: Shape) -> Finding | None:
    """Two tables where two aligned files are expected, because there was a comma between their names."""
    if not shape.is_aligned or not shape.rows:
        return None
    with_tabs = [[row for row in shape.rows if "\t" in strip(row.text.split("\n")[side])] for side in (0, 1)]
    if min(map(len, with_tabs)) < NEARLY_ALL * len(shape.rows):
        return None
    first, second = shape.path.split(",", 1)
    wrong = "both hold columns, but are read as sources and targets that stand line by line in two files"
    return Finding(shape.path, wrong, f"two tables are given as {{{first}: 1, {second}: 1}}, or as one after cat", 1)


def find_columns_in_lines(shape: Shape) -> Finding | None:
    """TABs in one of two aligned files, whose lines are text as a whole."""
    for side, name in enumerate(("source", "target")):
        found = [row for row in shape.rows if "\t" in strip(row.text.split("\n")[side])] if shape.is_aligned else []
        if len(found) > SOME * len(shape.rows):
            wrong = f"the {name} holds a TAB on {len(found):,} of {shape.extent()}, and is the whole line all the same"
            return Finding(shape.path, wrong, "if it should be a column of it, cut -f1 keeps the first", found[0].line)
    return None
