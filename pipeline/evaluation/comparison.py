"""What people have, made comparable: references as lines or as pairs, outputs as files of any kind or as models."""

import functools
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.errors import DataError, UsageError, count_of
from pipeline.evaluation.differences import Items, find_differences, find_near_misses
from pipeline.evaluation.output_files import read_outputs
from pipeline.evaluation.significance import Comparison, compare_outputs, sentence_figures, symbol_figures
from pipeline.files.lines import read_lines
from pipeline.pairs.columns import Columns
from pipeline.pairs.file_shape import is_csv
from pipeline.pairs.locations import is_built_in
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import look_at, read_pairs
from pipeline.pairs.references import fold_source
from pipeline.prediction.pair_check import require_features
from pipeline.settings.text import TextConfiguration
from pipeline.unicode.normal_forms import normalize_string, to_form
from pipeline.unicode.white_space import split, strip

if TYPE_CHECKING:
    from pipeline.answering.predictions import AnswersStrings

logger = logging.getLogger(__name__)

MOST = 0.9


class ComparedBy(NamedTuple):
    """By what is compared; what is left out follows the data."""

    symbols: str | None = None
    """WER and PER of symbols, "space" or "char"."""
    tokens: str | None = None
    """BLEU, chrF and TER, and how BLEU cuts text."""
    lowercase: bool = False
    separator: str | None = None
    """What stands between symbols of "space"; None is white space."""


class _References(NamedTuple):
    place: str
    pairs: list[Pair]
    """Their sources are '' where they are not known."""
    has_sources: bool

    def group(self, text: TextConfiguration) -> list[list[int]]:
        """The places of the pairs that have the same source, in order of first appearance."""
        groups: dict[str, list[int]] = {}
        for place, pair in enumerate(self.pairs):
            groups.setdefault(fold_source(pair.source, text), []).append(place)
        return list(groups.values())


def is_model(place: str) -> bool:
    """Whether outputs are to be made now: a directory, or several with commas between them."""
    parts = [place] if os.path.lexists(place) else [part.strip() for part in place.split(",")]
    return all(map(os.path.isdir, parts))


def compare(
    reference: str,
    places: tuple[str, str],
    figures: ComparedBy,
    samples: int,
    seed: int,
    columns: Columns | None = None,
) -> Comparison:
    """Compare two outputs for the same inputs.

    Args:
        reference: A file with a reference a line; or pairs, as `read_pairs` takes them: a source on several lines has
            several references, and is one item if symbols are compared, as in `evaluate`.
        places: Files with an output for every line, or for every distinct source; or runs and exports, which are
            decoded now.
        figures: By what.
        samples: How many bootstrap samples.
        seed: Of the samples, from 1.
        columns: Which columns of a table are taken, see `data.columns`; None: those of a run among the outputs.

    Raises:
        UsageError: A model is given, but no sources.
        DataError: A file cannot be read or is empty, or numbers of lines do not fit.
    """
    references = _read_references(reference, places, columns)
    predictors = {place: _load(place, references) for place in places if is_model(place)}
    for predictor in predictors.values():
        require_features(predictor, reference, columns or _columns_of(places))
    texts = [predictor.text for predictor in predictors.values()]
    warn_of_unlike(texts)
    figures = _choose(figures, references, texts[0] if texts else None)
    text = texts[0] if texts else TextConfiguration(normalization="none")
    sources = [pair.source for pair in references.pairs] if references.has_sources else None
    files = {place: read_outputs(place, sources) for place in places if place not in predictors}
    apart = [[place] for place in range(len(references.pairs))]
    groups = references.group(text) if references.has_sources else apart
    by_source = figures.symbols is not None or any(len(lines) != len(apart) for lines in files.values())
    units = groups if by_source else apart
    outputs = [
        _decode(place, predictors[place], references, units)
        if place in predictors
        else _align(place, files[place], references, units, groups)
        for place in places
    ]
    form = normalizer(text, figures.symbols is not None) if texts else _compose
    return compare_items(_make_items(references, units, outputs, form), places, figures, samples, seed)


def _make_items(
    references: _References, units: list[list[int]], outputs: list[list[str]], form: Callable[[str], str]
) -> Items:
    firsts = [references.pairs[unit[0]] for unit in units]
    a, b = ([form(line) for line in lines] for lines in outputs)
    return Items(
        lines=[pair.line for pair in firsts],
        sources=[pair.source for pair in firsts] if references.has_sources else None,
        references=[list(dict.fromkeys(form(references.pairs[place].target) for place in unit)) for unit in units],
        a=a,
        b=b,
    )


def normalizer(text: TextConfiguration, symbols: bool = True) -> Callable[[str], str]:
    """What brings outputs and references into the form in which `evaluate` compares them; of sentences, case is the
    metrics' matter.
    """
    return lambda string: normalize_string(string, text.compared.target_form, symbols and text.lowercase)


def _compose(string: str) -> str:
    """Files of anybody's: a letter and its marks are the same, however they were written."""
    return to_form(string, "nfc")


def _read_references(reference: str, places: Sequence[str], columns: Columns | None) -> _References:
    if is_built_in(reference) or not os.path.exists(reference) or os.path.isdir(reference):
        return _References(reference, list(read_pairs(reference, "test")), True)
    if columns is not None or is_csv(reference):
        return _read_table(reference, columns)
    lines = list(read_lines(reference))
    tables = sum("\t" in line for line in lines)
    if tables and tables == sum(bool(strip(line)) for line in lines):
        if os.path.isfile(reference):
            return _read_table(reference, _columns_of(places))
        sides = [line.split("\t") for line in lines]  # of a pipe, which can be read but once
        pairs = [Pair(strip(side[0]), strip(side[1]), number) for number, side in enumerate(sides, 1) if len(side) > 1]
        return _References(reference, pairs, True)
    if tables:
        has = count_of(tables, "line has", "lines have")
        logger.warning("%s: %s a TAB, but not all: taken as text, not as source TAB target", reference, has)
    return _References(reference, [Pair("", line, number) for number, line in enumerate(lines, 1)], False)


def _read_table(reference: str, columns: Columns | None) -> _References:
    look_at(reference, columns=columns)
    return _References(reference, list(read_pairs(reference, "test", columns=columns)), True)


def _columns_of(places: Sequence[str]) -> Columns | None:
    """Those that a run among the outputs was trained by."""
    from pipeline.saved_models.own_splits import find_columns

    found = (find_columns(Path(place), None) for place in places if is_model(place))
    return next((columns for columns in found if columns), None)


def _load(place: str, references: _References) -> "AnswersStrings":
    if not references.has_sources:
        raise UsageError(
            f"{references.place}: has no sources for {place} to decode; give pairs as REFERENCE (a TSV file of source "
            f"TAB target, or SOURCE,TARGET), or what `predict {place}` wrote in the place of {place}"
        )
    from pipeline.saved_models.opening import open_model  # with TensorFlow, unless it is a folder

    return open_model(Path(place))


def warn_of_unlike(texts: Sequence[TextConfiguration]) -> None:
    """Say in what two models' outputs are compared as the first has it."""
    for key in ("normalization", "target_normalization", "lowercase", "target_tokenizer", "target_separator"):
        values = [text.target_form if key == "target_normalization" else getattr(text, key) for text in texts]
        if len(set(values)) > 1:
            logger.warning("text.%s is %r in A, %r in B: compared as A has it", key, *values)


def compared_by(text: TextConfiguration) -> ComparedBy:
    """By what a model's outputs are compared, if nothing else is asked for.

    Example:
        >>> compared_by(TextConfiguration(target_tokenizer="space")).symbols
        'space'
    """
    symbols = None if text.has_sentences else "space" if text.target_tokenizer == "space" else "char"
    return ComparedBy(symbols, None, text.lowercase, text.compared.side("target").separator)


def _choose(figures: ComparedBy, references: _References, text: TextConfiguration | None) -> ComparedBy:
    """What was not asked for, with a word about it."""
    own = compared_by(text) if text else None
    if own and own.lowercase:
        figures = figures._replace(lowercase=True)
    if figures.separator is not None:
        figures = figures._replace(separator=_compose(figures.separator))
    elif own:
        figures = figures._replace(separator=own.separator)
    if figures.symbols or figures.tokens:
        return figures
    targets = [pair.target for pair in references.pairs]
    if text and own:
        symbols = own.symbols
        why = f"text.target_tokenizer is {text.target_tokenizer}"
    elif references.has_sources and _are_words([pair.source for pair in references.pairs]):
        symbols, why = "char" if _are_words(targets) else "space", "sources are single words"
    else:
        symbols, why = "char" if _are_words(targets) else None, "references are single words"
    if symbols:
        between = "white space" if figures.separator is None else repr(figures.separator)
        of = "characters" if symbols == "char" else f"symbols between {between}"
        logger.info("compared by WER and PER of %s (--symbols %s), as %s", of, symbols, why)
    return figures._replace(symbols=symbols)


def _are_words(texts: Sequence[str]) -> bool:
    return sum(len(split(text)) == 1 for text in texts) >= MOST * len(texts)


def _decode(place: str, predictor: "AnswersStrings", references: _References, units: list[list[int]]) -> list[str]:
    from pipeline.process.messages import progress_bar

    sources = [references.pairs[unit[0]].source for unit in units]
    with progress_bar(total=len(sources), desc=f"decoding with {place}", unit=" sources") as bar:
        predictions = predictor.predict(sources, on_progress=bar.update)
    return [prediction.texts[0] if prediction.texts else "" for prediction in predictions]


def _align(
    place: str, lines: list[str], references: _References, units: list[list[int]], groups: list[list[int]]
) -> list[str]:
    """An output for every unit, of a file that has one for every pair or for every distinct source."""
    if len(lines) == len(references.pairs):
        return [lines[unit[0]] for unit in units]
    if len(lines) == len(groups):
        return lines
    distinct = f" ({count_of(len(groups), 'distinct source')})" if references.has_sources else ""
    raise DataError(
        f"{references.place} has {len(references.pairs)} lines{distinct}, {place} has {len(lines)} lines; "
        "line-aligned files must have equally many, so look for the line that one of them lacks"
    )


def compare_items(
    items: Items, places: tuple[str, str], figures: ComparedBy, samples: int = 1000, seed: int = 12345
) -> Comparison:
    """Compare what was read or decoded already.

    Args:
        items: Outputs and references, in the form in which they are compared.
        places: What the outputs are called.
        figures: By what; something must be asked for.
        samples: See `compare`.
        seed: See there.
    """
    if figures.symbols:
        metrics = symbol_figures(figures.symbols, figures.lowercase, figures.separator)  # type: ignore[arg-type]
    else:
        metrics = sentence_figures(figures.tokens or "13a", figures.lowercase)
    results = compare_outputs(items.references, items.a, items.b, metrics, samples, seed)
    key = _key(figures)
    for name, outputs in (("A", items.a), ("B", items.b)):
        for miss in find_near_misses(outputs, items.references, key):
            remedy = " (--lowercase leaves it aside)" if "case" in miss else ""
            logger.warning("outputs of %s differ from a reference, %s%s", name, miss, remedy)
    return Comparison(places, len(items.references), samples, seed, results, find_differences(items, key))


def _key(figures: ComparedBy) -> Callable[[str], Any]:
    """What of a text decides whether it is right."""
    words = functools.partial(split, separator=figures.separator if figures.symbols else None)
    cut: Callable[[str], Any] = strip if figures.symbols == "char" else words
    return (lambda text: cut(text.lower())) if figures.lowercase else cut
