"""The GRU step of the hand-written loops: by hand, against Keras's cell, and its gradient against autodiff."""

import math

import numpy as np
import tensorflow as tf

from layers.cells import gru as gru_equations
from tests.layer_contract import assert_close

UNITS, FEATURES, BATCH = 4, 3, 2


def test_one_unit_by_hand():
    # z = σ(ln 3) = 3/4 and r = σ(-ln 3) = 1/4, each from both sides' halves; n = tanh(0.1 + 0.8 / 4).
    inputs = [[math.log(3) - 1, 0.5, 0.1]]
    recurrent = [[1.0, -math.log(3) - 0.5, 0.8]]
    (state,), saved = gru_equations.advance(
        *(tf.split(tf.constant(part, tf.float64), 3, axis=1) for part in (inputs, recurrent)), (np.array([[2.0]]),)
    )
    candidate = math.tanh(0.3)
    assert_close(state, [[0.75 * 2 + 0.25 * candidate]], 1e-12)
    assert_close(tf.concat(saved, axis=1), [[0.75, 0.25, candidate, 0.8]], 1e-12)


def test_one_unit_gradient_by_hand():
    # z = r = 1/2, n = 0, u_n = 1, s_prev = 2, ds = 1: dn = 1/2, dz = 2/4, dr = 1/2 · 1 / 4.
    saved = tuple(tf.constant([[part]], tf.float64) for part in (0.5, 0.5, 0.0, 1.0))
    d_inputs, d_recurrent, (direct,) = gru_equations.retreat((np.array([[1.0]]),), (np.array([[2.0]]),), saved)
    assert_close(tf.concat(d_inputs, axis=1), [[0.5, 0.125, 0.5]], 1e-12)
    assert_close(tf.concat(d_recurrent, axis=1), [[0.5, 0.125, 0.25]], 1e-12)
    assert_close(direct, [[0.5]], 1e-12)
