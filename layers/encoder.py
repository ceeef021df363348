"""The source, read in both directions: embedded symbols in, a memory vector per symbol out; and features beside it."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from layers.cells.kinds import CELLS
from layers.dropout.kinds import Dropout
from layers.fast import bidirectional, reading
from layers.fast.conditions import has_encoder
from layers.fast.packing import pack, unpack
from layers.guest_layer import GuestLayer, makes_node
from layers.masks import mask_of, open_positions
from layers.registration import PACKAGE

# These take Keras's own layer, the others its loop around a cell.
RECURRENT_LAYERS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


@keras.saving.register_keras_serializable(package=PACKAGE)
class BidirectionalEncoder(GuestLayer):
    """A stack of bidirectional recurrent layers, residual from the second.

        h_j = [forward h_j; backward h_j]     summary = [forward h_last; backward h_first]

    Args:
        units: Size of each direction; memory and summary have twice as many.
        layers: Number of bidirectional layers.
        cell: "gru", "lstm", "layer_norm_gru" or "layer_norm_lstm".
        dropout: Share of the outputs between the layers and of the memory that is dropped in training.
        seed: Seed of dropout.
        fast: Train through the hand-written recurrence where there is one; False forces Keras's.
        right_padded: True promises that masks are False on the right only, which saves a look at each.

    Call arguments:
        inputs: `[batch, source, features]`, embedded symbols.
        mask: `[batch, source]` bool, False on padding. None takes the mask that Keras attached to the inputs, as
            `keras.layers.Embedding(mask_zero=True)` does, or else all positions. `source_mask` is its former name.

    Returns:
        memory `[batch, source, 2 * units]`, 0 on padding, and summary `[batch, 2 * units]`, 0 for a row without any
        True. The mask passes on to the memory.

    Example:
        >>> import numpy as np
        >>> encoder = BidirectionalEncoder(units=4, layers=2)
        >>> mask = np.array([[True, True, True], [True, False, False]])
        >>> memory, summary = encoder(np.ones((2, 3, 5), "float32"), mask)
        >>> memory.shape, summary.shape, float(np.abs(memory[1, 1:]).max())
        (TensorShape([2, 3, 8]), TensorShape([2, 8]), 0.0)
    """

    def __init__(
        self,
        units: int,
        layers: int = 1,
        cell: str = "gru",
        dropout: float = 0.0,
        seed: int | None = None,
        fast: bool = True,
        right_padded: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
        self.units, self.layers, self.cell, self.dropout, self.seed = units, layers, cell, dropout, seed
        self.fast, self.right_padded = fast, right_padded
        self.recurrent_layers = [self._bidirectional(index) for index in range(layers)]
        self.dropout_layer = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def _bidirectional(self, index: int) -> keras.layers.Layer:
        def direction(name: str, **kwargs: Any) -> keras.layers.Layer:
            settings = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True, **kwargs}
            settings |= {"dtype": self.dtype_policy, "name": f"{name}_{index}"}
            if self.cell in RECURRENT_LAYERS:
                return RECURRENT_LAYERS[self.cell](self.units, **settings)
            return keras.layers.RNN(CELLS[self.cell](self.units, dtype=self.dtype_policy), **settings)

        return keras.layers.Bidirectional(
            direction("forward"),
            backward_layer=direction("backward", go_backwards=True),
            dtype=self.dtype_policy,
            name=f"bidirectional_{index}",
        )

    def __call__(self, *args: Any, source_mask: Any = None, **kwargs: Any) -> Any:
        """The call; see the class."""
        return super().__call__(*args, **kwargs if source_mask is None else {**kwargs, "mask": source_mask})

    def build(self, inputs_shape: Any) -> None:
        """Create the weights of every layer."""
        shape = tuple(inputs_shape)
        for layer in self.recurrent_layers:
            layer.build(shape)
            shape = (*shape[:-1], 2 * self.units)
        self.built = True

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Create the weights where a saved model is loaded."""
        # Models saved when the mask was `source_mask` say its shape too.
        self.build(config["input_shape"] if "input_shape" in config else config["shapes_dict"]["inputs_shape"])

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> tuple[Any, Any]:
        """Read the source; see the class."""

        def read(inputs: Any, mask: Any) -> tuple[Any, Any]:
            first = self._read(self.recurrent_layers[0], inputs, mask, training)
            return self._climb(*first, mask, training)

        if mask is None:
            return read(inputs, open_positions(None, inputs))
        return self._packed(read, inputs, open_positions(mask, inputs))

    def _packed(self, read: Callable[[Any, Any], tuple[Any, Any]], rows: Any, mask: Any) -> tuple[Any, Any]:
        """What a reading gives that needs padding on the right."""
        if self.right_padded:
            return read(rows, mask)
        packed = pack(rows, mask)
        memory, summary = read(packed.rows, packed.mask)
        return unpack(memory, mask, packed.is_moved), summary

    def tabulate(self, symbols: Any) -> list[Any] | None:
        """What every symbol brings to the first layer, for `look_up`.

        Args:
            symbols: `[vocabulary, features]`, their embeddings.

        Returns:
            By direction `[vocabulary + 1, gate_units]`, the last row for padding; None where no recurrence is
            hand-written.
        """
        if not self._is_fast:
            return None
        return reading.tabulate(self.cell, self.recurrent_layers[0], symbols)

    @makes_node
    def look_up(self, tables: list[Any], ids: Any, mask: Any) -> tuple[Any, Any]:
        """What a call gives of the symbols' embeddings, not in training.

        Args:
            tables: From `tabulate`.
            ids: `[batch, source]` int32, rows of its symbols.
            mask: `[batch, source]` bool, False on padding.

        Returns:
            memory and summary, as the class.
        """

        def read(ids: Any, mask: Any) -> tuple[Any, Any]:
            first = reading.look_up(self.cell, self.recurrent_layers[0], tables, ids, mask)
            return self._climb(*first, mask, training=False)

        return self._packed(read, ids, mask)

    @property
    def _is_fast(self) -> bool:
        return self.fast and has_encoder(self.cell, self.dtype_policy)

    def _read(self, layer: keras.layers.Layer, inputs: Any, mask: Any, training: bool | None) -> tuple[Any, Any]:
        """Outputs and final outputs of one bidirectional layer."""
        if self._is_fast:
            # Compiled in training only: an exported model must not need XLA.
            return bidirectional.run(self.cell, layer, inputs, mask, compiled=bool(training))
        outputs, *states = layer(inputs, mask=mask)
        # Per direction: [h] for a GRU, [h, c] for an LSTM.
        return outputs, ops.concatenate([states[0], states[len(states) // 2]], axis=-1)

    def _climb(self, outputs: Any, summary: Any, mask: Any, training: bool | None) -> tuple[Any, Any]:
        """From the first layer's outputs to memory and summary."""
        hidden = self.dropout_layer(outputs, training=training)
        for layer in self.recurrent_layers[1:]:
            outputs, summary = self._read(layer, hidden, mask, training)
            hidden = hidden + self.dropout_layer(outputs, training=training)
        return hidden, summary

    def compute_mask(self, inputs: Any, previous_mask: Any) -> tuple[Any, None]:
        """The mask, for the memory; the summary has no positions."""
        return previous_mask, None

    def compute_output_shape(self, inputs_shape: Any) -> tuple[Any, Any]:
        """Shapes of memory and summary."""
        return (*inputs_shape[:-1], 2 * self.units), (inputs_shape[0], 2 * self.units)

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {
            **super().get_config(),
            "units": self.units,
            "layers": self.layers,
            "cell": self.cell,
            "dropout": self.dropout,
            "seed": self.seed,
            "fast": self.fast,
            "right_padded": self.right_padded,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class FeatureMemory(GuestLayer):
    """Puts features, a bag without an order, into the memory of an encoder that has read the other symbols alone.

        m_j = tanh(W f_j + b) at features, memory_j elsewhere     summary' = summary + mean of the m_j of features

    Args:
        first: The id of the first feature in the source's vocabulary, for those who have ids: those from there on are
            features.
        dropout: Share of what features bring to the memory that is dropped in training.
        seed: Seed of dropout.

    Call arguments:
        inputs: `[batch, source, embedding]`, embedded symbols and features.
        memory: `[batch, source, units]`; what it has at features is of no account.
        summary: `[batch, units]`.
        mask: `[batch, source]` bool, True at features; None takes that which Keras attached to the inputs, or else all.

    Returns:
        memory and summary, as they were given.

    Example:
        >>> import numpy as np
        >>> layer = FeatureMemory()
        >>> is_feature = np.array([[False, False, True], [False, False, False]])
        >>> memory, summary = layer(np.ones((2, 3, 4)), np.zeros((2, 3, 8)), np.zeros((2, 8)), is_feature)
        >>> memory.shape, bool((memory[0, 2] == summary[0]).numpy().all()), float(np.abs(summary[1]).max())
        (TensorShape([2, 3, 8]), True, 0.0)
    """

    def __init__(self, first: int = 0, dropout: float = 0.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.dropout, self.seed = first, dropout, seed
        self.dropout_layer = Dropout(dropout, seed=seed, dtype=self.dtype_policy)
        self.projection: Any = None

    def build(self, inputs_shape: Any, memory_shape: Any, summary_shape: Any) -> None:
        """Create the projection."""
        self.projection = keras.layers.Dense(
            memory_shape[-1], activation="tanh", dtype=self.dtype_policy, name="projection"
        )
        self.projection.build(inputs_shape)
        self.built = True

    def call(
        self, inputs: Any, memory: Any, summary: Any, mask: Any = None, training: bool | None = None
    ) -> tuple[Any, Any]:
        """Put them there; see the class."""
        is_feature = tf.expand_dims(open_positions(mask_of(inputs) if mask is None else mask, inputs), -1)
        projected = self.dropout_layer(self.projection(inputs), training=training)
        counts = ops.cast(is_feature, projected.dtype)
        mean = ops.sum(projected * counts, axis=1) / ops.maximum(ops.sum(counts, axis=1), 1)
        return tf.where(is_feature, projected, ops.cast(memory, projected.dtype)), summary + mean

    def compute_mask(self, inputs: Any, previous_mask: Any) -> tuple[None, None]:
        """None: the memory is more than features."""
        return None, None

    def compute_output_shape(self, inputs_shape: Any, memory_shape: Any, summary_shape: Any) -> tuple[Any, Any]:
        """Shapes of memory and summary."""
        return memory_shape, summary_shape

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {**super().get_config(), "first": self.first, "dropout": self.dropout, "seed": self.seed}
