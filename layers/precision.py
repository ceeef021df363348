"""What is computed in at least float32, whatever the layers compute in."""

from typing import Any

import keras


def softmax_dtype(dtype: Any) -> str:
    """At least float32: in half precision, long sources would lose their small weights."""
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"
