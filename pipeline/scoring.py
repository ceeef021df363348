"""How probable given targets are, pair by pair."""

from collections.abc import Iterable, Iterator

import tensorflow as tf

from pipeline.corpus import Pair
from pipeline.errors import DataError
from pipeline.messages import progress_bar
from pipeline.predictor import BATCH_SIZE, Predictor
from pipeline.symbols import END, SPECIAL_SYMBOLS
from pipeline.text import CHUNK, in_chunks, unescape


def score_pairs(
    predictor: Predictor, pairs: Iterable[Pair], tokens: bool = False, location: str = "pairs"
) -> Iterator[float]:
    """log p(target, end symbol included) of every pair, in order; streams.

    Args:
        predictor: A model, live or exported.
        pairs: Sources and targets.
        tokens: Targets are symbols with spaces between, as the search gave them; an end symbol at the end may be
            there or not.
        location: Where the pairs come from, for messages.

    Raises:
        DataError: A target holds what is no symbol.
    """
    with progress_bar(desc="scoring", unit=" pairs") as bar:
        for chunk in in_chunks(pairs, CHUNK, lambda pair: len(pair.source) + len(pair.target)):
            # Pairs of like length together.
            order = sorted(range(len(chunk)), key=lambda index: len(chunk[index].source) + len(chunk[index].target))
            scores = [0.0] * len(chunk)
            for batch in in_chunks([(index, chunk[index]) for index in order], BATCH_SIZE, _count_characters):
                found = _score_batch(predictor, [pair for _, pair in batch], tokens, location)
                for (index, _), score in zip(batch, found, strict=True):
                    scores[index] = score
                bar.update(len(batch))
            yield from scores


def _count_characters(numbered: tuple[int, Pair]) -> int:
    return len(numbered[1].source) + len(numbered[1].target)


def _score_batch(predictor: Predictor, pairs: list[Pair], tokens: bool, location: str) -> list[float]:
    sources = tf.constant([pair.source for pair in pairs])
    if tokens:
        rows = tf.ragged.constant([_split_target(pair, location) for pair in pairs], dtype=tf.string, ragged_rank=1)
        found = predictor.model.score_tokens(sources, rows.to_tensor())
    else:
        found = predictor.model.score(sources, tf.constant([pair.target for pair in pairs]))
    return list(map(float, found["score"].numpy()))


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
