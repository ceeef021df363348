"""One LSTM step and its gradient, with the same functions as `layers.cells.gru`.

    i = σ(x_i + u_i)     f = σ(x_f + u_f)     g = tanh(x_g + u_g)     o = σ(x_o + u_o)
    c_t = f c_{t-1} + i g                     h_t = o tanh(c_t)

x is the input's share of the gates, the bias included, and u the state's, each in parts `[batch, units]` in Keras's
order i (input), f (forget), g (candidate), o (output). The gradient, from dh = dL/dh_t and dc = dL/dc_t:

    do = dh tanh(c_t) o (1 - o)     dc += dh o (1 - tanh²(c_t))
    di = dc g i (1 - i)             df = dc c_{t-1} f (1 - f)       dg = dc i (1 - g²)
    dx = du = [di df dg do]         dc_{t-1} = f dc                 dh_{t-1} = (what comes through u)
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

State = tuple[Any, ...]
Parts = Sequence[Any]
PARTS = 2  # of the state: h, c
GATES = 4  # parts of x and of u
SAVED = 5  # parts of what `retreat` needs
# Added to x where nothing is to be read: i = 0 leaves a state of zeros as it is.
PADDING: tuple[float, ...] = (-1e4, 0.0, 0.0, 0.0)


def split_bias(bias: Any) -> tuple[Any, Any]:
    """The biases of the input's and of the state's share, from a Keras cell's: the first has it all."""
    return bias, tf.zeros_like(bias)


def join_bias_gradients(input_bias: Any, recurrent_bias: Any) -> Any:
    """The gradient of `split_bias`."""
    return input_bias


def advance(input_gates: Parts, recurrent_gates: Parts, state: State) -> tuple[State, tuple[Any, ...]]:
    """The new state (h, c), and `[batch, units]` each for `retreat`: i, f, o, g and tanh(c_t)."""
    _, previous = state
    gates = [x + u for x, u in zip(input_gates, recurrent_gates, strict=True)]
    entry, forget, output = (tf.sigmoid(gates[index]) for index in (0, 1, 3))
    candidate = tf.tanh(gates[2])
    memory_cell = forget * previous + entry * candidate
    shown = tf.tanh(memory_cell)
    return (output * shown, memory_cell), (entry, forget, output, candidate, shown)


def retreat(d_state: State, state: State, saved: tuple[Any, ...]) -> tuple[Parts, Parts, State]:
    """The gradient of `advance`.

    Args:
        d_state: dL/dh_t and dL/dc_t.
        state: h_{t-1} and c_{t-1}.
        saved: The second result of `advance`.

    Returns:
        dL/dx and dL/du in parts, and the direct share of dL/dh_{t-1}, which is 0, and dL/dc_{t-1}.
    """
    (d_hidden, d_memory_cell), (_, previous) = d_state, state
    entry, forget, output, candidate, shown = saved
    d_memory_cell += d_hidden * output * (1 - shown * shown)
    d_gates = (
        d_memory_cell * candidate * entry * (1 - entry),
        d_memory_cell * previous * forget * (1 - forget),
        d_memory_cell * entry * (1 - candidate * candidate),
        d_hidden * shown * output * (1 - output),
    )
    return d_gates, d_gates, (tf.zeros_like(d_hidden), forget * d_memory_cell)
