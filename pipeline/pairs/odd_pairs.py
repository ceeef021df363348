"""Pairs that may not be meant as they stand: headers, quotes, comments, marks, spoiled characters, equal sides."""

import re
import unicodedata
from collections.abc import Sequence

from pipeline.files.first_bytes import csv_command, mending
from pipeline.pairs.file_shape import FEW_ROWS, MOST, Finding, Shape, share_of, show

_VARIANT = re.compile(r"(.+)\(\d+\)")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_NAMES = (
    "source src target tgt trg input output in out word words wort lexeme headword lemma lemmas form forms "
    "inflected inflection features feature tag tags msd pos phone phones phoneme phonemes phonetic pronunciation "
    "pronunciations pron transcription transcript ipa arpabet sampa xsampa grapheme graphemes spelling orthography "
    "orth ortho text texts sentence sentences translation translations reference references hypothesis question "
    "answer name names string key value label labels id index column col from to original normalized normalised "
    "romanization transliteration english german french spanish italian portuguese dutch russian chinese japanese "
    "korean arabic turkish finnish hungarian polish czech swedish danish norwegian greek hebrew hindi vietnamese "
    "ukrainian romanian georgian armenian persian urdu bengali tamil thai indonesian latin cyrillic devanagari hangul "
    "iso date dates datum old new modern historical raw clean abbreviation alt neu quelle ziel eingabe ausgabe "
    "schreibweise aussprache deutsch englisch lateinisch notiz ancien moderne entree sortie note notes comments "
    "en de fr es it pt nl ru zh ja ko ar tr fi hu pl cs sv da no el he hi vi uk ro prob "
    "probability probabilities weight score freq frequency count lang language "
)
_HEADER_WORDS = frozenset(_NAMES.split())


def find_header(shape: Shape) -> Finding | None:
    """A first line with the names of columns, known ones or such as differ from all that is below them."""
    first = next(iter(shape.rows), None)
    if first is None or first.line != 1 or len(first.cells) < 2 or len(shape.rows) < 2:
        return None
    names, others = first.cells[:2], [shape.column(number)[1:] for number in (1, 2)]
    # A word and its inflection (`date`, `dates`) are a pair like any other.
    known = all(map(_is_name, names)) and not _begins_with(*map(str.lower, names))
    if not (known or _is_unlike(names, others)):
        return None
    shown = " TAB ".join(map(show, first.cells))
    wrong = f"looks like a header ({shown}), and is read as a pair"
    files = shape.path.split(",") if shape.is_aligned else [shape.path]
    return Finding(shape.path, wrong, "; ".join(mending(file, "tail -n +2") for file in files), 1)


def _begins_with(one: str, other: str) -> bool:
    """Whether one of them is how the other begins."""
    return one.startswith(other) or other.startswith(one)


def _is_name(cell: str) -> bool:
    words = re.findall(r"[^\W\d_]+", cell.lower())
    return 0 < len(words) <= 4 and all(word in _HEADER_WORDS for word in words)


def _is_unlike(names: Sequence[str], others: Sequence[list[str]]) -> bool:
    """Whether the first cells differ from all below them in what kind of characters they have."""
    short = any(len(name) < (3 if name.isascii() else 2) for name in names)
    # Names have no digits, and that of one column is not that of the other.
    if len(others[0]) < FEW_ROWS or short or names[0] == names[1] or any(map(str.isdigit, "".join(names))):
        return False
    if any(
        share_of(cells, _NUMBER) == 1 and not _NUMBER.fullmatch(name) for name, cells in zip(names, others, strict=True)
    ):
        return True
    first, second = map(_scripts, names)
    # Both names are written alike, and one of them as nothing is below it: digits stand there, or another script.
    if first & second and any(
        not scripts & _scripts("".join(set().union(*cells)))
        for scripts, cells in zip((first, second), others, strict=True)
    ):
        return True
    return all(
        (name.istitle() and not any(map(_has_upper, cells))) or _has_other_letters(name, cells)
        for name, cells in zip(names, others, strict=True)
    )


def _has_other_letters(name: str, cells: Sequence[str]) -> bool:
    """Whether most of the letters occur nowhere else; of scripts without capitals, and of acronyms, it says no."""
    letters = {letter for letter in name if letter.lower() != letter.upper()}
    return not name.isupper() and len(letters - set().union(*cells)) > MOST * len(letters) > 0


def _scripts(text: str) -> set[str]:
    """The scripts of its letters, as far as their names begin with them: LATIN, GEORGIAN, CJK."""
    return {unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()}


def _has_upper(text: str) -> bool:
    return text != text.lower()


def find_quotes(shape: Shape) -> Finding | None:
    """Quotes around a side."""
    for number, side in ((1, "source"), (2, "target")):
        quoted = [row for row in shape.rows if len(row.cells) >= number and _is_quoted(row.cells[number - 1])]
        doubled = [row for row in quoted if '""' in row.cells[number - 1][1:-1]]
        if len(quoted) > max(1.0, MOST * len(shape.rows)) or doubled:
            first = (doubled or quoted)[0]
            wrong = f"the {side} stands in quotes ({show(first.cells[number - 1])}), as spreadsheets write text"
            wrong += f", on {len(quoted):,} of {shape.extent()}; they are read as part of it"
            how = mending(shape.path, csv_command("\t"))
            return Finding(shape.path, wrong, "take them away" if shape.is_aligned else how, first.line)
    return None


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] and cell[0] in "\"'"


def find_variants(shape: Shape) -> Finding | None:
    """Marks of second pronunciations, `word(2)`."""
    words: set[str] = set()
    for row in shape.rows:
        match = _VARIANT.fullmatch(row.cells[0])
        if match and match[1] in words:
            wrong = f"the source {show(row.cells[0])} has the mark of a second pronunciation, which is read as letters"
            return Finding(shape.path, wrong, mending(shape.path, "perl -pe 's/\\(\\d+\\)\\t/\\t/'"), row.line)
        words.add(row.cells[0])
    return None


def find_comments(shape: Shape) -> Finding | None:
    """Comments that have a TAB."""
    row = next((row for row in shape.rows if row.text.startswith((";;;", "# ")) and len(row.cells) > 1), None)
    if row is None or all(row.text.startswith("#") for row in shape.rows):
        return None
    mark = row.text.split()[0][:3]
    wrong = f"looks like a comment ({show(row.text)}), and is read as a pair"
    return Finding(shape.path, wrong, mending(shape.path, f"grep -v '^{mark}'"), row.line)


def find_wrong_characters(shape: Shape) -> Finding | None:
    """What an earlier conversion spoiled."""
    for row in shape.rows:
        text = row.text
        if text.isascii():
            continue
        if "\ufffd" in text:
            wrong = f"holds U+FFFD ({show(text)}), which stands for characters that a conversion lost"
            return Finding(shape.path, wrong, "make the file anew from its source", row.line)
        if "\ufeff" in text:
            wrong = "holds a byte order mark (U+FEFF) amid the text, as joined files do; it is read as a character"
            return Finding(shape.path, wrong, mending(shape.path, "perl -pe 's/\\xef\\xbb\\xbf//g'"), row.line)
        for encoding in ("WINDOWS-1252", "ISO-8859-1"):
            if _is_doubly_encoded(text, encoding):
                wrong = f"looks like UTF-8 that was taken for {encoding} ({show(text)})"
                return Finding(shape.path, wrong, mending(shape.path, f"iconv -f UTF-8 -t {encoding}"), row.line)
    return None


def _is_doubly_encoded(text: str, encoding: str) -> bool:
    try:
        return text.encode(encoding).decode("utf-8") != text
    except UnicodeError:
        return False


def find_constant(shape: Shape) -> Finding | None:
    """A side that is everywhere the same."""
    for number, side in ((1, "source"), (2, "target")):
        cells = shape.column(number)
        if len(cells) > 2 and len(set(cells)) == 1:
            wrong = f"the {side} is {show(cells[0])} on all of {shape.extent()}"
            return Finding(shape.path, wrong, "see whether the columns are those that are meant")
    return None


def find_copies(shape: Shape) -> Finding | None:
    """Sources that are their own targets."""
    if len(shape.rows) < FEW_ROWS or shape.column(1) != shape.column(2):
        return None
    wrong = f"source and target are the same on all of {shape.extent()}"
    return Finding(shape.path, wrong, "if that is not meant, see whether the right columns or files were given")
