"""One GRU step and its gradient, as the hand-written loops use it (Keras's `reset_after` form).

    z = σ(x_z + u_z)     r = σ(x_r + u_r)     n = tanh(x_n + r u_n)     s_t = z s_{t-1} + (1 - z) n

x is the input's share of the gates and u the state's, biases included, each `[batch, 3 * units]` in the order
z (update), r (reset), n (candidate). The gradient, from ds = dL/ds_t:

    dn = ds (1 - z) (1 - n²)     dz = ds (s_{t-1} - n) z (1 - z)     dr = dn u_n r (1 - r)
    dx = [dz dr dn]              du = [dz dr r dn]                   ds_{t-1} = z ds + (what comes through u)
"""

from typing import Any

import tensorflow as tf


def advance(input_gates: Any, recurrent_gates: Any, state: Any) -> tuple[Any, Any]:
    """The new state `[batch, units]`, and `[batch, 4 * units]` for `retreat`: z, r, n and u_n."""
    units = state.shape[-1]
    opened = tf.sigmoid(input_gates[:, : 2 * units] + recurrent_gates[:, : 2 * units])
    update, reset = tf.split(opened, 2, axis=1)
    recurrent_candidate = recurrent_gates[:, 2 * units :]
    candidate = tf.tanh(input_gates[:, 2 * units :] + reset * recurrent_candidate)
    new_state = update * state + (1 - update) * candidate
    return new_state, tf.concat([update, reset, candidate, recurrent_candidate], axis=1)


def retreat(d_state: Any, state: Any, saved: Any) -> tuple[Any, Any, Any]:
    """The gradient of `advance`.

    Args:
        d_state: `[batch, units]`, dL/ds_t.
        state: `[batch, units]`, s_{t-1}.
        saved: The second result of `advance`.

    Returns:
        dL/dx and dL/du, `[batch, 3 * units]` each, and the direct share of dL/ds_{t-1}.
    """
    update, reset, candidate, recurrent_candidate = tf.split(saved, 4, axis=1)
    d_candidate = d_state * (1 - update) * (1 - candidate * candidate)
    d_update = d_state * (state - candidate) * update * (1 - update)
    d_reset = d_candidate * recurrent_candidate * reset * (1 - reset)
    d_input_gates = tf.concat([d_update, d_reset, d_candidate], axis=1)
    d_recurrent_gates = tf.concat([d_update, d_reset, reset * d_candidate], axis=1)
    return d_input_gates, d_recurrent_gates, update * d_state
