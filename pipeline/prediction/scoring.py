"""How probable given targets are, pair by pair.

A score is log p(target | source), the natural logarithm, end symbol included: at most 0, and better the nearer to 0.
That of a longer target is lower by nature: compare targets of one source, or scores divided by the numbers of symbols.
"""

import logging
from collections.abc import Callable, Iterable, Iterator

from pipeline.answering.predictions import AnswersStrings, PairScores
from pipeline.errors import DataError, count_of
from pipeline.pairs.pair_file import Pair
from pipeline.prediction.pair_check import (
    tally_sources,
    tally_target_symbols,
    tally_targets,
    warn_of_sources,
    warn_of_swapped,
    warn_of_targets,
)
from pipeline.text.chunks import BATCH_SIZE, CHUNK, in_chunks
from pipeline.text.symbol_tally import SymbolTally
from pipeline.text.symbols import END, SPECIAL_SYMBOLS
from pipeline.text.vocabulary import unescape

logger = logging.getLogger(__name__)


def score_pairs(
    predictor: AnswersStrings,
    pairs: Iterable[Pair],
    tokens: bool = False,
    location: str = "pairs",
    on_progress: Callable[[int], object] | None = None,
) -> Iterator[float]:
    """log p(target, end symbol included) of every pair, in order; streams. What the model lacks is said at the end.

    Args:
        predictor: A model, live or exported, or a folder.
        pairs: Sources and targets.
        tokens: Targets are symbols with spaces between, as the search gave them; an end symbol at the end may be
            there or not.
        location: Where the pairs come from, for messages.
        on_progress: Called with the number of pairs scored since the last call.

    Raises:
        DataError: A target holds what is no symbol.
    """
    report = _Report(predictor, tokens)
    for chunk in in_chunks(pairs, CHUNK, lambda pair: len(pair.source) + len(pair.target)):
        # Pairs of like length together.
        order = sorted(range(len(chunk)), key=lambda index: len(chunk[index].source) + len(chunk[index].target))
        scores = [0.0] * len(chunk)
        for batch in in_chunks([(index, chunk[index]) for index in order], BATCH_SIZE, _count_characters):
            asked = [pair for _, pair in batch]
            found = _score_batch(predictor, asked, tokens, location)
            report.add(asked, found)
            for (index, _), score in zip(batch, found.score.tolist(), strict=True):
                scores[index] = score
            if on_progress:
                on_progress(len(batch))
        yield from scores
    report.close()


class _Report:
    """What sources and targets hold that the model lacks; said at the end.

    Args:
        predictor: The model.
        tokens: Whether targets are cut into symbols.
    """

    def __init__(self, predictor: AnswersStrings, tokens: bool) -> None:
        self.predictor, self.tokens = predictor, tokens
        self.number = self.cut = self.targets_cut = 0
        self.sources, self.targets = SymbolTally(), SymbolTally()

    def add(self, pairs: list[Pair], found: PairScores) -> None:
        """Pairs, and what the model said of them."""
        if not self.number:
            warn_of_swapped(self.predictor, pairs)
        self.number += len(pairs)
        self.cut += int(found.cut.sum())
        self.targets_cut += int(found.target_cut.sum())
        sources = [pair.source for pair, unknown in zip(pairs, found.unknown, strict=True) if unknown]
        tally_sources(self.predictor, sources, self.sources)
        targets = [pair.target for pair, unknown in zip(pairs, found.target_unknown, strict=True) if unknown]
        if self.tokens:
            tally_target_symbols(self.predictor, list(map(split_tokens, targets)), self.targets)
        else:
            tally_targets(self.predictor, targets, self.targets)

    def close(self) -> None:
        """The end of the pairs."""
        if self.targets_cut:
            logger.warning(
                "%s longer than any output: cut, and the score is of what is left",
                count_of(self.targets_cut, "target is", "targets are"),
            )
        warn_of_sources(self.predictor, self.sources, self.cut, self.number, "scored all the same")
        warn_of_targets(self.predictor, self.targets, self.number, "target")


def _count_characters(numbered: tuple[int, Pair]) -> int:
    return len(numbered[1].source) + len(numbered[1].target)


def _score_batch(predictor: AnswersStrings, pairs: list[Pair], tokens: bool, location: str) -> PairScores:
    sources = [pair.source for pair in pairs]
    if tokens:
        return predictor.score_tokens(sources, [_split_target(pair, location) for pair in pairs])
    return predictor.score(sources, [pair.target for pair in pairs])


def _split_target(pair: Pair, location: str) -> list[str]:
    try:
        symbols = split_tokens(pair.target)
        "".join(symbols).encode()
    except (ValueError, OverflowError) as error:
        remedy = "write symbols as predict --json gives them"
        raise DataError(f"{location}:{pair.line}: not a symbol ({error}); {remedy}") from error
    return symbols


def split_tokens(target: str) -> list[str]:
    r"""Symbols with spaces between, without the end symbol at their end.

    Example:
        >>> split_tokens(r"a \u{20} b </s>")
        ['a', ' ', 'b']
    """
    symbols = [unescape(token) for token in target.split(" ") if token]
    return symbols[:-1] if symbols[-1:] == [SPECIAL_SYMBOLS[END]] else symbols
