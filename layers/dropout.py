"""Dropout that draws 16 random bits for an element, half of what a random float takes: on a CPU most of its time."""

from typing import Any

import keras
import tensorflow as tf

from layers.attention import PACKAGE

VALUES = 2**16


@keras.saving.register_keras_serializable(package=PACKAGE)
class Dropout(keras.layers.Dropout):
    """Dropout of Srivastava et al. (2014), https://jmlr.org/papers/v15/srivastava14a.html.

        output_i = m_i input_i / (1 - p)     m_i = 1 with probability 1 - p, else 0

    As Keras's own, with p rounded to a multiple of 1 / 65536, and without a shape for the noise.

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
        dropped = round(self.rate * VALUES)
        if not training or not dropped:
            return inputs
        if dropped == VALUES:
            return tf.zeros_like(inputs)
        kept = _random_16_bits(tf.shape(inputs), self.seed_generator.next()) >= tf.constant(dropped, tf.uint16)
        return inputs * tf.where(kept, tf.constant(VALUES / (VALUES - dropped), inputs.dtype), 0)

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {name: value for name, value in super().get_config().items() if name != "noise_shape"}


def _random_16_bits(shape: Any, seed: Any) -> Any:
    """Random uint16 of a shape, two of each random word."""
    elements = tf.reduce_prod(shape)
    words = tf.random.stateless_uniform([(elements + 1) // 2], tf.cast(seed, tf.int32), None, None, tf.uint32)
    return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:elements], shape)
