"""Several batches through a model at the same time, their results in order.

A product of a small batch does not keep all cores busy, and between products one core works alone: two batches at once
fill each other's gaps. TensorFlow lets go of Python's lock while it computes.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from pipeline.process.environment import usable_cores
from pipeline.text.chunks import BATCH_SIZE

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 4
"""Batches at a time: each takes memory of its own."""
FEWEST = 32
"""Strings of a batch, so that a product is worth its overhead."""
_OPERATIONS, _OF_ONE = "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"


def share_cores_by_batches() -> None:
    """Of a process that answers many strings: TensorFlow gives every operation one core, and each batch has its own.

    What the environment says of TensorFlow's threads stays. Where TensorFlow is imported already its threads are what
    they are, and only processes that this one starts would find the variable.
    """
    if not os.environ.get(_OPERATIONS) and usable_cores() > 1 and "tensorflow" not in sys.modules:
        os.environ.setdefault(_OF_ONE, "1")


def batches_at_once() -> int:
    """As many as operations that TensorFlow may run at the same time."""
    given = os.environ.get(_OPERATIONS, "0")
    return min(int(given) if given.isdecimal() and int(given) else usable_cores(), usable_cores(), MOST)


def batch_size(strings: int, at_once: int) -> int:
    """Of how many strings batches are: of so few that all cores have some, but of enough to be worth it.

    Example:
        >>> batch_size(12_000, 2), batch_size(200, 2), batch_size(40, 2), batch_size(200, 1)
        (256, 50, 32, 256)
    """
    return BATCH_SIZE if at_once == 1 else min(BATCH_SIZE, max(FEWEST, -(-strings // (2 * at_once))))


def in_order(function: Callable[[Item], Result], items: Iterable[Item], at_once: int) -> Iterator[tuple[Item, Result]]:
    """Every item with what a function makes of it, in order; no more results wait than are computed at once.

    The first is computed alone, by the caller's thread: a graph is made then, and by one thread only.

    Example:
        >>> list(in_order(lambda number: number * number, [1, 2, 3], 2))
        [(1, 1), (2, 4), (3, 9)]
    """
    if at_once == 1:
        yield from ((item, function(item)) for item in items)
        return
    items = iter(items)
    yield from ((item, function(item)) for item in islice(items, 1))
    with ThreadPoolExecutor(at_once) as pool:
        begun: deque[tuple[Item, Future[Result]]] = deque()
        try:
            for item in items:
                begun.append((item, pool.submit(function, item)))
                if len(begun) > at_once:
                    first, future = begun.popleft()
                    yield first, future.result()
            while begun:
                first, future = begun.popleft()
                yield first, future.result()
        finally:
            # Where the caller leaves, or a batch has failed: what has not begun is not waited for.
            for _, future in begun:
                future.cancel()
