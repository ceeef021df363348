"""Dropout that draws 8 random bits for an element, a quarter of what a random float takes."""

from typing import Any

import keras
import tensorflow as tf

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
        kept = _random_bytes(tf.shape(inputs), self.seed_generator.next()) >= tf.constant(dropped, tf.uint8)
        return inputs * tf.where(kept, tf.constant(VALUES / (VALUES - dropped), inputs.dtype), 0)

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again."""
        return {name: value for name, value in super().get_config().items() if name != "noise_shape"}


def _random_bytes(shape: Any, seed: Any) -> Any:
    """Random uint8 of a shape, four of each random word."""
    elements = tf.reduce_prod(shape)
    words = tf.random.stateless_uniform([(elements + 3) // 4], tf.cast(seed, tf.int32), None, None, tf.uint32)
    return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:elements], shape)
