"""Streams of items in lists of a size that the graph works on at once."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

CHUNK = 4096
BATCH_SIZE = 256
"""Of strings that go through a model at once."""
# Of a chunk, so that long lines do not fill the memory: symbols take some dozens of bytes each.
MOST_CHARACTERS = 1 << 21


def in_chunks(
    items: Iterable[Any], size: int, count_characters: Callable[[Any], int] | None = None
) -> Iterator[list[Any]]:
    """Lists of `size` items; the last one is shorter, and so are those of items that are very long.

    Args:
        items: Any.
        size: Most items of a list.
        count_characters: Characters of an item; a list ends with the item that makes them MOST_CHARACTERS.

    Example:
        >>> list(in_chunks("abc", 2))
        [['a', 'b'], ['c']]
    """
    chunk: list[Any] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += count_characters(item) if count_characters else 0
        if len(chunk) == size or characters >= MOST_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
