"""Which hand-written recurrence is found for which layer, and what is said where there is none."""

import logging
from collections.abc import Iterator

import keras
import numpy as np
import pytest

from layers import AttentionDecoder, BidirectionalEncoder, fast_bidirectional_gru, fast_gru_bahdanau, fast_unrolls

FULL = ["float32", "float64"]
HALF = ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"]


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    fast_unrolls._log_plain.cache_clear()
    with caplog.at_level(logging.INFO, logger="layers.fast_unrolls"):
        yield caplog


@pytest.mark.parametrize("precision", FULL)
def test_gru_has_fast_loops_in_full_precision(precision: str, log: pytest.LogCaptureFixture):
    policy = keras.DTypePolicy(precision)
    assert fast_unrolls.find_decoder("gru", "bahdanau", policy) is fast_gru_bahdanau.unroll
    assert fast_unrolls.find_encoder("gru", policy) is fast_bidirectional_gru.run
    assert not log.records


@pytest.mark.parametrize("precision", HALF)
def test_no_fast_loop_in_half_precision(precision: str):
    policy = keras.DTypePolicy(precision)
    assert fast_unrolls.find_decoder("gru", "bahdanau", policy) is None
    assert fast_unrolls.find_encoder("gru", policy) is None


@pytest.mark.parametrize(("cell", "attention"), [("lstm", "bahdanau"), ("lstm", "none"), ("gru", "none")])
def test_no_fast_decoder_of_other_kinds(cell: str, attention: str):
    assert fast_unrolls.find_decoder(cell, attention, keras.DTypePolicy("float32")) is None


def test_no_fast_encoder_of_lstm():
    assert fast_unrolls.find_encoder("lstm", keras.DTypePolicy("float32")) is None


def test_each_fallback_is_logged_once(log: pytest.LogCaptureFixture):
    inputs, mask, summary = np.ones((1, 2, 3), "float32"), np.ones((1, 2), bool), np.ones((1, 3), "float32")
    lstm, fixed = AttentionDecoder(5, 2, cell="lstm"), AttentionDecoder(5, 2, attention="none")
    encoder = BidirectionalEncoder(2, cell="lstm")
    for _ in range(2):
        lstm(inputs, inputs, mask, summary)
        fixed(inputs, inputs, mask, summary)
        encoder(inputs, mask, training=True)
    assert log.messages == [
        "decoder, cell lstm, attention bahdanau, precision float32: the plain loop runs, it is slower",
        "decoder, cell gru, attention none, precision float32: the plain loop runs, it is slower",
        "encoder, cell lstm, precision float32: the plain loop runs, it is slower",
    ]


def test_nothing_is_said_where_the_plain_loop_was_asked_for(log: pytest.LogCaptureFixture):
    inputs, mask = np.ones((1, 2, 3), "float32"), np.ones((1, 2), bool)
    BidirectionalEncoder(2, cell="lstm", fast=False)(inputs, mask, training=True)
    BidirectionalEncoder(2, cell="lstm")(inputs, mask, training=False)
    AttentionDecoder(5, 2, cell="lstm", fast=False)(inputs, inputs, mask, inputs[:, 0])
    assert not log.records
