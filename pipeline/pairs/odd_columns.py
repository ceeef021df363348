"""Columns that cannot be source and target, or may not be: probabilities, features, numbers."""

import re
from collections.abc import Sequence

from pipeline.files.first_bytes import mending
from pipeline.pairs.file_shape import FEW_ROWS, MOST, SOME, Finding, Shape, is_nearly_all, share_of, show

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SHARE = re.compile(r"(?:0?\.\d+|0|1|1\.0*)(?:[eE]-\d+)?")
_WHOLE = re.compile(r"\d{1,18}")
_PARTS_OF_SPEECH = "N V ADJ ADV PRO PRON DET ADP NUM PROPN ART AUX CONJ PART INTJ CLF COMP NOUN VERB"
_FEATURES = re.compile(
    # UniMorph, `V;PST;3;SG`; Universal Dependencies, `Case=Nom|Number=Sing`; SIGMORPHON 2016, `pos=N,case=NOM`.
    rf"(?:{'|'.join(_PARTS_OF_SPEECH.split())})(?:[.][A-Z]+)?(?:;[A-Z0-9][\w.+/{{}}(),-]*|;\{{[^;\s]*)*"
    r"|(?:[A-Z]+[|])?\w+=[^\s=|,;]+(?:[|,;]\w+=[^\s=|;]+)*"
)


# What cannot be meant


def find_probabilities(shape: Shape) -> Finding | None:
    """Numbers as targets beside text that is left out: pronunciation dictionaries with probabilities."""
    targets = shape.column(2)
    other = next(
        (number for number in range(3, shape.columns + 1) if share_of(shape.column(number), _NUMBER) < SOME), 0
    )
    decimals = any("." in target for target in targets)
    if not (other and decimals and is_nearly_all(targets, _NUMBER) and len(shape.column(other)) > MOST * len(targets)):
        return None
    wrong = f"column 2, the target, holds numbers ({show(targets[-1])}), probabilities perhaps, and column {other} text"
    return _wrong_columns(shape, wrong, 1, other)


def find_leading_probabilities(shape: Shape) -> Finding | None:
    """A number before the symbols of every target: Kaldi's `lexiconp.txt`."""
    targets = shape.column(2)
    first, rest = zip(*(target.partition(" ")[::2] for target in targets), strict=True) if targets else ((), ())
    if len(targets) < 3 or not is_nearly_all(first, _SHARE) or not any("." in number for number in first):
        return None
    if not all(rest) or share_of(rest, re.compile(r"[-+.\d\s]*")) > 0:
        return None
    command = mending(shape.path, "perl -pe 's/\\t[0-9.eE-]+ +/\\t/'")
    return Finding(
        shape.path, f"every target begins with a number, a probability perhaps ({show(targets[-1])})", command
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
        f"column {bundles[0]} holds features ({show(columns[bundles[0] - 1][-1])}), not text, and would be the {side}"
    )
    return _wrong_columns(shape, wrong, *chosen)


def find_feature_column(shape: Shape) -> dict[str, int] | None:
    """Where features stand beside a source and a target, as `data.columns` has it; None where they do not.

    Example:
        >>> from pipeline.pairs.file_shape import shape_of
        >>> find_feature_column(shape_of(["go\\tV;PST\\twent", "cow\\tN;PL\\tcows"], "a.tsv"))
        {'source': 1, 'target': 3, 'features': 2}
    """
    if shape.columns != 3:
        return None
    bundles = [number for number in (1, 2, 3) if _are_features(shape.column(number))]
    if len(bundles) != 1:
        return None
    source, target = (number for number in (1, 2, 3) if number not in bundles)
    return {"source": source, "target": target, "features": bundles[0]}


def _are_features(cells: Sequence[str]) -> bool:
    return is_nearly_all(cells, _FEATURES) and sum(not cell.isalnum() for cell in cells) >= MOST * len(cells)


def find_identifiers(shape: Shape) -> Finding | None:
    """A number before either side, as Tatoeba's sentence pairs have."""
    if shape.columns < 4 or not all(is_nearly_all(shape.column(number), _WHOLE) for number in (1, 3)):
        return None
    if any(share_of(shape.column(number), _NUMBER) > SOME for number in (2, 4)):
        return None
    return _wrong_columns(shape, "columns 1 and 3 hold numbers, of sentences perhaps, columns 2 and 4 text", 2, 4)


def _wrong_columns(shape: Shape, wrong: str, source: int, target: int) -> Finding:
    if shape.taken is not None:
        option = choosing(source, target)
        remedy = f"{option} takes those columns ({choosing(1, 2)} if it is meant so)"
    else:
        chosen, meant = mending(shape.path, f"cut -f{source},{target}"), mending(shape.path, "cut -f1,2")
        remedy = f"{chosen} takes those columns ({meant} if it is meant so); or say {choosing(source, target)}"
    return Finding(shape.path, wrong, remedy, shape.rows[0].line)


def choosing(source: int, target: int) -> str:
    """The option that takes columns.

    Example:
        >>> choosing(1, 3)
        "--data.columns '{source: 1, target: 3}'"
    """
    return f"--data.columns '{{source: {source}, target: {target}}}'"


def _choose_or_cut(shape: Shape, source: int, target: int) -> str:
    """The option, or the command for whoever wants a file; of CSV, which `cut` does not know, the option alone."""
    option = choosing(source, target)
    return option if shape.taken is not None else f"{option}, or {mending(shape.path, f'cut -f{source},{target}')}"


def find_index(shape: Shape) -> Finding | None:
    """Numbers of rows before the pairs, under a header that has no name for them, as tables in memory are saved."""
    if len(shape.rows) < 2 or shape.rows[0].cells[0] or shape.columns < 3 or not _counts(shape.column(1)[1:]):
        return None
    command = mending(shape.path, "tail -n +2", "cut -f2,3")
    return Finding(shape.path, "column 1 counts the lines, below a header", command, shape.rows[0].line)


# What may be meant


def find_few_values(shape: Shape) -> Finding | None:
    """Languages, kinds or parts of speech as a side, beside text that is left out."""
    if shape.columns < 3 or len(shape.rows) < FEW_ROWS or len(set(shape.column(3))) < MOST * len(shape.rows):
        return None
    for number, side, others in ((1, "source", (2, 3)), (2, "target", (1, 3))):
        values = sorted(set(shape.column(number)))
        if 1 < len(values) <= SOME * len(shape.rows):
            few = ", ".join(map(show, values[:3]))
            wrong = f"column {number}, the {side}, holds only {len(values)} different texts ({few}), column 3 many"
            remedy = f"if that is not meant, {_choose_or_cut(shape, *others)}"
            return Finding(shape.path, wrong, remedy, shape.rows[0].line)
    return None


def find_running_numbers(shape: Shape) -> Finding | None:
    """An index as source."""
    if shape.columns < 3 or not _counts(shape.column(1)[1:]):
        return None
    return Finding(
        shape.path,
        "column 1 counts the lines",
        f"if it is no source, {_choose_or_cut(shape, 2, 3)}",
        shape.rows[0].line,
    )


def _counts(cells: Sequence[str]) -> bool:
    numbers = [int(cell) if _WHOLE.fullmatch(cell) else -1 for cell in cells]
    return len(numbers) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def find_counts(shape: Shape) -> Finding | None:
    """Numbers as targets beside text that is left out, where they may be meant."""
    if shape.columns < 3 or not is_nearly_all(shape.column(2), _NUMBER) or share_of(shape.column(3), _NUMBER) > SOME:
        return None
    wrong = f"column 2 holds numbers ({show(shape.column(2)[-1])}), column 3 text"
    return Finding(shape.path, wrong, f"if that is the target, {_choose_or_cut(shape, 1, 3)}", shape.rows[0].line)


def find_shares(shape: Shape) -> Finding | None:
    """Probabilities as targets."""
    targets = shape.column(2)
    if len(targets) < FEW_ROWS or shape.columns > 2 or share_of(targets, _SHARE) < 1 or len(set(targets)) < 2:
        return None
    if not any("." in target for target in targets):
        return None
    wrong = f"all targets are numbers from 0 to 1 ({show(targets[-1])}), probabilities perhaps"
    return Finding(shape.path, wrong, "see whether the targets stand in another file", shape.rows[0].line)
