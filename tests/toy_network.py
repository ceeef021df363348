"""A model small enough that all its outputs can be listed, with and without what restricts them."""

import itertools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

PAD, START, END = 0, 1, 2
OTHERS = (3, 4, 5)
VOCABULARY = 6
SOURCE = 3


class ToyNetwork:
    """A tanh recurrent network with random weights, in the graph and in NumPy."""

    def __init__(self, rows: int) -> None:
        random = np.random.default_rng(0)
        draw = {"embedding": (6, 4), "recurrent": (4, 4), "output": (4, 6), "memory": (rows, 4)}
        self.parts = {name: random.normal(size=shape).astype("float32") * 1.5 for name, shape in draw.items()}

    def step(self, tokens: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        beams = tf.shape(tokens)[0] // tf.maximum(tf.shape(memory)[0], 1)
        memory = tf.repeat(memory, beams, axis=0)
        state = tf.tanh(state @ self.parts["recurrent"] + tf.gather(self.parts["embedding"], tokens) + memory)
        return state @ self.parts["output"], state, tf.nn.softmax(state[:, :SOURCE])

    def start(self, rows: Any = slice(None)) -> tuple[tf.Tensor, tf.Tensor]:
        memory = tf.constant(self.parts["memory"][rows])
        return tf.zeros_like(memory), memory

    def follow(self, row: int, sequence: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Log p `[symbols, vocabulary]` at every symbol of a sequence, and attention `[symbols, source]`."""
        state, previous, logs, attention = np.zeros(4), START, [], []
        for symbol in sequence:
            state = np.tanh(
                state @ self.parts["recurrent"] + self.parts["embedding"][previous] + self.parts["memory"][row]
            )
            logits = state @ self.parts["output"]
            logs.append(logits - np.log(np.exp(logits).sum()))
            attention.append(np.exp(state[:SOURCE]) / np.exp(state[:SOURCE]).sum())
            previous = symbol
        return np.array(logs), np.array(attention)

    def log_probability(self, row: int, sequence: tuple[int, ...]) -> float:
        logs, _ = self.follow(row, sequence)
        return float(logs[np.arange(len(sequence)), list(sequence)].sum())


class Restrictions(NamedTuple):
    """What one input's output keeps to."""

    limit: int
    min_length: int = 0
    block_ngrams: int = 0
    prefix: tuple[int, ...] = ()

    @property
    def widened(self) -> int:
        return max(self.limit, len(self.prefix) + 1)

    def next_symbols(self, said: tuple[int, ...]) -> list[int]:
        """What may follow symbols, the definition of the search."""
        if len(said) < len(self.prefix):
            return [self.prefix[len(said)]]
        if len(said) + 1 == self.widened:
            return [END]
        n = self.block_ngrams
        grams = {said[first : first + n] for first in range(len(said) - n + 1)} if n else set()
        free = [symbol for symbol in OTHERS if (*said, symbol)[-n:] not in grams or len(said) + 1 < n]
        return [END, *free] if len(said) >= self.min_length else free

    def keeps(self, sequence: tuple[int, ...]) -> bool:
        """Whether a sequence, end symbol not included, is an output: the definition of the result."""
        n, start = self.block_ngrams, len(self.prefix)
        grams = [sequence[first : first + n] for first in range(len(sequence) - n + 1)] if n else []
        repeated = any(
            gram in grams[:first] for first, gram in enumerate(grams) if first + n > start
        )  # but for the prefix
        long_enough = len(sequence) >= min(self.min_length, self.widened - 1)
        return sequence[:start] == self.prefix and long_enough and not repeated


class Hypothesis(NamedTuple):
    penalized: float
    score: float
    sequence: list[int]


def brute_force(
    network: ToyNetwork,
    row: int,
    limit: int,
    length_penalty: float = 0.0,
    coverage: float = 0.0,
    source_length: int = SOURCE,
    **restrictions: Any,
) -> list[Hypothesis]:
    """Every output there is, best first."""
    found, kept = [], Restrictions(limit, **restrictions)
    for others in range(kept.widened):
        for said in filter(kept.keeps, itertools.product(OTHERS, repeat=others)):
            sequence = (*said, END)
            score, (_, attention) = network.log_probability(row, sequence), network.follow(row, sequence)
            uncovered = coverage * np.log(np.minimum(attention.sum(axis=0)[:source_length], 1)).sum()
            rank = score / ((5 + len(sequence)) / 6) ** length_penalty + uncovered
            found.append(Hypothesis(rank, score, list(sequence)))
    return sorted(found, reverse=True)
