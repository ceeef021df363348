"""The kinds of attention that a decoder can have, by name: a table, which others may add to."""

import os
import sys
from collections.abc import Callable

from layers.attention.bahdanau import BahdanauAttention
from layers.attention.base import Attention, Wanted
from layers.attention.fixed_context import FixedContext
from layers.attention.luong import LuongAttention
from layers.attention.multi_head import MultiHeadBahdanauAttention

ATTENTIONS: dict[str, Callable[[Wanted], Attention]] = {
    "bahdanau": BahdanauAttention.for_decoder,
    "multi_head_bahdanau": MultiHeadBahdanauAttention.for_decoder,
    "luong_dot": LuongAttention.dot_for_decoder,
    "luong_general": LuongAttention.for_decoder,
    "none": FixedContext.for_decoder,
}


def register_attention(name: str, kind: type[Attention]) -> None:
    """Give decoders another kind of attention.

    Args:
        name: What `AttentionDecoder(attention=…)` calls it.
        kind: The layer's class. It is made by its `for_decoder`; to be saved and loaded by Keras, it has to be
            registered with Keras as well (`keras.saving.register_keras_serializable`).

    Raises:
        ValueError: Another kind has the name, or the class is no `Attention`.
    """
    if not issubclass(kind, Attention):
        raise ValueError(f"{kind.__name__} is no layers.Attention")
    known = getattr(ATTENTIONS.get(name), "__self__", None)
    # The same class may come again: a notebook's cell is run twice, a file imported under another name.
    if known is not None and _origin(known) != _origin(kind):
        raise ValueError(f"{name!r} is the name of another kind of attention")
    ATTENTIONS[name] = kind.for_decoder


def _origin(kind: type) -> tuple[str, str]:
    """Where a class stands."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return os.path.realpath(file) if file else kind.__module__, kind.__qualname__
