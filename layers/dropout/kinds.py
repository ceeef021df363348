"""Dropout of elements, which draws 8 random bits each, a quarter of what a random float takes; and of whole symbols."""

from typing import Any

import keras
import tensorflow as tf

from layers.dropout.batch_share import random_numbers, random_uniform
from layers.registration import PACKAGE

VALUES = 2**8


@keras.saving.register_keras_serializable(package=PACKAGE)
class Dropout(keras.layers.Dropout):
    """Dropout of Srivastava et al. (2014), https://jmlr.org/papers/v15/srivastava14a.html.

        output_i = m_i input_i / (1 - p)     m_i = 1 with probability 1 - p, else 0

    As Keras's own, with p rounded to a multiple of 1 / 256 (0.2 to 0.199, and never to 0 or 1), and without a
    shape for the noise.

    Args:
        rate: p, from 0 to 1.
        seed: Seed of its random numbers.

    Call arguments:
        inputs: Of any shape.
        training: False or None passes the inputs on as they are.

    Example:
        >>> import numpy as np
        >>> outputs = Dropout(0.5, seed=1)(np.ones((100, 100), "float32"), training=True)
        >>> np.unique(outputs).tolist(), 0.48 < float(np.mean(outputs == 0)) < 0.52
        ([0.0, 2.0], True)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Drop, in training."""
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return tf.zeros_like(inputs)
        dropped = min(max(round(self.rate * VALUES), 1), VALUES - 1)
        drawn = random_numbers(tf.shape(inputs), self.seed_generator.next(), tf.uint8)
        kept = drawn >= tf.constant(dropped, tf.uint8)
        return inputs * tf.where(kept, tf.constant(VALUES / (VALUES - dropped), inputs.dtype), 0)

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {name: value for name, value in super().get_config().items() if name != "noise_shape"}


@keras.saving.register_keras_serializable(package=PACKAGE)
class SymbolDropout(keras.layers.Dropout):
    """Dropout of whole symbols: word dropout of Sennrich & Zhang (2019), https://arxiv.org/abs/1905.11901.

        output_i = m_i input_i / (1 - p)     m_i = 1 with probability 1 - p, else 0, one for all features of position i

    Every position is drawn for itself, and what is kept is scaled, as in Nematus, with which that paper was made.
    Dropped, a symbol is a vector of zeros: the rest of its sentence must do without it.

    Args:
        rate: p, at least 0 and below 1.
        seed: Seed of its random numbers.

    Call arguments:
        inputs: Embeddings `[batch, length, units]`.
        mask: Which positions may be dropped, bool `[batch, length]`; the others pass as they are. None: all may.
        training: False or None passes the inputs on as they are.

    Example:
        >>> import numpy as np
        >>> outputs = SymbolDropout(0.5, seed=1)(np.ones((100, 100, 4), "float32"), training=True)
        >>> np.unique(np.sum(outputs, axis=-1)).tolist(), 0.48 < float(np.mean(outputs == 0)) < 0.52
        ([0.0, 8.0], True)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = False) -> Any:
        """Drop, in training."""
        if not training or self.rate == 0:
            return inputs
        kept = random_uniform(tf.shape(inputs)[:2], self.seed_generator.next()) >= self.rate
        scales = tf.where(kept, tf.constant(1 / (1 - self.rate), inputs.dtype), 0)
        if mask is not None:
            scales = tf.where(tf.cast(mask, tf.bool), scales, 1)
        return inputs * scales[:, :, None]

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {name: value for name, value in super().get_config().items() if name != "noise_shape"}
