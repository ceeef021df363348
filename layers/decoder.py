"""The attention decoder: `step` is the one definition of what happens at an output position."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from layers import fast_unrolls
from layers.attention import PACKAGE, BahdanauAttention, FixedContext
from layers.cell_equations import EQUATIONS
from layers.dropout import Dropout
from layers.luong_attention import LuongAttention
from layers.multi_head_attention import MultiHeadBahdanauAttention

CELLS = {"gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell}
ATTENTIONS = ("bahdanau", "multi_head_bahdanau", "luong_dot", "luong_general", "none")


class AttentionMemory(NamedTuple):
    """What the decoder looks at, computed once per source by `AttentionDecoder.prepare_memory`."""

    keys: Any
    """`[batch, source, attention_units]`: the memory, projected to where the query meets it."""
    values: Any
    """`[batch, source * heads, gate_units + readout_units]`: the memory, projected to where the context goes;
    `[batch, 1, …]` with a fixed context."""
    mask: Any
    """`[batch, source]` bool: False on padding."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class AttentionDecoder(keras.layers.Layer):
    """Recurrent decoder with attention, after Bahdanau, Cho & Bengio (2015), https://arxiv.org/abs/1409.0473.

        C_t = attention(s_{t-1}, h)                          the context, from the previous state
        s_t = f(s_{t-1}, y_{t-1}, C_t)                       f: a GRU or LSTM cell
        p(y_t) = g(y_{t-1}, s_t, C_t)                        g: tanh layer, dropout, softmax over the vocabulary
        s_0 = tanh(W [forward h_last; backward h_first])     the bridge

    y_{t-1} and C_t meet f and g in products, W y_{t-1} + V C_t, and C_t = Σ_j a_tj h_j is linear in the memory:
    `prepare_inputs` and `prepare_memory` compute W y and V h_j for all positions at once, so that a step is left
    with what depends on the state.

    State goes in, state comes out: nothing is kept on the layer between calls. Search and export call
    `step` and `readout` position by position; training calls the layer, which unrolls `step` over the
    given target ("teacher forcing"), through a hand-written loop where `layers.fast_unrolls` has one.

    Args:
        vocabulary_size: Number of target symbols.
        units: Size of the state s_t.
        cell: "gru" or "lstm".
        attention: "bahdanau", "multi_head_bahdanau", "luong_dot", "luong_general", or "none" for one fixed context
            (the encoder's summary).
        attention_units: Size of the space in which query and keys of additive attention meet; None takes units.
        attention_heads: Heads of "multi_head_bahdanau"; divides attention_units and the memory's size.
        readout_units: Size of the hidden layer of g; None takes units.
        dropout: Share of g's hidden layer that is dropped in training.
        seed: Seed of dropout.
        fast: Use a hand-written unroll where one exists; False forces the plain loop.

    Call arguments:
        inputs: `[batch, target, features]`, embedded y_{t-1}: the target shifted right by the start symbol.
        memory: `[batch, source, memory_units]`, the encoder's outputs h_j.
        memory_mask: `[batch, source]` bool, False on padding.
        summary: `[batch, summary_units]`, the encoder's final states.

    Returns:
        logits `[batch, target, vocabulary_size]` and attention weights `[batch, target, source]`, both
        in at least float32.

    Example:
        >>> import numpy as np
        >>> decoder = AttentionDecoder(vocabulary_size=7, units=4)
        >>> inputs, memory = np.ones((2, 5, 3), "float32"), np.ones((2, 6, 8), "float32")
        >>> mask, summary = np.ones((2, 6), bool), np.ones((2, 8), "float32")
        >>> logits, attention_weights = decoder(inputs, memory, mask, summary)
        >>> logits.shape, attention_weights.shape
        (TensorShape([2, 5, 7]), TensorShape([2, 5, 6]))

        The same, a position at a time, as search does it:

        >>> prepared, state = decoder.prepare_memory(memory, mask, summary), decoder.initial_state(summary)
        >>> hidden, state, weights = decoder.step(decoder.prepare_inputs(inputs[:, 0]), state, prepared)
        >>> bool(np.allclose(decoder.readout(hidden), logits[:, 0], atol=1e-5))
        True
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int,
        cell: str = "gru",
        attention: str = "bahdanau",
        attention_units: int | None = None,
        attention_heads: int = 4,
        readout_units: int | None = None,
        dropout: float = 0.0,
        seed: int | None = None,
        fast: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
        if attention not in ATTENTIONS:
            raise ValueError(f"attention must be one of {list(ATTENTIONS)}, got {attention!r}")
        self.vocabulary_size, self.units, self.dropout, self.seed, self.fast = (
            vocabulary_size,
            units,
            dropout,
            seed,
            fast,
        )
        self.cell_kind, self.attention_kind = cell, attention
        self.attention_units, self.readout_units = attention_units or units, readout_units or units
        policy = self.dtype_policy
        self.cell = CELLS[cell](units, dtype=policy, name="cell")
        self.attention_heads = attention_heads
        self.attention = self._make_attention()
        self.bridges = [
            keras.layers.Dense(units, activation="tanh", dtype=policy, name=f"bridge_{index}")
            for index in range(1 if cell == "gru" else 2)
        ]
        self.readout_hidden = keras.layers.Dense(self.readout_units, dtype=policy, name="readout_hidden")
        self.dropout_layer = Dropout(dropout, seed=seed, dtype=policy)
        self.output_projection = keras.layers.Dense(vocabulary_size, dtype=policy, name="output_projection")

    def _make_attention(self) -> keras.layers.Layer:
        policy, kind = {"dtype": self.dtype_policy, "name": "attention"}, self.attention_kind
        if kind == "bahdanau":
            return BahdanauAttention(self.attention_units, **policy)
        if kind == "multi_head_bahdanau":
            return MultiHeadBahdanauAttention(self.attention_units, self.attention_heads, **policy)
        if kind == "none":
            return FixedContext(**policy)
        return LuongAttention(self.units, kind.removeprefix("luong_"), **policy)

    def build(self, inputs_shape: Any, memory_shape: Any, memory_mask_shape: Any, summary_shape: Any) -> None:
        """Create all weights from the shapes of the call's arguments."""
        self.input_units = inputs_shape[-1]
        context_units = memory_shape[-1] if self.attention_kind != "none" else summary_shape[-1]
        if context_units % self.attention.heads:
            raise ValueError(f"attention_heads must divide the memory's size ({context_units})")
        self.attention.build((None, self.units), None, memory_shape, None)
        self.cell.build((None, inputs_shape[-1] + context_units))
        for bridge in self.bridges:
            bridge.build(summary_shape)
        self.readout_hidden.build((None, inputs_shape[-1] + self.units + context_units))
        self.output_projection.build((None, self.readout_units))
        self.built = True

    def prepare_inputs(self, inputs: Any) -> Any:
        """What y_{t-1} brings to the gates of f and to the hidden layer of g, biases included.

        `[..., features]` to `[..., gate_units + readout_units]`; a step takes `[batch, …]` of it.
        """
        gates_bias, _ = self._equations.split_bias(self._weight(self.cell.bias))
        gates = self._product(inputs, self.cell.kernel, 0) + gates_bias
        hidden = self._product(inputs, self.readout_hidden.kernel, 0) + self._weight(self.readout_hidden.bias)
        return ops.concatenate([gates, hidden], axis=-1)

    def prepare_memory(self, memory: Any, memory_mask: Any, summary: Any) -> AttentionMemory:
        """What every step looks at, computed once per source.

        Shapes as in the call arguments of the class.
        """
        seen = summary[:, None] if self.attention_kind == "none" else memory
        heads = self.attention.heads
        units = seen.shape[-1] // heads
        values = []
        for head in range(heads):
            part = seen[:, :, head * units : (head + 1) * units]
            gates = self._product(part, self.cell.kernel, self.input_units + head * units)
            hidden = self._product(part, self.readout_hidden.kernel, self.input_units + self.units + head * units)
            values.append(ops.concatenate([gates, hidden], axis=-1))
        rows = values[0] if heads == 1 else self._interleave(values)
        return AttentionMemory(self.attention.project_memory(memory), rows, memory_mask)

    def _interleave(self, values: list[Any]) -> Any:
        stacked = ops.stack(values, axis=2)
        batch, source = (ops.shape(stacked)[axis] for axis in range(2))
        return ops.reshape(stacked, (batch, source * len(values), stacked.shape[-1]))

    def _product(self, rows: Any, kernel: Any, first: int) -> Any:
        """`[..., n]` times n rows of a kernel, from the first on."""
        part = self._weight(kernel)[first : first + rows.shape[-1]]
        rows = ops.cast(rows, self.compute_dtype)
        # A single 2-D product, also where Keras's `matmul` would make it many.
        return ops.matmul(rows, part) if len(rows.shape) == 2 else ops.tensordot(rows, part, 1)

    def _weight(self, variable: Any) -> Any:
        # Outside `__call__` Keras does not cast by itself.
        return ops.cast(variable, self.compute_dtype)

    @property
    def _equations(self) -> Any:
        return EQUATIONS[self.cell_kind]

    def initial_state(self, summary: Any) -> list[Any]:
        """s_0 from the encoder's final states: `[batch, units]` for a GRU, two of them (h, c) for an LSTM."""
        return [bridge(summary) for bridge in self.bridges]

    def step(
        self, inputs: Any, state: list[Any], memory: AttentionMemory, beams: int = 1
    ) -> tuple[Any, list[Any], Any]:
        """One output position: look, then move on. The single definition of the recurrence.

        Args:
            inputs: `[batch, gate_units + readout_units]`, y_{t-1} from `prepare_inputs`.
            state: s_{t-1}, as `initial_state` or the previous step returned it.
            memory: From `prepare_memory`.
            beams: How many rows of inputs and state, one after the other, look at each row of the memory.

        Returns:
            hidden `[batch, readout_units]`, g's hidden layer before its tanh, for `readout`; the new state; and the
            attention weights `[batch, source]` in at least float32.
        """
        context, attention_weights = self.attention(state[0], memory.keys, memory.values, memory.mask, beams=beams)
        seen = inputs + context  # W y_{t-1} + V C_t, for the gates and for the readout
        *gates, hidden = tf.split(seen, [self.units] * self._equations.GATES + [self.readout_units], axis=1)
        _, recurrent_bias = self._equations.split_bias(self._weight(self.cell.bias))
        recurrent_gates = ops.matmul(state[0], self._weight(self.cell.recurrent_kernel)) + recurrent_bias
        recurrent_gates = tf.split(recurrent_gates, self._equations.GATES, axis=1)
        state, _ = self._equations.advance(gates, recurrent_gates, tuple(state))
        hidden += self._product(state[0], self.readout_hidden.kernel, self.input_units)
        return hidden, list(state), attention_weights

    def readout(self, hidden: Any, training: bool | None = None) -> Any:
        """g: the logits of y_t, `[..., vocabulary_size]` in at least float32, from what `step` returned."""
        logits = self.output_projection(self.dropout_layer(ops.tanh(hidden), training=training))
        return ops.cast(logits, "float64" if logits.dtype == "float64" else "float32")

    def call(
        self, inputs: Any, memory: Any, memory_mask: Any, summary: Any, training: bool | None = None
    ) -> tuple[Any, Any]:
        """Teacher-forced pass over a whole target; see the class."""
        fast = fast_unrolls.find_decoder(self.cell_kind, self.attention_kind, self.dtype_policy) if self.fast else None
        unroll = fast or plain_unroll
        hidden, attention_weights = unroll(self, inputs, memory, memory_mask, summary)
        return self.readout(hidden, training=training), attention_weights

    def compute_output_shape(
        self, inputs_shape: Any, memory_shape: Any, memory_mask_shape: Any, summary_shape: Any
    ) -> tuple[Any, Any]:
        """Shapes of logits and attention weights."""
        return (*inputs_shape[:2], self.vocabulary_size), (*inputs_shape[:2], memory_shape[1])

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "units": self.units,
            "cell": self.cell_kind,
            "attention": self.attention_kind,
            "attention_units": self.attention_units,
            "attention_heads": self.attention_heads,
            "readout_units": self.readout_units,
            "dropout": self.dropout,
            "seed": self.seed,
            "fast": self.fast,
        }


def plain_unroll(
    decoder: AttentionDecoder, inputs: Any, memory: Any, memory_mask: Any, summary: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """`AttentionDecoder.step` at every target position, one after the other.

    The reference that hand-written unrolls are held to, and the way for every decoder without one.

    Returns:
        hidden `[batch, target, readout_units]` for `readout`, and attention weights `[batch, target, source]`.
    """
    prepared = decoder.prepare_memory(memory, memory_mask, summary)
    state = decoder.initial_state(summary)
    time_major = tf.transpose(decoder.prepare_inputs(inputs), [1, 0, 2])
    length = tf.shape(time_major)[0]

    def body(position: tf.Tensor, state: list[Any], outputs: tuple[Any, Any]) -> tuple[Any, ...]:
        hidden, state, weights = decoder.step(time_major[position], state, prepared)
        return position + 1, state, (outputs[0].write(position, hidden), outputs[1].write(position, weights))

    # A first step outside the loop tells the dtypes; its results are thrown away by graph pruning.
    first = decoder.step(time_major[0], state, prepared)
    arrays = (tf.TensorArray(first[0].dtype, length), tf.TensorArray(first[2].dtype, length))
    *_, (hidden, weights) = tf.while_loop(
        lambda position, *_: position < length,
        body,
        (tf.constant(0), [tf.cast(part, first[1][0].dtype) for part in state], arrays),
        maximum_iterations=length,
    )
    return tf.transpose(hidden.stack(), [1, 0, 2]), tf.transpose(weights.stack(), [1, 0, 2])
