"""Recurrent cells: Keras's weights, advanced by the equations that the hand-written loops use too.

A cell splits Keras's call in two, because a decoder computes the input's share of the gates for many positions at
once: `input_share` is what comes before a step, `advance` the step itself.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from layers.cells import gru, lstm
from layers.cells.equations import Equations
from layers.guest_layer import GuestLayer, makes_node
from layers.precision import softmax_dtype
from layers.registration import PACKAGE

EPSILON = 1e-5


class _Cell(GuestLayer):
    """What the cells have in common; `equations` is the module of their kind.

    Arguments are those of Keras's cell, but for what the equations do not have.
    """

    equations: Equations
    fixed: ClassVar[dict[str, Any]] = {
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "use_bias": True,
        "reset_after": True,
    }

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        config = self.get_config()
        for name, value in self.fixed.items():
            if config.get(name, value) != value:
                raise ValueError(
                    f"{type(self).__name__} has {name}={value!r} in its equations, got {config[name]!r}; "
                    "Keras's own cells have others"
                )

    @makes_node
    def input_share(self, product: Any) -> Any:
        """Products of inputs and the kernel, `[..., gate_units]`, with all that a step needs of the input's side."""
        return product + self._biases()[0]

    @makes_node
    def advance(self, input_gates: Sequence[Any], state: Sequence[Any]) -> list[Any]:
        """One step: `input_share` in parts `[batch, units]`, and the state, to the new state."""
        kernel, bias = self.recurrent_share()
        recurrent_gates = tf.split(ops.matmul(state[0], kernel) + bias, self.equations.GATES, axis=1)
        new_state, _ = self.equations.advance(input_gates, recurrent_gates, tuple(state))
        return list(new_state)

    def recurrent_share(self) -> tuple[Any, Any]:
        """The kernel `[units, gate_units]` and the bias `[gate_units]` that a step's state meets."""
        return self._weight(self.recurrent_kernel), self._biases()[1]

    def _biases(self) -> tuple[Any, Any]:
        return self.equations.split_bias(self._weight(self.bias))

    def _weight(self, variable: Any) -> Any:
        # Outside of `__call__` Keras does not cast by itself.
        return ops.cast(variable, self.compute_dtype)


@keras.saving.register_keras_serializable(package=PACKAGE)
class GRUCell(_Cell, keras.layers.GRUCell):
    """Gated recurrent unit of Cho et al. (2014), https://arxiv.org/abs/1406.1078; see `layers.cells.gru`.

    Example:
        >>> import numpy as np
        >>> cell = GRUCell(4)
        >>> inputs, state = np.ones((2, 3), "float32"), [np.zeros((2, 4), "float32")]
        >>> output, _ = cell(inputs, state)
        >>> gates = tf.split(cell.input_share(inputs @ cell.kernel.numpy()), 3, axis=1)
        >>> bool(np.allclose(cell.advance(gates, state)[0], output, atol=1e-6))
        True
    """

    equations = gru


@keras.saving.register_keras_serializable(package=PACKAGE)
class LSTMCell(_Cell, keras.layers.LSTMCell):
    """Long short-term memory of Hochreiter & Schmidhuber (1997); see `layers.cells.lstm`."""

    equations = lstm


class _NormalizedCell(_Cell):
    """Layer normalisation of both sides of every gate, each with a gain of its own; the biases come after it."""

    fixed: ClassVar = _Cell.fixed | {"dropout": 0.0, "recurrent_dropout": 0.0}

    def build(self, input_shape: Any) -> None:
        """Create the cell's weights and the gains."""
        super().build(input_shape)
        shape = (self.equations.GATES * self.units,)
        self.input_gain = self.add_weight(name="input_gain", shape=shape, initializer="ones")
        self.recurrent_gain = self.add_weight(name="recurrent_gain", shape=shape, initializer="ones")

    @makes_node
    def input_share(self, product: Any) -> Any:
        """The products as they are: what is normalised is their sum with others."""
        return product

    @makes_node
    def advance(self, input_gates: Sequence[Any], state: Sequence[Any]) -> list[Any]:
        """See `_Cell`."""
        recurrent = ops.matmul(state[0], self._weight(self.recurrent_kernel))
        sides = (input_gates, tf.split(recurrent, self.equations.GATES, axis=1))
        gains = (self.input_gain, self.recurrent_gain)
        input_side, own_side = (self._normalize(*parts) for parts in zip(sides, gains, self._biases(), strict=True))
        new_state, _ = self.equations.advance(input_side, own_side, tuple(state))
        return list(new_state)

    def _normalize(self, parts: Sequence[Any], gain: Any, bias: Any) -> list[Any]:
        gains, biases = (tf.split(side, self.equations.GATES, axis=0) for side in (self._weight(gain), bias))
        return [normalize(part) * one + other for part, one, other in zip(parts, gains, biases, strict=True)]

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> tuple[Any, list[Any]]:
        """One step, as `keras.layers.RNN` calls it."""
        product = ops.matmul(inputs, self._weight(self.kernel))
        state = self.advance(tf.split(self.input_share(product), self.equations.GATES, axis=1), states)
        return state[0], state


@keras.saving.register_keras_serializable(package=PACKAGE)
class LayerNormalizedGRUCell(_NormalizedCell, keras.layers.GRUCell):
    """GRU with layer normalisation of Ba, Kiros & Hinton (2016), https://arxiv.org/abs/1607.06450.

    As `layers.cells.gru`, with x = LN(W input) + b and u = LN(U state) + b', gate by gate:

        LN(a) = gain (a - mean(a)) / sqrt(var(a) + 1e-5)     over the units of a gate

    Example:
        >>> import numpy as np
        >>> output, _ = LayerNormalizedGRUCell(4)(np.ones((2, 3), "float32"), [np.zeros((2, 4), "float32")])
        >>> output.shape
        TensorShape([2, 4])
    """

    equations = gru


@keras.saving.register_keras_serializable(package=PACKAGE)
class LayerNormalizedLSTMCell(_NormalizedCell, keras.layers.LSTMCell):
    """LSTM with layer normalisation of the gates, as `LayerNormalizedGRUCell`; the cell itself is not normalised."""

    equations = lstm


def normalize(rows: Any) -> Any:
    """Rows `[batch, units]` with mean 0 and variance 1, computed in at least float32.

    Example:
        >>> normalize(tf.constant([[1.0, 3.0]])).numpy().round(2).tolist()
        [[-1.0, 1.0]]
    """
    full = ops.cast(rows, softmax_dtype(rows.dtype))  # in half precision squares would overflow
    mean = ops.mean(full, axis=-1, keepdims=True)
    centred = full - mean
    return ops.cast(centred * ops.rsqrt(ops.mean(centred * centred, axis=-1, keepdims=True) + EPSILON), rows.dtype)


CELLS: dict[str, type[_Cell]] = {
    "gru": GRUCell,
    "lstm": LSTMCell,
    "layer_norm_gru": LayerNormalizedGRUCell,
    "layer_norm_lstm": LayerNormalizedLSTMCell,
}


class DecoderCell(NamedTuple):
    """What a decoder's first layer is made of."""

    cell: type[_Cell]
    context_cell: type[_Cell] | None = None
    """The second of two transitions, with the look at the memory between them."""


DECODER_CELLS = {
    **{name: DecoderCell(cell) for name, cell in CELLS.items()},
    "conditional_gru": DecoderCell(GRUCell, GRUCell),
}
