"""The matrix products of a training step, and what each takes alone."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from benchmarks.sizes import Size
from benchmarks.turns import take_turns


class Product(NamedTuple):
    """A matrix product of `[rows, inner]` and `[inner, columns]` that a step has so many of."""

    name: str
    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def work(self) -> float:
        """Floating-point operations of all of them."""
        return 2.0 * self.rows * self.inner * self.columns * self.times


def products(size: Size) -> list[Product]:
    """The products of a training step, forward and backward, as the hand-written loops make them."""
    batch, source, target = size.batch, size.length, size.target_length or size.length
    units, features, words = size.units, size.embedding_units, size.vocabulary
    gates, seen = 3 * units, features + 3 * units
    dense = [  # name, rows, inner, columns, how many
        ("encoder input", source * batch, features, gates, 2),
        ("decoder symbols", target * batch, features, gates, 1),
        ("memory to gates", source * batch, 2 * units, gates, 1),
        ("memory to keys", source * batch, 2 * units, units, 1),
        ("bridge", batch, 2 * units, units, 1),
        ("readout", target * batch, seen, units, 1),
        ("logits", target * batch, units, words, 1),
    ]
    found = [part for name, rows, inner, columns, count in dense for part in _three(name, rows, inner, columns, count)]
    for name, steps, width, count in (("encoder", source, gates, 2), ("decoder", target, gates + units, 1)):
        found += [
            Product(f"{name} state", batch, units, width, steps * count),
            Product(f"{name} state, back", batch, width, units, steps * count),
            Product(f"{name} state, kernel", units, steps * batch, width, count),
        ]
    return found


def _three(name: str, rows: int, inner: int, columns: int, count: int) -> Iterator[Product]:
    """Forward, to the inputs, to the kernel."""
    yield Product(name, rows, inner, columns, count)
    yield Product(f"{name}, back", rows, columns, inner, count)
    yield Product(f"{name}, kernel", inner, rows, columns, count)


def best_seconds(product: Product) -> float:
    """Of one such product, by the faster of the two libraries."""
    turned = product.name.endswith("kernel")
    shape = (product.inner, product.rows) if turned else (product.rows, product.inner)
    left, right = tf.random.normal(shape), tf.random.normal([product.inner, product.columns])
    enough = max(4, int(1e9 * product.times / product.work))

    def repeat(left: Any, right: Any) -> Any:
        def body(done: Any, right: Any) -> tuple[Any, Any]:
            # Each needs the one before, so that none is left out; the sum is of the smaller part.
            return done + 1, right + 1e-30 * tf.matmul(left, right, transpose_a=turned)[0, 0]

        return tf.while_loop(lambda done, _: done < enough, body, (0, right), maximum_iterations=enough)[1]

    functions = [tf.function(repeat, jit_compile=jit, autograph=False) for jit in (False, True)]
    return min(_fastest(functools.partial(function, left, right)) for function in functions) / enough


def _fastest(run: Callable[[], Any]) -> float:
    run()
    return min(take_turns({"it": lambda: run().numpy()}, 7)["it"])
