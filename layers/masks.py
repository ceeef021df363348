"""Which positions are open: the mask that was given, else the one that Keras attached to a tensor, else all."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops


def mask_of(*tensors: Any) -> Any:
    """The mask that a layer before attached to the first of the tensors that has one, as `Embedding(mask_zero=True)`.

    None where none has.
    """
    masks = (getattr(tensor, "_keras_mask", None) for tensor in tensors)
    return next((mask for mask in masks if mask is not None), None)


def open_positions(mask: Any, rows: Any) -> Any:
    """A mask as bool `[batch, positions]`; all True for `rows` `[batch, positions, …]` where it is None.

    Example:
        >>> open_positions(None, tf.zeros([1, 2, 3])).numpy().tolist()
        [[True, True]]
        >>> open_positions(tf.constant([[1, 0]]), tf.zeros([1, 2, 3])).numpy().tolist()
        [[True, False]]
    """
    return tf.ones(tf.shape(rows)[:2], tf.bool) if mask is None else ops.cast(mask, "bool")


def _register_operations() -> None:
    """Let models be loaded from `.h5` files whose masks are computed as `ids != 0`, or by `keras.layers.Masking`.

    Keras writes the operations there, but does not know them when it reads them.
    """
    some = keras.KerasTensor([1, 1])
    for computed in (ops.not_equal(some, 0), ops.any(some, axis=-1)):
        kind = type(computed._keras_history.operation)
        keras.saving.get_custom_objects().setdefault(kind.__name__, kind)


_register_operations()
