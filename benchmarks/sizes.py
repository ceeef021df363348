"""What is measured: three sizes of network and batch, random pairs for them, and the work that they are."""

import dataclasses
from typing import NamedTuple

import numpy as np

from pipeline.settings.model import ModelConfiguration
from pipeline.text.symbols import END, PAD, SPECIAL_SYMBOLS, START


@dataclasses.dataclass(frozen=True)
class Size:
    """A network and a batch.

    Args:
        units: Units of decoder, encoder directions, attention and readout.
        embedding_units: Size of the embeddings.
        batch: Pairs in a batch.
        length: Symbols of the longest source, end symbol included.
        target_length: The same of the targets; None takes length.
        vocabulary: Size of both vocabularies.
        dropout: Share dropped, in the same places of both models.
        ragged: Draw lengths from half to full, instead of all full; PyTorch then packs its sources.
    """

    units: int = 256
    embedding_units: int = 128
    batch: int = 256
    length: int = 12
    target_length: int | None = None
    vocabulary: int = 45
    dropout: float = 0.2
    ragged: bool = False

    def model(self) -> ModelConfiguration:
        """The network."""
        return ModelConfiguration(units=self.units, embedding_units=self.embedding_units, dropout=self.dropout)


SIZES = {
    "small": Size(units=128, embedding_units=64, batch=64, length=10),
    "g2p": Size(),
    "nmt": Size(units=512, embedding_units=256, batch=64, length=20, vocabulary=8000),
}

WORK = """2 x products of the equations as they are written, forward, times 3 for the gradients; per pair of S source
and T target symbols, with H units, E embedding units and V symbols:
    encoder   S * 2 * (E + H) * 3H        keys      S * 2H * H          bridge   2H * H
    decoder   T * ((E + 2H + H) * 3H + H * H + S * H + S * 2H)          attention's two sums over S among them
    readout   T * ((E + H + 2H) * H + H * V)"""


def training_work(size: Size, sources: np.ndarray, targets: np.ndarray) -> float:
    """Floating-point operations of a training step over real symbols, by the formula in `WORK`.

    Args:
        size: The network.
        sources: `[batch]` source lengths S.
        targets: `[batch]` target lengths T.
    """
    units, features, vocabulary = size.units, size.embedding_units, size.vocabulary
    source, target = sources.astype("float64"), targets.astype("float64")
    encoder = source * 2 * (features + units) * 3 * units + source * 2 * units * units + 2 * units * units
    step = (features + 3 * units) * 3 * units + units * units + source * 3 * units
    readout = (features + 3 * units) * units + units * vocabulary
    return float(3 * 2 * (encoder + target * (step + readout)).sum())


class Batch(NamedTuple):
    """Random pairs, `[batch, length]` int32 ids each."""

    source: np.ndarray
    target_inputs: np.ndarray
    targets: np.ndarray

    @property
    def source_lengths(self) -> np.ndarray:
        """`[batch]`, end symbols counted."""
        return (self.source != PAD).sum(axis=1)

    @property
    def target_lengths(self) -> np.ndarray:
        """`[batch]`, end symbols counted."""
        return (self.targets != PAD).sum(axis=1)


def random_batch(size: Size, seed: int = 1) -> Batch:
    """Pairs of random symbols with an end symbol and padding; the longest row is always of full length."""
    generator = np.random.default_rng(seed)
    lengths = (size.length, size.target_length or size.length)
    source, targets = (_random_ids(generator, size, length) for length in lengths)
    starts = np.full((len(targets), 1), START, targets.dtype)
    return Batch(source, np.concatenate([starts, targets[:, :-1]], axis=1), targets)


def _random_ids(generator: np.random.Generator, size: Size, longest: int) -> np.ndarray:
    lengths = generator.integers(max(1, longest // 2) if size.ragged else longest, longest + 1, size.batch)
    lengths[0] = longest
    ids = generator.integers(len(SPECIAL_SYMBOLS), size.vocabulary, (size.batch, longest))
    place = np.arange(longest)
    ids = np.where(place == lengths[:, None] - 1, END, ids)
    return np.where(place < lengths[:, None], ids, PAD).astype("int32")
