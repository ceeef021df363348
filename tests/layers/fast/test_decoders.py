"""Which hand-written recurrence is found for which layer, and what is said where there is none."""

import logging
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from layers import AttentionDecoder, BidirectionalEncoder
from layers.fast import bahdanau, conditions

FULL = ["float32", "float64"]
HALF = ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"]


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    conditions._log_plain.cache_clear()
    with caplog.at_level(logging.INFO, logger="layers.fast.conditions"):
        yield caplog


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("precision", FULL)
def test_fast_loops_in_full_precision(cell: str, precision: str, log: pytest.LogCaptureFixture):
    policy = keras.DTypePolicy(precision)
    assert AttentionDecoder(5, 2, cell=cell, dtype=policy).fast_unroll is bahdanau.unroll
    assert conditions.has_encoder(cell, policy)
    assert not log.records


@pytest.mark.parametrize("precision", HALF)
def test_no_fast_loop_in_half_precision(precision: str):
    policy = keras.DTypePolicy(precision)
    assert AttentionDecoder(5, 2, dtype=policy).fast_unroll is None
    assert not conditions.has_encoder("gru", policy)


@pytest.mark.parametrize(
    "kind",
    [{"attention": "luong_general"}, {"coverage": True}, {"layers": 2}, {"input_feeding": True}],
    ids=lambda kind: "-".join(kind),
)
def test_no_fast_decoder_of_other_kinds(kind: dict[str, Any]):
    assert AttentionDecoder(5, 2, **kind).fast_unroll is None


def test_each_fallback_is_logged_once(log: pytest.LogCaptureFixture):
    inputs, mask, summary = np.ones((1, 2, 3), "float32"), np.ones((1, 2), bool), np.ones((1, 3), "float32")
    fixed = [AttentionDecoder(5, 2, cell=cell, attention="luong_general") for cell in ("lstm", "gru")]
    encoder = BidirectionalEncoder(2, dtype="mixed_bfloat16")
    for _ in range(2):
        for decoder in fixed:
            decoder(inputs, inputs, mask, summary)
        encoder(inputs, mask, training=True)
    assert log.messages == [
        "decoder, cell lstm, attention luong_general, precision float32: the plain loop runs, it is slower",
        "decoder, cell gru, attention luong_general, precision float32: the plain loop runs, it is slower",
        "encoder, cell gru, precision mixed_bfloat16: the plain loop runs, it is slower",
    ]


def test_nothing_is_said_where_the_plain_loop_was_asked_for(log: pytest.LogCaptureFixture):
    inputs, mask = np.ones((1, 2, 3), "float32"), np.ones((1, 2), bool)
    half = {"dtype": "mixed_bfloat16"}
    BidirectionalEncoder(2, fast=False, **half)(inputs, mask, training=True)
    AttentionDecoder(5, 2, attention="none", fast=False)(inputs, inputs, mask, inputs[:, 0])
    assert not log.records
