"""One GRU step and its gradient, as the hand-written loops use it (Keras's `reset_after` form).

    z = σ(x_z + u_z)     r = σ(x_r + u_r)     n = tanh(x_n + r u_n)     s_t = z s_{t-1} + (1 - z) n

x is the input's share of the gates and u the state's, biases included, each in parts `[batch, units]` in the
order z (update), r (reset), n (candidate). The gradient, from ds = dL/ds_t:

    dn = ds (1 - z) (1 - n²)     dz = ds (s_{t-1} - n) z (1 - z)     dr = dn u_n r (1 - r)
    dx = [dz dr dn]              du = [dz dr r dn]                   ds_{t-1} = z ds + (what comes through u)

A state is a tuple of tensors `[batch, units]`, here of one, so that every cell has the same functions. Shares come
in parts because cutting a tensor is slow outside of compiled loops: it is done once, by who has it.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

State = tuple[Any, ...]
Parts = Sequence[Any]
PARTS = 1  # of the state
GATES = 3  # parts of x and of u
SAVED = 4  # parts of what `retreat` needs
# Added to x where nothing is to be read: z = 1 leaves a state of zeros as it is.
PADDING: tuple[float, ...] = (1e4, 0.0, 0.0)


def split_bias(bias: Any) -> tuple[Any, Any]:
    """The biases of the input's and of the state's share, from a Keras cell's."""
    input_bias, recurrent_bias = tf.unstack(bias)
    return input_bias, recurrent_bias


def join_bias_gradients(input_bias: Any, recurrent_bias: Any) -> Any:
    """The gradient of `split_bias`."""
    return tf.stack([input_bias, recurrent_bias])


def advance(input_gates: Parts, recurrent_gates: Parts, state: State) -> tuple[State, tuple[Any, ...]]:
    """The new state, and `[batch, units]` each for `retreat`: z, r, n and u_n."""
    (previous,) = state
    input_update, input_reset, input_candidate = input_gates
    recurrent_update, recurrent_reset, recurrent_candidate = recurrent_gates
    update = tf.sigmoid(input_update + recurrent_update)
    reset = tf.sigmoid(input_reset + recurrent_reset)
    candidate = tf.tanh(input_candidate + reset * recurrent_candidate)
    new_state = candidate + update * (previous - candidate)  # an operation less
    return (new_state,), (update, reset, candidate, recurrent_candidate)


def retreat(d_state: State, state: State, saved: tuple[Any, ...]) -> tuple[Parts, Parts, State]:
    """The gradient of `advance`.

    Args:
        d_state: dL/ds_t.
        state: s_{t-1}.
        saved: The second result of `advance`.

    Returns:
        dL/dx and dL/du in parts, and the direct share of dL/ds_{t-1}.
    """
    (gradient,), (previous,) = d_state, state
    update, reset, candidate, recurrent_candidate = saved
    d_candidate = gradient * (1 - update) * (1 - candidate * candidate)
    d_update = gradient * (previous - candidate) * update * (1 - update)
    d_reset = d_candidate * recurrent_candidate * reset * (1 - reset)
    return (d_update, d_reset, d_candidate), (d_update, d_reset, reset * d_candidate), (update * gradient,)
