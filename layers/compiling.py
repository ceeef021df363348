"""Functions whose forward and backward pass are each one compiled function."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def compiled(function: Callable[..., Any]) -> Callable[[Sequence[Any], Sequence[Any]], Any]:
    """A function with both of its passes compiled by XLA, the second of which begins anew.

    So nothing in between is kept, and what is many small operations becomes a few: for a mixture over a vocabulary the
    first counts, for a recurrence of a few numbers the second.

    Args:
        function: Of tensors, to one tensor; differentiable.

    Returns:
        The same, of those tensors that have a gradient, a list, and the others that follow them, a list.

    Example:
        >>> scale = compiled(lambda numbers, factor: numbers * tf.cast(factor, numbers.dtype))
        >>> numbers = tf.constant([1.0, 2.0])
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(numbers)
        ...     scaled = scale([numbers], [tf.constant(3)])
        >>> scaled.numpy().tolist(), tape.gradient(scaled, numbers).numpy().tolist()
        ([3.0, 6.0], [3.0, 3.0])
    """
    forward = tf.function(function, jit_compile=True, autograph=False)

    @tf.function(jit_compile=True, autograph=False)
    def backward(upstream: Any, given: list[Any], others: list[Any]) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(given)
            result = function(*given, *others)
        gradients: list[Any] = tape.gradient(result, given, upstream, unconnected_gradients="zero")
        return gradients

    def run(given: Sequence[Any], others: Sequence[Any] = ()) -> Any:
        @tf.custom_gradient
        def with_gradient(*given: Any) -> tuple[Any, Any]:
            # An eager tape must not look inside: the gradient of a compiled function is this one or none.
            result = forward(*map(tf.stop_gradient, given), *others)
            return result, lambda upstream: backward(upstream, list(given), list(others))

        return with_gradient(*given)

    return run
