"""How probable given targets are, pair by pair."""

import sys
from collections.abc import Iterable, Iterator

import tensorflow as tf
from tqdm import tqdm

from pipeline.corpus import Pair
from pipeline.predictor import BATCH_SIZE, Predictor
from pipeline.symbols import END, SPECIAL_SYMBOLS
from pipeline.text import CHUNK, in_chunks, unescape


def score_pairs(predictor: Predictor, pairs: Iterable[Pair], tokens: bool = False) -> Iterator[float]:
    """log p(target, end symbol included) of every pair, in order; streams.

    Args:
        predictor: A model, live or exported.
        pairs: Sources and targets.
        tokens: Targets are symbols with spaces between, as the search gave them; an end symbol at the end may be
            there or not.
    """
    with tqdm(desc="scoring", unit=" pairs", file=sys.stderr, leave=False) as bar:
        for chunk in in_chunks(pairs, CHUNK):
            # Pairs of like length together.
            order = sorted(range(len(chunk)), key=lambda index: len(chunk[index].source) + len(chunk[index].target))
            scores = [0.0] * len(chunk)
            for batch in in_chunks(order, BATCH_SIZE):
                found = _score_batch(predictor, [chunk[index] for index in batch], tokens)
                for index, score in zip(batch, found, strict=True):
                    scores[index] = score
                bar.update(len(batch))
            yield from scores


def _score_batch(predictor: Predictor, pairs: list[Pair], tokens: bool) -> list[float]:
    sources = tf.constant([pair.source for pair in pairs])
    if tokens:
        rows = tf.ragged.constant([split_tokens(pair.target) for pair in pairs], dtype=tf.string, ragged_rank=1)
        found = predictor.model.score_tokens(sources, rows.to_tensor())
    else:
        found = predictor.model.score(sources, tf.constant([pair.target for pair in pairs]))
    return list(map(float, found["score"].numpy()))


def split_tokens(target: str) -> list[str]:
    r"""Symbols with spaces between, without the end symbol at their end.

    Example:
        >>> split_tokens(r"a \u{20} b </s>")
        ['a', ' ', 'b']
    """
    symbols = [unescape(token) for token in target.split(" ") if token]
    return symbols[:-1] if symbols[-1:] == [SPECIAL_SYMBOLS[END]] else symbols
