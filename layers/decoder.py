"""The attention decoder: `step` is the one definition of what happens at an output position."""

import functools
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from layers.attention.base import Wanted
from layers.attention.kinds import ATTENTIONS
from layers.cells.kinds import DECODER_CELLS
from layers.decoder_state import AttentionMemory, DecoderParts, DecoderState, Given
from layers.dropout.kinds import Dropout
from layers.fast.decoders import find_decoder
from layers.guest_layer import GuestLayer, makes_node
from layers.masks import mask_of, open_positions
from layers.plain_unroll import plain_unroll
from layers.precision import softmax_dtype
from layers.products import SharedKernelDense, interleave, part_product
from layers.registration import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class AttentionDecoder(GuestLayer):
    """Recurrent decoder with attention, after Bahdanau, Cho & Bengio (2015), https://arxiv.org/abs/1409.0473.

        C_t = attention(s_{t-1}, h)                          the context, from the previous state
        s_t = f(s_{t-1}, y_{t-1}, C_t)                       f: a recurrent cell
        p(y_t) = g(y_{t-1}, s_t, C_t)                        g: tanh layer, dropout, softmax over the vocabulary
        s_0 = tanh(W [forward h_last; backward h_first])     the bridge

    y_{t-1} and C_t meet f and g in products, W y_{t-1} + V C_t, and C_t = Σ_j a_tj h_j is linear in the memory:
    `prepare_inputs` and `prepare_memory` compute W y and V h_j for all positions at once, so that a step is left
    with what depends on the state.

    Variants of f:

        conditional_gru    s' = GRU(y_{t-1}, s_{t-1})     C_t = attention(s', h)     s_t = GRU'(C_t, s')
                           (Sennrich et al. 2017, https://arxiv.org/abs/1703.04357)
        more layers        o_1 = s_t     o_l = o_{l-1} + CELL_l(o_{l-1}, its state)     g sees o_L in place of s_t
        input feeding      f and g see g's last hidden layer beside y_{t-1}
                           (Luong et al. 2015, https://arxiv.org/abs/1508.04025)

    State goes in, state comes out: nothing is kept on the layer between calls. Search and export call
    `step` and `readout` position by position; training calls the layer, which unrolls `step` over the
    given target ("teacher forcing"), through a hand-written loop where `layers.fast.decoders` has one.

    Args:
        vocabulary_size: Number of target symbols. None leaves the last projection to others, as where it is tied to
            the embeddings: then g's hidden layer comes out in place of logits.
        units: Size of the state s_t.
        cell: "gru", "lstm", "layer_norm_gru", "layer_norm_lstm" or "conditional_gru".
        attention: "bahdanau", "multi_head_bahdanau", "luong_dot", "luong_general", or "none" for one fixed context
            (the encoder's summary).
        attention_units: Size of the space in which query and keys of additive attention meet; None takes units.
        attention_heads: Heads of "multi_head_bahdanau"; divides attention_units and the memory's size.
        coverage: Whether additive attention sees how much it looked at each position before.
        readout_units: Size of the hidden layer of g; None takes units.
        layers: Recurrent layers; the first attends.
        input_feeding: See above.
        dropout: Share of g's hidden layer that is dropped in training.
        seed: Seed of dropout.
        fast: Use a hand-written unroll where one exists; False forces the plain loop.

    Call arguments:
        inputs: `[batch, target, features]`, embedded y_{t-1}: the target shifted right by the start symbol.
        memory: `[batch, source, memory_units]`, the encoder's outputs h_j.
        memory_mask: `[batch, source]` bool, False on padding. None takes the mask that the encoder, or any layer of
            Keras, attached to the memory, or else all positions.
        summary: `[batch, summary_units]`, the encoder's final states.

    Returns:
        logits `[batch, target, vocabulary_size]` and attention weights `[batch, target, source]`, both
        in at least float32. A mask attached to the inputs passes on to both, so that Keras's losses leave padding out.

    Example:
        >>> import numpy as np
        >>> decoder = AttentionDecoder(vocabulary_size=7, units=4)
        >>> inputs, memory = np.ones((2, 5, 3), "float32"), np.ones((2, 6, 8), "float32")
        >>> mask, summary = np.ones((2, 6), bool), np.ones((2, 8), "float32")
        >>> logits, attention_weights = decoder(inputs, memory, mask, summary)
        >>> logits.shape, attention_weights.shape
        (TensorShape([2, 5, 7]), TensorShape([2, 5, 6]))

        The same, a position at a time, as search does it:

        >>> prepared, state = decoder.prepare_memory(memory, mask, summary), decoder.initial_state(summary, mask)
        >>> hidden, state, weights = decoder.step(decoder.prepare_inputs(inputs[:, 0]), state, prepared)
        >>> bool(np.allclose(decoder.readout(hidden), logits[:, 0], atol=1e-5))
        True
    """

    takes_symbols = False  # beside what they are embedded as
    copies = False  # by itself; `layers.Copying` does it with what comes out

    def __init__(
        self,
        vocabulary_size: int | None,
        units: int,
        cell: str = "gru",
        attention: str = "bahdanau",
        attention_units: int | None = None,
        attention_heads: int = 4,
        coverage: bool = False,
        readout_units: int | None = None,
        layers: int = 1,
        input_feeding: bool = False,
        dropout: float = 0.0,
        seed: int | None = None,
        fast: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in DECODER_CELLS:
            raise ValueError(f"cell must be one of {sorted(DECODER_CELLS)}, got {cell!r}")
        if attention not in ATTENTIONS:
            raise ValueError(f"attention must be one of {list(ATTENTIONS)}, got {attention!r}")
        self.vocabulary_size, self.units, self.cell_kind, self.attention_kind = vocabulary_size, units, cell, attention
        self.attention_units, self.attention_heads = attention_units or units, attention_heads
        self.coverage, self.readout_units, self.layers = coverage, readout_units or units, layers
        self.input_feeding, self.dropout, self.seed, self.fast = input_feeding, dropout, seed, fast
        self._make_layers()

    def _make_layers(self) -> None:
        policy = self.dtype_policy
        cell_class, context_class = DECODER_CELLS[self.cell_kind]
        self.cell = cell_class(self.units, dtype=policy, name="cell")
        self.context_cell = context_class and context_class(self.units, dtype=policy, name="context_cell")
        above = (f"cell_{index}" for index in range(1, self.layers))
        self.cells_above = [cell_class(self.units, dtype=policy, name=name) for name in above]
        layer = {"dtype": policy, "name": "attention"}
        wanted = Wanted(self.units, self.attention_units, self.attention_heads, self.coverage, layer)
        self.attention = ATTENTIONS[self.attention_kind](wanted)
        if self.coverage and not self.attention.takes_coverage:
            raise ValueError(f"coverage needs additive attention, got {self.attention_kind!r}")
        make_dense = functools.partial(keras.layers.Dense, dtype=policy)
        bridges = range(self.layers * self.cell.equations.PARTS)
        self.bridges = [make_dense(self.units, activation="tanh", name=f"bridge_{index}") for index in bridges]
        self.widths = [self.units] * self.cell.equations.GATES + [self.readout_units]
        make_feeding = functools.partial(make_dense, sum(self.widths), use_bias=False, name="feeding")
        self.feeding = make_feeding() if self.input_feeding else None
        self.readout_hidden = SharedKernelDense(self.readout_units, dtype=policy, name="readout_hidden")
        self.dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=policy)
        size = self.vocabulary_size
        self.output_projection = None if size is None else make_dense(size, name="output_projection")

    def build(
        self, inputs_shape: Any, memory_shape: Any, memory_mask_shape: Any = None, summary_shape: Any = None
    ) -> None:
        """Create all weights from the shapes of the call's arguments.

        Raises:
            ValueError: There is no summary, or attention_heads do not divide the memory's size.
        """
        if summary_shape is None:
            raise ValueError("the decoder needs a summary, the encoder's second output: decoder(…, summary=summary)")
        self.input_units = inputs_shape[-1]
        context_units = memory_shape[-1] if self.attention.looks else summary_shape[-1]
        if context_units % self.attention.heads:
            raise ValueError(f"attention_heads must divide the memory's size ({context_units})")
        self.attention.build((None, self.units), None, memory_shape, None)
        if self.context_cell is not None:
            self.cell.build((None, inputs_shape[-1]))
            self.context_cell.build((None, context_units))
        else:
            self.cell.build((None, inputs_shape[-1] + context_units))
        for cell in self.cells_above:
            cell.build((None, self.units))
        for bridge in self.bridges:
            bridge.build(summary_shape)
        if self.feeding is not None:
            self.feeding.build((None, self.readout_units))
        self.readout_hidden.build((None, inputs_shape[-1] + self.units + context_units))
        if self.output_projection is not None:
            self.output_projection.build((None, self.readout_units))
        self.built = True

    @makes_node
    def prepare_inputs(self, inputs: Any) -> Any:
        """What y_{t-1} brings to the gates of f and to the hidden layer of g, biases included.

        `[..., features]` to `[..., gate_units + readout_units]`; a step takes `[batch, …]` of it.
        """
        gates = self.cell.input_share(self._product(inputs, self.cell.kernel, 0))
        bias = ops.cast(self.readout_hidden.bias, self.compute_dtype)
        hidden = self._product(inputs, self.readout_hidden.kernel, 0) + bias
        return ops.concatenate([gates, hidden], axis=-1)

    @makes_node
    def prepare_memory(self, memory: Any, memory_mask: Any, summary: Any) -> AttentionMemory:
        """What every step looks at, computed once per source.

        Arguments as in the call of the class.
        """
        mask = open_positions(mask_of(memory) if memory_mask is None else memory_mask, memory)
        seen = memory if self.attention.looks else summary[:, None]
        heads = self.attention.heads
        units = seen.shape[-1] // heads
        one, two = (self.cell.kernel, self.input_units), (self.context_cell and self.context_cell.kernel, 0)
        kernel, first = one if self.context_cell is None else two
        values = []
        for head in range(heads):
            part = seen[:, :, head * units : (head + 1) * units]
            gates = self._product(part, kernel, first + head * units)
            hidden = self._product(part, self.readout_hidden.kernel, self.input_units + self.units + head * units)
            values.append(ops.concatenate([gates, hidden], axis=-1))
        return AttentionMemory(self.attention.project_memory(memory), interleave(values), mask)

    def _product(self, rows: Any, kernel: Any, first: int) -> Any:
        """`[..., n]` times n rows of a kernel, from the first on."""
        return part_product(rows, kernel, first, self.compute_dtype)

    @makes_node
    def initial_state(self, summary: Any, memory_mask: Any) -> list[Any]:
        """The first state, from the encoder's final states and the memory's mask.

        `[batch, units]` for a GRU and two of them (h, c) for an LSTM, for each layer; then what coverage and input
        feeding begin with, zeros.
        """
        state = [bridge(summary) for bridge in self.bridges]
        if self.coverage:
            state.append(ops.cast(ops.zeros_like(memory_mask), softmax_dtype(self.compute_dtype)))
        if self.input_feeding:
            # As many as the state has: the first axis may be unknown.
            state.append(ops.repeat(ops.zeros_like(state[0][:, :1]), self.readout_units, axis=1))
        return state

    @makes_node
    def step(
        self, inputs: Any, state: list[Any], memory: AttentionMemory, beams: int = 1, heads_apart: bool = False
    ) -> tuple[Any, list[Any], Any]:
        """One output position: look, then move on. The single definition of the recurrence.

        Args:
            inputs: `[batch, gate_units + readout_units]`, y_{t-1} from `prepare_inputs`.
            state: s_{t-1}, as `initial_state` or the previous step returned it.
            memory: From `prepare_memory`.
            beams: How many rows of inputs and state, one after the other, look at each row of the memory.
            heads_apart: Of several heads, give every one's weights instead of their mean.

        Returns:
            hidden `[batch, readout_units]`, g's hidden layer before its tanh, for `readout`; the new state; and the
            attention weights `[batch, source]` in at least float32, or `[batch, heads, source]`.
        """
        memory = AttentionMemory(*memory)  # saved models hold it as a plain tuple
        before = DecoderState.of(state, self.layers, self.cell.equations.PARTS, self.coverage, self.input_feeding)
        if self.feeding is not None:
            inputs = inputs + self.feeding(before.fed)  # g's last hidden layer goes where y_{t-1} goes
        if self.context_cell is None:
            context, attention_weights = self._look(before.cell[0], memory, beams, before.coverage, heads_apart)
            *gates, hidden = tf.split(inputs + context, self.widths, axis=1)  # W y_{t-1} + V C_t
            cell = self.cell.advance(gates, before.cell)
        else:
            *gates, hidden = tf.split(inputs, self.widths, axis=1)
            between = self.cell.advance(gates, before.cell)
            context, attention_weights = self._look(between[0], memory, beams, before.coverage, heads_apart)
            gates_and_bias = self.context_cell.input_share(context[:, : -self.readout_units])
            cell = self.context_cell.advance(tf.split(gates_and_bias, len(gates), axis=1), between)
            hidden = hidden + context[:, -self.readout_units :]
        output, above = self._climb(cell[0], before.above)
        hidden = hidden + self._product(output, self.readout_hidden.kernel, self.input_units)
        after = DecoderState(
            cell,
            above,
            before.coverage + (ops.mean(attention_weights, axis=1) if heads_apart else attention_weights)
            if self.coverage
            else None,
            ops.tanh(hidden) if self.input_feeding else None,
        )
        return hidden, after.flatten(), attention_weights

    def _look(
        self, query: Any, memory: AttentionMemory, beams: int, coverage: Any, heads_apart: bool
    ) -> tuple[Any, Any]:
        more: dict[str, Any] = {"heads_apart": True} if heads_apart else {}
        if self.coverage:
            more["coverage"] = coverage
        return self.attention(query, memory.keys, memory.values, memory.mask, beams=beams, **more)

    def _climb(self, output: Any, states: list[list[Any]]) -> tuple[Any, list[list[Any]]]:
        """Through the layers above the attending one: their last output, and their new states."""
        new_states = []
        for cell, state in zip(self.cells_above, states, strict=True):
            gates = cell.input_share(self._product(output, cell.kernel, 0))
            new_states.append(cell.advance(tf.split(gates, cell.equations.GATES, axis=1), state))
            output = output + new_states[-1][0]
        return output, new_states

    @makes_node
    def readout(self, hidden: Any, training: bool | None = None) -> Any:
        """g: the logits of y_t, `[..., vocabulary_size]` in at least float32, from what `step` returned."""
        features = self.dropout_layer(ops.tanh(hidden), training=training)
        if self.output_projection is None:
            return features
        return ops.cast(self.output_projection(features), softmax_dtype(self.compute_dtype))

    def call(
        self, inputs: Any, memory: Any, memory_mask: Any = None, summary: Any = None, training: bool | None = None
    ) -> tuple[Any, Any]:
        """Teacher-forced pass over a whole target; see the class."""
        given = Given(inputs, memory, open_positions(memory_mask, memory), summary)
        unroll = self.fast_unroll
        if unroll is None:
            hidden, attention_weights = plain_unroll(self, *given)
        else:
            initial = self.initial_state(summary, given.memory_mask)
            parts = DecoderParts(self.cell_kind, self.cell, self.context_cell, self.attention, self.readout_hidden)
            hidden, attention_weights = unroll(parts, given, initial)
        return self.readout(hidden, training=training), attention_weights

    @property
    def fast_unroll(self) -> Any:
        """The hand-written unroll that a call takes; None where `plain_unroll` runs."""
        if not self.fast:
            return None
        layers = f"{self.layers} layers" if self.layers > 1 else ""
        extras = ["coverage" * self.coverage, "input feeding" * self.input_feeding, layers]
        return find_decoder(self.cell_kind, self.attention_kind, list(filter(None, extras)), self.dtype_policy)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> tuple[Any, Any]:
        """The inputs' mask, for logits and attention weights."""
        return previous_mask, previous_mask

    def compute_output_shape(
        self, inputs_shape: Any, memory_shape: Any, memory_mask_shape: Any = None, summary_shape: Any = None
    ) -> tuple[Any, Any]:
        """Shapes of logits and attention weights."""
        return (*inputs_shape[:2], self.vocabulary_size or self.readout_units), (*inputs_shape[:2], memory_shape[1])

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Shapes and dtypes of logits and attention weights, or of what a method returns."""
        spec = super().compute_output_spec(*args, **kwargs)
        if kwargs.get("method") is not None:
            return spec
        full = softmax_dtype(self.compute_dtype)
        dtypes = (self.compute_dtype if self.output_projection is None else full, full)
        return tuple(keras.KerasTensor(part.shape, dtype=dtype) for part, dtype in zip(spec, dtypes, strict=True))

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        sizes = ("vocabulary_size", "units", "attention_units", "attention_heads", "readout_units", "layers")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in (*sizes, "coverage", "input_feeding", "dropout", "seed", "fast")},
            "cell": self.cell_kind,
            "attention": self.attention_kind,
        }
