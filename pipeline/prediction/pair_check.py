"""What pairs hold that a model cannot read or write: said, so that figures are not taken for the model's fault."""

import logging
from collections.abc import Callable, Iterable, Sequence

from pipeline.answering.predictions import AnswersStrings, PairScores, Prediction
from pipeline.data.length_limits import describe_limited
from pipeline.errors import UsageError, count_of
from pipeline.pairs.columns import Columns
from pipeline.pairs.locations import is_built_in, source_files
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import look_at
from pipeline.plain_text.cutting import split_sources, split_targets
from pipeline.stores.copies import is_there
from pipeline.text.symbol_tally import SymbolTally

logger = logging.getLogger(__name__)

SAMPLE = 64
IMPROBABLE = -3.0
"""The mean log p of a symbol that no translation of a source has, if the model has learned anything."""
_CONSEQUENCES = {
    "reference": "no output can equal them",
    "target": "each is scored as <unk>, and the score tells little",
}


def look_first(location: str, columns: Columns | None = None) -> None:
    """Look at the files before they are read, see `corpus.look_at`; not at a pipe, which can be read but once.

    Raises:
        DataError: They cannot be read, or cannot be meant so.
    """
    if is_built_in(location) or all(map(is_there, source_files(location))):
        look_at(location, columns=columns)


def require_features(predictor: AnswersStrings, location: str, columns: Columns | None) -> None:
    """Refuse a table of which nobody has said where its features are, for a model that reads them.

    Raises:
        UsageError: An export or a folder, which do not know the columns that they were trained by.
    """
    is_table = not is_built_in(location) and len(source_files(location)) == 1
    if predictor.text.feature_separator is not None and columns is None and is_table:
        raise UsageError(
            f"{location}: the model reads features beside its sources; say which columns hold what, as in "
            "--data.columns '{source: 1, target: 2, features: 3}', or leave features out there to measure without any"
        )


def tally_sources(predictor: AnswersStrings, sources: Sequence[str], tally: SymbolTally) -> None:
    """Add the sources with symbols that training lacks."""
    text = predictor.text
    if not text.source.bytewise:  # those read everything, byte by byte
        _tally(split_sources(sources, text), predictor.known.lacking_in_source, tally)


def tally_targets(predictor: AnswersStrings, targets: Sequence[str], tally: SymbolTally) -> None:
    """Add the targets with symbols that the model cannot write."""
    if not predictor.text.target.bytewise:  # those write everything, byte by byte
        tally_target_symbols(predictor, split_targets(targets, predictor.text), tally)


def tally_target_symbols(predictor: AnswersStrings, rows: Sequence[Sequence[str]], tally: SymbolTally) -> None:
    """The same of targets that are cut into symbols already."""
    _tally(rows, predictor.known.lacking_in_target, tally)


def _tally(rows: Sequence[Sequence[str]], ask: Callable[[Iterable[str]], list[str]], tally: SymbolTally) -> None:
    lacking = set(ask(symbol for row in rows for symbol in row))
    for row in rows:
        found = [symbol for symbol in row if symbol in lacking]
        if found:
            tally.add(found)


def warn_of_targets(predictor: AnswersStrings, tally: SymbolTally, number: int, item: str) -> None:
    """Say which symbols the model cannot write, and what follows.

    Args:
        predictor: The model.
        tally: Of the targets.
        number: How many targets there are.
        item: "reference" or "target".
    """
    if not tally.items:
        return
    follows = _CONSEQUENCES[item]
    if item == "reference" and predictor.copies_unknown:
        follows = "an output equals them only where it copies (search.replace_unknown)"
    said = tally.sentence(number, item, ("holds", "hold"), "the model cannot write")
    logger.warning("%s: %s%s", said, follows, predictor.known.hint_at_target(list(tally.symbols)))


def warn_of_references(predictor: AnswersStrings, references: Sequence[Sequence[str]]) -> None:
    """The same of references, several for each source."""
    tally, flat = SymbolTally(), [reference for alternatives in references for reference in alternatives]
    tally_targets(predictor, flat, tally)
    warn_of_targets(predictor, tally, len(flat), "reference")


def warn_of_sources(predictor: AnswersStrings, tally: SymbolTally, cut: int, number: int, done: str) -> None:
    """Say how many sources were cut, and which symbols training lacks.

    Args:
        predictor: The model.
        tally: Of the sources with such symbols.
        cut: How many were cut.
        number: How many sources there are.
        done: What was done with them all the same.
    """
    if cut:
        said = count_of(
            cut, "source is longer than the model reads: it was", "sources are longer than the model reads: they were"
        )
        logger.warning("%s cut, %s", said, done)
    if tally.items:
        said = tally.sentence(number, "source", ("has", "have"), "training lacks")
        were = "it was" if tally.items == 1 else "they were"
        logger.warning("%s: %s %s%s", said, were, done, predictor.known.hint_at_source(list(tally.symbols)))


def warn_of_predictions(predictor: AnswersStrings, predictions: Sequence[Prediction]) -> None:
    """The same of sources that were decoded to be measured."""
    check = PredictionCheck(predictor)
    check.add(predictions)
    check.warn()


class PredictionCheck:
    """The same where they come in parts.

    Args:
        predictor: What decodes them.
    """

    def __init__(self, predictor: AnswersStrings) -> None:
        self.predictor, self.tally = predictor, SymbolTally()
        self.number = self.silent = self.cut = self.limited = 0

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Some of them."""
        self.number += len(predictions)
        self.silent += sum(not prediction.hypotheses for prediction in predictions)
        self.cut += sum(prediction.cut for prediction in predictions)
        self.limited += sum(prediction.limited for prediction in predictions)
        for prediction in predictions:
            if prediction.unknown:
                self.tally.add(self.predictor.known.lacking_in_source(prediction.source_tokens[:-1]))

    def warn(self) -> None:
        """Say what there is to say of all."""
        if self.silent:
            said = count_of(self.silent, "source has", "sources have")
            logger.warning("%s no output, the model's scores are no numbers", said)
        warn_of_sources(self.predictor, self.tally, self.cut, self.number, "decoded and counted")
        if self.limited:
            logger.warning("%s", describe_limited(self.limited))


def warn_of_swapped(predictor: AnswersStrings, pairs: Sequence[Pair]) -> None:
    """Say so if targets stand before sources, as far as the first pairs tell.

    Then most pairs have unknown symbols on both sides, but not turned round; or, where nothing is unknown, pairs are
    improbable, but not turned round.
    """
    sources, targets = [pair.source for pair in pairs[:SAMPLE]], [pair.target for pair in pairs[:SAMPLE]]
    if not sources:
        return
    unknown, probability = _look_at(predictor.score(sources, targets))
    if unknown < 0.5 and probability > IMPROBABLE:
        return
    turned_unknown, turned_probability = _look_at(predictor.score(targets, sources))
    is_known = unknown >= 0.5 and turned_unknown < 0.1
    is_likelier = turned_probability > max(IMPROBABLE, probability + 2)
    if is_known or is_likelier:
        logger.warning(
            "sources and targets look swapped: the model reads the second column and writes the first; give them "
            "turned round (awk -F '\\t' -v OFS='\\t' '{print $2, $1}' FILE)"
        )


def _look_at(scores: PairScores) -> tuple[float, float]:
    """The share of pairs with unknown symbols on both sides, and the mean log p of a target symbol."""
    unknown = (scores.unknown > 0) & (scores.target_unknown > 0)
    return float(unknown.mean()), float(scores.score.sum() / scores.target_length.sum())
