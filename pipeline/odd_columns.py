"""Files whose columns cannot be source and target, or may not be: another format, no TAB, numbers, features."""

import csv
import json
import re
from collections.abc import Sequence

from pipeline.file_kinds import csv_command, mending
from pipeline.file_shape import FEW, MOST, NEARLY_ALL, SOME, Finding, Shape, share_of, show
from pipeline.text_file import LONE_RETURN
from pipeline.white_space import strip

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SHARE = re.compile(r"(?:0?\.\d+|0|1|1\.0*)(?:[eE]-\d+)?")
_WHOLE = re.compile(r"\d+")
_PARTS_OF_SPEECH = "N V ADJ ADV PRO PRON DET ADP NUM PROPN ART AUX CONJ PART INTJ CLF COMP NOUN VERB"
_FEATURES = re.compile(
    # UniMorph, `V;PST;3;SG`; Universal Dependencies, `Case=Nom|Number=Sing`; SIGMORPHON 2016, `pos=N,case=NOM`.
    rf"(?:{'|'.join(_PARTS_OF_SPEECH.split())})(?:[.][A-Z]+)?(?:;[A-Z0-9][\w.+/{{}}(),-]*|;\{{[^;\s]*)*"
    r"|(?:[A-Z]+[|])?\w+=[^\s=|,;]+(?:[|,;]\w+=[^\s=|;]+)*"
)


# Of whole files


def find_returns(shape: Shape) -> Finding | None:
    """Lines that end in carriage returns alone, so that many are one; refused even where bad lines are left out."""
    faults = [fault for fault in shape.faults if fault.wrong.startswith(LONE_RETURN)]
    if len(faults) <= SOME * (len(shape.rows) + len(shape.faults)):
        return None  # a slip, and refused or left out as such
    wrong = f"{faults[0].wrong}, on {len(faults):,} of {shape.extent()}"
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


# Of tables: no TAB


def find_json(shape: Shape) -> Finding | None:
    """JSON, as a whole or line by line."""
    texts = [strip(row.text) for row in shape.rows]
    if not texts or any("\t" in text for text in texts):
        return None
    if texts[0] in ("{", "[", "[{") or (len(texts) == 1 and _is_json(texts[0])):
        return Finding(shape.path, "is JSON, not lines of source TAB target", "write its pairs as tab-separated text")
    if sum(map(_is_json, texts)) < NEARLY_ALL * len(texts):
        return None
    keys = ", ".join(f".{key}" for key in list(json.loads(texts[0]))[:2]) if texts[0][0] == "{" else ".[0], .[1]"
    command = f"jq -r '[{keys}] | @tsv'"
    return Finding(shape.path, "its lines are JSON, not source TAB target", mending(shape.path, command), 1)


def _is_json(text: str) -> bool:
    try:
        return text[:1] in ("{", "[") and isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


_SEPARATORS = {
    r"\t": ("a backslash and a t, not by a TAB", "perl -pe 's/\\\\t/\\t/g'"),
    " ||| ": ("|||", "perl -pe 's/ ?\\|\\|\\| ?/\\t/g'"),
    ",": ("commas", csv_command()),
    ";": ("semicolons", csv_command(";")),
    "|": ("|", csv_command("|")),
}


def find_separator(shape: Shape) -> Finding | None:
    """Columns with something else than a TAB between them."""
    without = [row for row in shape.rows if "\t" not in row.text]
    if not without or len(without) < (1 - SOME) * len(shape.rows):
        return None
    texts = [strip(row.text) for row in without]
    for separator, (name, command) in _SEPARATORS.items():
        if _is_separator(separator, texts):
            simple = separator == "," and all(text.count(",") == 1 and '"' not in text for text in texts)
            how = mending(shape.path, "tr ',' '\\t'" if simple else command)
            return Finding(shape.path, f"no TAB, its columns seem to be separated by {name}", how, without[0].line)
    entries = [row for row in without if not row.text.startswith((";;;", "#"))]
    if entries and all(re.fullmatch(r"\S+ +\S.*", strip(row.text)) for row in entries):
        command = "perl -ne 'print if !/^(;;;|#)/ && s/^(\\S+?)(\\(\\d+\\))? +/$1\\t/'"
        wrong = "no TAB: is its source all that comes before the first space, as in pronunciation dictionaries?"
        return Finding(shape.path, wrong, f"then {mending(shape.path, command)}", entries[0].line)
    return None


def _count_columns(separator: str, texts: Sequence[str]) -> list[int]:
    if len(separator) > 1:
        return [len(text.split(separator)) for text in texts]
    try:
        return [len(row) for row in csv.reader(texts, delimiter=separator)]
    except csv.Error:
        return []


def _is_separator(separator: str, texts: Sequence[str]) -> bool:
    counts = _count_columns(separator, texts)
    usual = max(set(counts), key=counts.count, default=1)
    return usual > 1 and counts.count(usual) >= (1 - SOME) * len(texts)


# Of tables: columns that cannot be meant


def find_probabilities(shape: Shape) -> Finding | None:
    """Numbers as targets beside text that is left out: pronunciation dictionaries with probabilities."""
    targets = shape.column(2)
    other = next(
        (number for number in range(3, shape.columns + 1) if share_of(shape.column(number), _NUMBER) < SOME), 0
    )
    decimals = any("." in target for target in targets)
    if not (
        other
        and decimals
        and share_of(targets, _NUMBER) >= NEARLY_ALL
        and len(shape.column(other)) > MOST * len(targets)
    ):
        return None
    wrong = f"column 2, the target, holds numbers ({show(targets[0])}), probabilities perhaps, and column {other} text"
    return _wrong_columns(shape, wrong, 1, other)


def find_leading_probabilities(shape: Shape) -> Finding | None:
    """A number before the symbols of every target: Kaldi's `lexiconp.txt`."""
    targets = shape.column(2)
    first, rest = zip(*(target.partition(" ")[::2] for target in targets), strict=True) if targets else ((), ())
    if len(targets) < 3 or share_of(first, _SHARE) < NEARLY_ALL or not any("." in number for number in first):
        return None
    if not all(rest) or share_of(rest, re.compile(r"[-+.\d\s]*")) > 0:
        return None
    command = mending(shape.path, "perl -pe 's/\\t[0-9.eE-]+ +/\\t/'")
    return Finding(
        shape.path, f"every target begins with a number, a probability perhaps ({show(targets[0])})", command
    )


def find_features(shape: Shape) -> Finding | None:
    """Morphological features as source or target beside words that are left out."""
    if shape.columns < 3:
        return None
    columns = [shape.column(number) for number in (1, 2, 3)]
    bundles = [number for number, cells in enumerate(columns, 1) if _are_features(cells)]
    if bundles not in ([1], [2]):
        return None
    chosen, side = ((1, 3), "target") if bundles == [2] else ((2, 3), "source")
    wrong = (
        f"column {bundles[0]} holds features ({show(columns[bundles[0] - 1][0])}), not text, and would be the {side}"
    )
    return _wrong_columns(shape, wrong, *chosen)


def _are_features(cells: Sequence[str]) -> bool:
    return share_of(cells, _FEATURES) >= NEARLY_ALL and sum(not cell.isalnum() for cell in cells) >= MOST * len(cells)


def find_identifiers(shape: Shape) -> Finding | None:
    """A number before either side, as Tatoeba's sentence pairs have."""
    if shape.columns < 4 or not all(share_of(shape.column(number), _WHOLE) >= NEARLY_ALL for number in (1, 3)):
        return None
    if any(share_of(shape.column(number), _NUMBER) > SOME for number in (2, 4)):
        return None
    return _wrong_columns(shape, "columns 1 and 3 hold numbers, of sentences perhaps, columns 2 and 4 text", 2, 4)


def _wrong_columns(shape: Shape, wrong: str, source: int, target: int) -> Finding:
    chosen = mending(shape.path, f"cut -f{source},{target}")
    meant = mending(shape.path, "cut -f1,2")
    return Finding(shape.path, wrong, f"{chosen} takes those columns ({meant} if it is meant so)", shape.rows[0].line)


# Of tables: columns that may be meant


def find_running_numbers(shape: Shape) -> Finding | None:
    """An index as source."""
    cells = shape.column(1)[1:] if len(shape.rows) > 2 else []
    numbers = [int(cell) if _WHOLE.fullmatch(cell) else -1 for cell in cells]
    if shape.columns < 3 or len(numbers) < 2 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    return Finding(
        shape.path,
        "column 1 counts the lines",
        f"if it is no source, {mending(shape.path, 'cut -f2,3')}",
        shape.rows[0].line,
    )


def find_counts(shape: Shape) -> Finding | None:
    """Numbers as targets beside text that is left out, where they may be meant."""
    if (
        shape.columns < 3
        or share_of(shape.column(2), _NUMBER) < NEARLY_ALL
        or share_of(shape.column(3), _NUMBER) > SOME
    ):
        return None
    wrong = f"column 2 holds numbers ({show(shape.column(2)[0])}), column 3 text"
    return Finding(shape.path, wrong, f"if that is the target, {mending(shape.path, 'cut -f1,3')}", shape.rows[0].line)


def find_shares(shape: Shape) -> Finding | None:
    """Probabilities as targets."""
    targets = shape.column(2)
    if len(targets) < FEW or shape.columns > 2 or share_of(targets, _SHARE) < 1 or len(set(targets)) < 2:
        return None
    if not any("." in target for target in targets):
        return None
    wrong = f"all targets are numbers from 0 to 1 ({show(targets[0])}), probabilities perhaps"
    return Finding(shape.path, wrong, "see whether the targets stand in another file", shape.rows[0].line)
