"""The weights of an earlier network in a new one: those of the layers and of the symbols that both have."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.model.embeddings import SHARED_EMBEDDING, SOURCE_EMBEDDING
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary

NEW = -1
"""In the place of the earlier id of a symbol that the earlier vocabulary lacks."""
_OUTPUT = "decoder/output_projection/"


class Sides(NamedTuple):
    """The earlier id of every symbol, or NEW."""

    source: np.ndarray
    target: np.ndarray
    earlier_targets: int
    """Size of the earlier target vocabulary: with `model.copy` the output has a column more, for the gate."""


class TakenOver(NamedTuple):
    """What one layer has of the earlier network."""

    layer: str
    weights: int
    """Arrays of which something was taken over."""
    of: int
    """Arrays in all."""
    symbols: int | None = None
    """Rows or columns of symbols that were taken over; None where the layer has none."""
    of_symbols: int | None = None


def earlier_ids(earlier: Vocabulary, now: Vocabulary) -> np.ndarray:
    """The earlier id of every symbol of a vocabulary, int32 `[symbols]`; NEW where there was none.

    Example:
        >>> earlier_ids(Vocabulary("ab"), Vocabulary("bc")).tolist()
        [0, 1, 2, 3, 5, -1]
    """
    special = len(SPECIAL_SYMBOLS)
    ids = {symbol: number for number, symbol in enumerate(earlier.symbols) if number >= special}
    return np.array([*range(special), *(ids.get(symbol, NEW) for symbol in now.symbols[special:])], np.int32)


def take_over(model: SequenceToSequence, weights: Mapping[str, np.ndarray], sides: Sides) -> list[TakenOver]:
    """Give a new network the weights of an earlier one; what has another shape, or is not there, stays as it begins.

    Args:
        model: Changed.
        weights: Of the earlier one, from `read_named_weights`.
        sides: Which symbols are the same.

    Returns:
        What was taken over, layer by layer.
    """
    earlier = {_without_numbers(path): value for path, value in weights.items()}
    report = []
    for layer in model.layers:
        if layer.weights:
            report.append(_take_layer(layer, earlier, sides))
    return report


def _take_layer(layer: Any, earlier: Mapping[str, np.ndarray], sides: Sides) -> TakenOver:
    taken, symbols, of_symbols = 0, None, None
    for variable in layer.weights:
        path = _without_numbers(variable.path)
        axis, ids = _symbols_of(path, tuple(variable.shape), sides)
        if ids is not None:
            symbols, of_symbols = symbols or 0, len(ids)
        value = earlier.get(_place_in(earlier, path))
        if value is None:
            continue
        if path.startswith(_OUTPUT) and variable.shape[-1] > len(sides.target):
            gate = sides.earlier_targets if value.shape[-1] > sides.earlier_targets else NEW
            ids = np.append(sides.target, gate)
        merged = _merge(np.array(variable), value, axis, ids)
        if merged is None:
            continue
        variable.assign(merged)
        taken += 1
        if ids is not None:
            symbols = int((ids[:of_symbols] != NEW).sum())
    return TakenOver(layer.name, taken, len(layer.weights), symbols, of_symbols)


def _symbols_of(path: str, shape: Sequence[int], sides: Sides) -> tuple[int, np.ndarray | None]:
    """The axis of a variable along which symbols lie, and which they are; no ids where there is none."""
    layer = path.partition("/")[0]
    if layer.endswith("_embedding"):
        return 0, sides.source if layer == SOURCE_EMBEDDING else sides.target
    return len(shape) - 1, sides.target if path.startswith(_OUTPUT) else None


def _merge(now: np.ndarray, earlier: np.ndarray, axis: int, ids: np.ndarray | None) -> np.ndarray | None:
    """The variable with what is taken over; None where the shapes do not allow it."""
    if ids is None:
        return earlier.astype(now.dtype) if earlier.shape == now.shape else None
    now, earlier = np.moveaxis(now, axis, 0), np.moveaxis(earlier, axis, 0)
    if now.shape[1:] != earlier.shape[1:]:
        return None
    now[ids != NEW] = earlier[ids[ids != NEW]]
    return np.moveaxis(now, 0, axis)


def _place_in(earlier: Mapping[str, np.ndarray], path: str) -> str:
    """Where the earlier network has a variable: one table for both sides may have become two."""
    layer, _, rest = path.partition("/")
    shared = f"{SHARED_EMBEDDING}/{rest}"
    return shared if layer.endswith("_embedding") and path not in earlier and shared in earlier else path


def _without_numbers(path: str) -> str:
    """A variable's path without the number that Keras gives a cell by what was built before.

    Example:
        >>> _without_numbers("encoder/bidirectional_0/forward_0/gru_cell_2/kernel")
        'encoder/bidirectional_0/forward_0/gru_cell/kernel'
    """
    return re.sub(r"((?:for|back)ward_\d+/\w+?_cell)_\d+/", r"\1/", path)
