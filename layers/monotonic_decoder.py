"""A decoder whose every symbol comes from one source position, and those positions move forward."""

import functools
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from layers.attention.base import Wanted
from layers.attention.monotonic import MonotonicAttention, explain, first_position
from layers.cells.kinds import CELLS
from layers.decoder_state import AttentionMemory, Given
from layers.dropout.kinds import Dropout
from layers.emissions import ids_to_copy, join_apart, share_of_copying, step_outputs
from layers.fast.monotonic import unroll
from layers.guest_layer import GuestLayer, makes_node
from layers.masks import mask_of, open_positions
from layers.precision import softmax_dtype
from layers.products import SharedKernelDense, part_product
from layers.registration import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class MonotonicDecoder(GuestLayer):
    """Recurrent decoder with exact hard monotonic attention, after Wu & Cotterell (2019), arxiv.org/abs/1905.06319.

        s_t = f(s_{t-1}, y_{t-1})                              f: recurrent cells, which see no context
        p(y_t | a_t = j) = g(y_{t-1}, s_t, h_j)                g: tanh layer, dropout, softmax over the vocabulary
        P(a_t = j | a_{t-1} = i)                               from s_t, 0 where j < i: `layers.MonotonicAttention`
        p(y_t | y_<t) = Σ_j P(a_t = j | y_<t) p(y_t | a_t = j)

    All ways through the source are summed over, by the forward algorithm:

        P(a_t = j | y_<t) = Σ_i P(a_{t-1} = i | y_<t-1, y_{t-1}) P(a_t = j | a_{t-1} = i)
        P(a_t = j | y_<t, y_t) in proportion to P(a_t = j | y_<t) p(y_t | a_t = j)

    beginning at the first position. Backward it begins at the last, and positions after i have no probability: for
    targets that are found from their last symbol to the first. The logits are log p(y_t | y_<t), their own log-softmax;
    the attention weights are P(a_t = j | y_<t). With one more logit at every position, of a gate g_tj, symbols may be
    copied, x_j being the target symbol of the position's:

        p(y_t | a_t = j) = g_tj · p_generate(y_t | a_t = j) + (1 - g_tj) [y_t = x_j]

    A step is given the symbol y_{t-1} beside its embedding, because it asks every position how well it explained the
    symbol. It costs source × vocabulary: a decoder for vocabularies of characters or sounds.

    State goes in, state comes out, as in `layers.AttentionDecoder`, whose methods it has. Training calls the layer: all
    but the recurrence of f and that of the alignment is computed for all positions at once.

    Args:
        vocabulary_size: Number of target symbols.
        units: Size of the state s_t.
        cell: "gru", "lstm", "layer_norm_gru" or "layer_norm_lstm".
        attention_units: Size of the space in which states and keys meet; None takes units.
        readout_units: Size of the hidden layer of g; None takes units.
        layers: Recurrent layers, residual from the second: o_l = o_{l-1} + CELL_l(o_{l-1}, its state); the last o
            takes the place of s_t above.
        dropout: Share of g's hidden layer that is dropped in training; of a symbol the same at all positions.
        seed: Seed of dropout.
        backward: Whether positions move from the last to the first.
        copies: Whether a symbol may be copied from the position that it comes from.

    Call arguments:
        inputs: `[batch, target, features]`, embedded y_{t-1}: the target shifted right by the start symbol.
        memory: `[batch, source, memory_units]`, the encoder's outputs h_j.
        memory_mask: `[batch, source]` bool, False on padding. None takes the mask that the encoder, or any layer of
            Keras, attached to the memory, or else all positions.
        summary: `[batch, summary_units]`, the encoder's final states.
        symbols: `[batch, target]` int32, the ids that were embedded.
        copied: `[batch, source]` int32, the target ids of the source, -1 of what is never copied; with copies alone.

    Returns:
        logits `[batch, target, vocabulary_size]` and attention weights `[batch, target, source]`, both
        in at least float32. A mask attached to the inputs passes on to both, so that Keras's losses leave padding out.

    Example:
        >>> import numpy as np
        >>> decoder = MonotonicDecoder(vocabulary_size=7, units=4)
        >>> inputs, memory = np.ones((2, 5, 3), "float32"), np.ones((2, 6, 8), "float32")
        >>> mask, summary = np.ones((2, 6), bool), np.ones((2, 8), "float32")
        >>> symbols = np.array([[1, 3, 4, 5, 6], [1, 3, 3, 3, 3]])
        >>> logits, attention_weights = decoder(inputs, memory, mask, summary, symbols)
        >>> logits.shape, attention_weights.shape
        (TensorShape([2, 5, 7]), TensorShape([2, 5, 6]))

        The same, a position at a time, as search does it:

        >>> prepared, state = decoder.prepare_memory(memory, mask, summary), decoder.initial_state(summary, mask)
        >>> first = decoder.prepare_inputs(inputs[:, 0], symbols[:, 0])
        >>> hidden, state, weights = decoder.step(first, state, prepared)
        >>> bool(np.allclose(decoder.readout(hidden), logits[:, 0], atol=1e-5))
        True
    """

    takes_symbols = True  # beside what they are embedded as

    def __init__(
        self,
        vocabulary_size: int,
        units: int,
        cell: str = "gru",
        attention_units: int | None = None,
        readout_units: int | None = None,
        layers: int = 1,
        dropout: float = 0.0,
        seed: int | None = None,
        backward: bool = False,
        copies: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
        self.vocabulary_size, self.units, self.cell_kind, self.layers = vocabulary_size, units, cell, layers
        self.attention_units, self.readout_units = attention_units or units, readout_units or units
        self.dropout, self.seed, self.backward, self.copies = dropout, seed, backward, copies
        policy = self.dtype_policy
        names = ["cell", *(f"cell_{index}" for index in range(1, layers))]
        self.cells = [CELLS[cell](units, dtype=policy, name=name) for name in names]
        wanted = Wanted(units, self.attention_units, layer={"dtype": policy, "name": "attention"})
        self.attention = MonotonicAttention.for_decoder(wanted)
        make_dense = functools.partial(keras.layers.Dense, dtype=policy)
        self.parts = self.cells[0].equations.PARTS
        bridges = range(layers * self.parts)
        self.bridges = [make_dense(units, activation="tanh", name=f"bridge_{index}") for index in bridges]
        self.widths = [units] * self.cells[0].equations.GATES + [self.readout_units, vocabulary_size]
        self.readout_hidden = SharedKernelDense(self.readout_units, dtype=policy, name="readout_hidden")
        self.dropout_layer = Dropout(dropout, seed=seed, dtype=policy)
        self.output_projection = make_dense(vocabulary_size + copies, name="output_projection")

    def build(
        self,
        inputs_shape: Any,
        memory_shape: Any,
        memory_mask_shape: Any = None,
        summary_shape: Any = None,
        symbols_shape: Any = None,
        copied_shape: Any = None,
    ) -> None:
        """Create all weights from the shapes of the call's arguments.

        Raises:
            ValueError: There is no summary, or there are no symbols.
        """
        if summary_shape is None:
            raise ValueError("the decoder needs a summary, the encoder's second output: decoder(…, summary=summary)")
        if symbols_shape is None:
            raise ValueError("the decoder needs the ids of its inputs: decoder(…, symbols=ids)")
        self.input_units = inputs_shape[-1]
        self.attention.build((None, self.units), None, memory_shape, None)
        for cell, size in zip(self.cells, [self.input_units] + [self.units] * (self.layers - 1), strict=True):
            cell.build((None, size))
        for bridge in self.bridges:
            bridge.build(summary_shape)
        self.readout_hidden.build((None, self.input_units + self.units + memory_shape[-1]))
        self.output_projection.build((None, self.readout_units))
        self.built = True

    @makes_node
    def prepare_inputs(self, inputs: Any, symbols: Any) -> Any:
        """What y_{t-1} brings: to the gates of f, to the hidden layer of g, and which symbol it is.

        `[..., features]` and ids `[...]` to `[..., gate_units + readout_units + vocabulary_size]`.
        """
        which = ops.one_hot(symbols, self.vocabulary_size, dtype=self.compute_dtype)
        return ops.concatenate([*self.embedded_shares(inputs), which], axis=-1)

    def embedded_shares(self, inputs: Any) -> tuple[Any, Any]:
        """The first two of these, apart."""
        gates = self.cells[0].input_share(self.product(inputs, self.cells[0].kernel, 0))
        bias = ops.cast(self.readout_hidden.bias, self.compute_dtype)
        return gates, self.product(inputs, self.readout_hidden.kernel, 0) + bias

    @makes_node
    def prepare_memory(self, memory: Any, memory_mask: Any, summary: Any, copied: Any = None) -> AttentionMemory:
        """What every step looks at, computed once per source.

        Arguments as in the call of the class. The values are `[batch, source, readout_units]`; all in the order in
        which positions are gone through.
        """
        mask = open_positions(mask_of(memory) if memory_mask is None else memory_mask, memory)
        values = self.product(memory, self.readout_hidden.kernel, self.input_units + self.units)
        to_copy = [ids_to_copy(copied)] if self.copies else []
        return AttentionMemory(*map(self.turn, (self.attention.project_memory(memory), values, mask, *to_copy)))

    def turn(self, by_source: Any) -> Any:
        """Something `[batch, source, …]` in the order in which positions are gone through, or back from it."""
        return tf.reverse(by_source, [1]) if self.backward else by_source

    def product(self, rows: Any, kernel: Any, first: int) -> Any:
        """`[..., n]` times n rows of a kernel, from the first on."""
        return part_product(rows, kernel, first, self.compute_dtype)

    @makes_node
    def initial_state(self, summary: Any, memory_mask: Any) -> list[Any]:
        """The first state, from the encoder's final states and the memory's mask.

        Of each layer `[batch, units]`, twice for an LSTM; then the alignment `[batch, source]`, all of it at the first
        position, and log p of every symbol at every position `[batch, source, vocabulary_size]`, before the first
        symbol zeros.
        """
        dtype = softmax_dtype(self.compute_dtype)
        zeros = ops.cast(ops.zeros_like(memory_mask), dtype)
        nothing = ops.repeat(ops.expand_dims(zeros, -1), self.vocabulary_size, axis=-1)
        alignment = first_position(self.turn(memory_mask), 1, dtype)
        return [*(bridge(summary) for bridge in self.bridges), alignment, nothing]

    @makes_node
    def step(
        self, inputs: Any, state: list[Any], memory: AttentionMemory, beams: int = 1, heads_apart: bool = False
    ) -> tuple[Any, list[Any], Any]:
        """One output position.

        Args:
            inputs: `[batch, gate_units + readout_units + vocabulary_size]`, y_{t-1} from `prepare_inputs`.
            state: As `initial_state` or the previous step returned it.
            memory: From `prepare_memory`.
            beams: How many rows of inputs and state, one after the other, look at each row of the memory.
            heads_apart: Whether the weights have an axis of heads, of one.

        Returns:
            For `readout` the logits `[batch, vocabulary_size]`, or with copies log p of generating, then of copying;
            the new state; and the attention weights `[batch, source]`, or `[batch, 1, source]`.
        """
        memory = AttentionMemory(*memory)  # saved models hold it as a plain tuple
        *cells, alignment, emissions = state
        *gates, hidden, which = tf.split(inputs, self.widths, axis=1)
        picked = ops.sum(emissions * ops.cast(ops.expand_dims(which, 1), emissions.dtype), axis=-1)
        output, cells = self.climb(gates, cells)
        alignment = explain(alignment, picked)
        alignment = self.attention.move(alignment, output, memory.keys, memory.mask, beams)
        hidden = hidden + self.product(output, self.readout_hidden.kernel, self.input_units)
        hidden = ops.reshape(hidden, (-1, beams, 1, self.readout_units)) + ops.expand_dims(memory.values, 1)
        logits = self.output_projection(ops.tanh(ops.reshape(hidden, (-1, self.readout_units))))
        logits = ops.reshape(logits, (-1, ops.shape(memory.keys)[1], self.vocabulary_size + self.copies))
        copied = ops.repeat(memory.copied, beams, axis=0) if self.copies else None
        hidden, emissions = step_outputs(alignment, ops.cast(logits, emissions.dtype), copied)
        weights = self.turn(alignment)
        weights = ops.expand_dims(weights, 1) if heads_apart else weights
        return hidden, [*cells, alignment, emissions], weights

    def climb(self, gates: Any, state: list[Any]) -> tuple[Any, list[Any]]:
        """Through the recurrent layers: the last output, and their new states."""
        new_state = self.cells[0].advance(gates, state[: self.parts])
        output = new_state[0]
        for index, cell in enumerate(self.cells[1:], 1):
            shares = tf.split(cell.input_share(self.product(output, cell.kernel, 0)), len(gates), axis=1)
            above = cell.advance(shares, state[index * self.parts : (index + 1) * self.parts])
            output, new_state = output + above[0], [*new_state, *above]
        return output, new_state

    @makes_node
    def readout(self, hidden: Any, training: bool | None = None) -> Any:
        """The logits from what `step` returned: as they are, or those of generating and copying together."""
        return join_apart(hidden) if self.copies else hidden

    @makes_node
    def share_copied(self, hidden: Any) -> Any:
        """Which share of the probability of every symbol came of copying, 0 to 1, from what `step` returned."""
        return share_of_copying(hidden)

    def call(
        self,
        inputs: Any,
        memory: Any,
        memory_mask: Any = None,
        summary: Any = None,
        symbols: Any = None,
        copied: Any = None,
        training: bool | None = None,
    ) -> tuple[Any, Any]:
        """Teacher-forced pass over a whole target; see the class."""
        given = Given(tf.convert_to_tensor(inputs), memory, open_positions(memory_mask, memory), summary)
        return unroll(self, given, tf.convert_to_tensor(symbols), copied, training)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> tuple[Any, Any]:
        """The inputs' mask, for logits and attention weights."""
        return previous_mask, previous_mask

    def compute_output_shape(self, inputs_shape: Any, memory_shape: Any, *_: Any) -> tuple[Any, Any]:
        """Shapes of logits and attention weights."""
        return (*inputs_shape[:2], self.vocabulary_size), (*inputs_shape[:2], memory_shape[1])

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes and dtypes of logits and attention weights, or of what a method returns."""
        spec = super().compute_output_spec(*args, **kwargs)
        if kwargs.get("method") is not None:
            return spec
        return tuple(keras.KerasTensor(part.shape, dtype=softmax_dtype(self.compute_dtype)) for part in spec)

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        sizes = ("vocabulary_size", "units", "attention_units", "readout_units", "layers", "dropout")
        own = {name: getattr(self, name) for name in (*sizes, "seed", "backward", "copies")}
        return {**super().get_config(), **own, "cell": self.cell_kind}
