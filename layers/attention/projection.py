"""The keys of a memory as one product."""

from typing import Any

import keras

from layers.products import SharedKernelDense, by_rows
from layers.registration import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Projection(SharedKernelDense):
    """A `keras.layers.Dense` that is one product for all positions; arguments and errors are that layer's.

    Call arguments:
        inputs: `[batch, positions, features]`.

    Returns:
        `[batch, positions, units]` in the compute dtype.

    Example:
        >>> Projection(5)(keras.ops.ones([2, 3, 4])).shape
        TensorShape([2, 3, 5])
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Project; see the class."""
        return by_rows(lambda rows: super(Projection, self).call(rows, training=training), inputs, self.units)
