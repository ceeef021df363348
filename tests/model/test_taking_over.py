"""What a new network has of an earlier one: shared layers and symbols, by name and shape."""

from typing import Any

import numpy as np
import pytest

from pipeline.model.sequence_to_sequence import SequenceToSequence, build_model
from pipeline.model.taking_over import NEW, Sides, TakenOver, take_over
from pipeline.settings.model import ModelConfiguration

# The new network has a symbol more on both sides, and the others in another order.
SIDES = Sides(np.array([0, 1, 2, 3, 5, NEW, 4]), np.array([0, 1, 2, 3, NEW, 4]), earlier_targets=5)


def make(sizes: tuple[int, int], **settings: Any) -> SequenceToSequence:
    return build_model(ModelConfiguration(units=6, embedding_units=4, fast=False, **settings), *sizes)


def named(model: SequenceToSequence) -> dict[str, np.ndarray]:
    return {variable.path: np.array(variable) for variable in model.weights}


def value(model: SequenceToSequence, layer: str, end: str) -> np.ndarray:
    [found] = [np.array(of) for of in model.get_layer(layer).weights if of.path.endswith(end)]
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"cell": "layer_norm_lstm", "encoder_layers": 2, "decoder_layers": 2},
        {"copy": True, "coverage": True},
        {"attention": "monotonic"},
    ],
)
def test_all_layers_and_shared_symbols_are_taken_over(settings: dict[str, Any]):
    old, new = make((6, 5), **settings), make((7, 6), **settings)
    began = named(new)
    report = take_over(new, named(old), SIDES)
    assert [of.layer for of in report] == ["source_embedding", "target_embedding", "encoder", "decoder"]
    assert all(of.weights == of.of for of in report)
    assert [(of.symbols, of.of_symbols) for of in report] == [(6, 7), (5, 6), (None, None), (5, 6)]
    assert np.array_equal(
        value(new, "source_embedding", "embeddings")[4], value(old, "source_embedding", "embeddings")[5]
    )
    assert np.array_equal(value(new, "source_embedding", "embeddings")[5], began["source_embedding/embeddings"][5])
    kernels = [value(of, "decoder", "output_projection/kernel") for of in (new, old)]
    assert np.array_equal(kernels[0][:, 5], kernels[1][:, 4])
    # The column of a new symbol stays as it begins; the gate of copying is the last one of both.
    assert np.array_equal(kernels[0][:, 4], began["decoder/output_projection/kernel"][:, 4])
    assert np.array_equal(kernels[0][:, -1], kernels[1][:, -1])
    for ours, theirs in zip(new.get_layer("encoder").weights, old.get_layer("encoder").weights, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_gate_that_is_new_begins_as_usual():
    old, new = make((6, 5)), make((7, 6), copy=True)
    gate = value(new, "decoder", "output_projection/kernel")[:, -1]
    take_over(new, named(old), SIDES)
    assert np.array_equal(value(new, "decoder", "output_projection/kernel")[:, -1], gate)
    assert np.array_equal(
        value(new, "decoder", "output_projection/kernel")[:, 3], value(old, "decoder", "output_projection/kernel")[:, 3]
    )


def test_tied_and_shared_tables():
    same = Sides(SIDES.source, SIDES.source, earlier_targets=6)
    settings = {"tied_embeddings": True, "copy": True}
    old, new = make((6, 6), shared_embeddings=True, **settings), make((7, 7), shared_embeddings=True, **settings)
    report = take_over(new, named(old), same)
    assert [(of.layer, of.weights, of.symbols) for of in report] == [
        ("shared_embedding", 1, 6),
        ("encoder", 6, None),
        ("decoder", len(new.get_layer("decoder").weights), None),
        ("copying_gate", 2, None),
    ]
    apart = make((7, 7), **settings)
    take_over(apart, named(old), same)
    for side in ("source", "target"):
        table = value(apart, f"{side}_embedding", "embeddings")
        assert np.array_equal(table[6], value(old, "shared_embedding", "embeddings")[4])


def test_what_has_another_shape_or_is_not_there_begins_as_usual():
    old, new = make((6, 5)), make((7, 6), encoder_layers=2, readout_units=3, attention="luong_general")
    report = {of.layer: of for of in take_over(new, named(old), SIDES)}
    assert report["encoder"] == TakenOver("encoder", 6, 12)
    # No column of the output has the size that it had; its bias has.
    assert report["decoder"].weights < report["decoder"].of
    other = make((7, 6), cell="lstm")
    began = named(other)
    report = {of.layer: of for of in take_over(other, named(old), SIDES)}
    assert report["encoder"].weights == 0
    assert np.array_equal(
        value(other, "encoder", "forward_0/lstm_cell/kernel"),
        next(value for path, value in began.items() if "forward_0/lstm_cell" in path and path.endswith("/kernel")),
    )
