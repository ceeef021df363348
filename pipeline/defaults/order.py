"""Whether targets follow the order of their sources, as sounds follow letters and the words of a translation do not."""

import itertools
from collections.abc import Sequence

import numpy as np

MOST_PAIRS = 1_000
MOST_SYMBOLS = 40
"""Longer strings are not looked at: of a long one the counts are many, and say the same."""
ROUNDS = 6


def forward_share(sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> float:
    """How strictly targets move forward through their sources: 1 always, 0 without any order, -1 backward.

    A symbol's translations are learned by expectation maximisation of the first model of Brown et al. (1993),
    https://aclanthology.org/J93-2003, which knows nothing of positions:

        p(j | t) = p(y_t | x_j) / Σ_k p(y_t | x_k)        p(y | x) ∝ Σ p(j | t) over all y_t = y, x_j = x

    Then the mean positions Σ_j p(j | t) j of every two symbols of a target are compared, as in Kendall's tau.

    Args:
        sources: Symbols of each source.
        targets: Of each target.

    Example:
        >>> words = ["abc", "bca", "cab", "acb", "ab", "ca"]
        >>> forward_share(words, words), forward_share(words, [word[::-1] for word in words])
        (1.0, -1.0)
    """
    kept = [
        (source, target)
        for source, target in zip(sources, targets, strict=True)
        if 0 < len(source) <= MOST_SYMBOLS and 1 < len(target) <= MOST_SYMBOLS
    ]
    pairs = kept[:: max(1, -(-len(kept) // MOST_PAIRS))]
    if not pairs:
        return 0.0
    ids = [_ids(itertools.chain.from_iterable(side)) for side in zip(*pairs, strict=True)]
    cells = [
        np.ix_(*(np.array([known[symbol] for symbol in side]) for known, side in zip(ids, pair, strict=True)))
        for pair in pairs
    ]
    probable = np.ones([len(known) for known in ids])
    for _ in range(ROUNDS):
        counts = np.full(probable.shape, 1e-6)
        for cell in cells:
            np.add.at(counts, cell, _links(probable[cell]))
        probable = counts / counts.sum(axis=1, keepdims=True)
    concordant = total = 0.0
    for (source, _), cell in zip(pairs, cells, strict=True):
        agreed, weight = _concordance(
            _links(probable[cell]), np.array([source.count(symbol) == 1 for symbol in source])
        )
        concordant, total = concordant + agreed, total + weight
    return round(concordant / total, 3) if total else 0.0


def _concordance(links: np.ndarray, single: np.ndarray) -> tuple[float, float]:
    """How many pairs of a target's symbols stand in the order of what they come from, less the others; of how many.

    Args:
        links: p(j | t), `[source, target]`.
        single: Which source symbols their source has only once: of others it cannot be told which one was meant, and a
            target symbol counts as far as it comes from these.
    """
    links = links * single[:, None]
    weights = links.sum(axis=0)
    places = np.arange(len(links)) @ links / np.maximum(weights, 1e-9)
    later = np.triu_indices(len(places), 1)
    steps = np.sign(np.round(places[None, :] - places[:, None], 3))[later]
    both = np.outer(weights, weights)[later] * (steps != 0)
    return float((both * steps).sum()), float(both.sum())


def _ids(symbols: "itertools.chain[str]") -> dict[str, int]:
    return {symbol: number for number, symbol in enumerate(dict.fromkeys(symbols))}


def _links(probable: np.ndarray) -> np.ndarray:
    """p(j | t), `[source, target]`, of p(y | x) of the same cells."""
    return probable / probable.sum(axis=0, keepdims=True)
