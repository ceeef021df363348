"""A share of a batch in a whole network: its rows are what one process computes of them, masks of dropout included."""

from typing import Any

import numpy as np
import pytest

from layers import BatchShare, share_of_batch
from pipeline.model.sequence_to_sequence import SequenceToSequence, build_model
from pipeline.settings.model import ModelConfiguration
from tests.layer_contract import randomize
from tests.quick_cases import quick

SIZE, ROWS, HALF = 8, 6, 3
KINDS: dict[str, dict[str, Any]] = {
    "fast": {},
    "plain": {"fast": False},
    "two layers": {"encoder_layers": 2, "decoder_layers": 2, "cell": "lstm"},
    "conditional": {"cell": "conditional_gru"},
    "no attention": {"attention": "none"},
    "several heads, coverage": {"attention": "multi_head_bahdanau", "attention_heads": 2, "coverage": True},
    "luong, input feeding": {"attention": "luong_general", "input_feeding": True},
    "monotonic": {"attention": "monotonic"},
    "monotonic, copying": {"attention": "monotonic", "copy": True},
    "copying, symbol dropout": {"copy": True, "symbol_dropout": 0.3},
    "tied": {"tied_embeddings": True},
}


def make_model(kind: str) -> SequenceToSequence:
    settings = ModelConfiguration(units=6, embedding_units=6, dropout=0.5, **KINDS[kind])
    return randomize(build_model(settings, SIZE, SIZE, seed=1))


@pytest.mark.parametrize("kind", quick(KINDS, 0, 9))
def test_rows_of_a_share_are_those_of_the_whole_batch(kind: str):
    drawn = np.random.default_rng(0)
    given = drawn.integers(3, SIZE, (ROWS, 5)), drawn.integers(3, SIZE, (ROWS, 4))
    [whole, again] = [np.asarray(make_model(kind)(given, training=True)[0]) for _ in range(2)]
    np.testing.assert_array_equal(whole, again)
    assert np.abs(whole - np.asarray(make_model(kind)(given, training=False)[0])).max() > 0.01
    for number in range(2):
        rows = slice(HALF * number, HALF * number + HALF)
        with share_of_batch(BatchShare(number, 2)):
            share = np.asarray(make_model(kind)([part[rows] for part in given], training=True)[0])
        np.testing.assert_allclose(share, whole[rows], atol=1e-5)
