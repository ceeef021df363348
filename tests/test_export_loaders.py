"""Exports in a session of a process of its own, which is how TensorFlow Serving, C, Go and Java run them."""

import pytest
import tensorflow as tf

from benchmarks.export_loaders import KINDS, SIGNATURES, TOLERANCE, Kind, examine, make_batches

# Much of the table in two models.
TOGETHER = {
    "one": Kind(
        {"attention": "multi_head_bahdanau", "cell": "layer_norm_gru", "coverage": True, "input_feeding": True},
        "bpe",
        {"replace_unknown": True},
        dictionary={"zebra": "Z"},
    ),
    "several": Kind(
        {"cell": "conditional_gru", "tied_embeddings": True},
        "wordpiece",
        {"method": "sample"},
        others=({"attention": "luong_general", "cell": "layer_norm_lstm"},),
        averaged=True,
    ),
}


def test_every_signature_answers_alike():
    try:
        found = examine(TOGETHER, make_batches()[1:3], fast=True)
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    assert {name: set(row) for name, row in found.items()} == {name: set(SIGNATURES) for name in TOGETHER}
    assert not {name: row for name, row in found.items() if max(row.values()) > TOLERANCE}


@pytest.mark.slow
def test_every_kind_answers_alike():
    found = examine(KINDS, make_batches())
    assert len(found) == len(KINDS) > 20
    assert not {name: row for name, row in found.items() if max(row.values()) > TOLERANCE}
