"""Which decoders have a hand-written unroll: a table of what they are made of."""

from collections.abc import Callable, Sequence
from typing import Any

from layers.decoder_state import DecoderParts, Given
from layers.fast import bahdanau, conditional
from layers.fast.conditions import fits

Unroll = Callable[[DecoderParts, Given, Sequence[Any]], tuple[Any, Any]]

# By cell and attention.
DECODERS: dict[tuple[str, str], Unroll] = {
    ("gru", "bahdanau"): bahdanau.unroll,
    ("lstm", "bahdanau"): bahdanau.unroll,
    ("gru", "none"): bahdanau.unroll_fixed_context,
    ("lstm", "none"): bahdanau.unroll_fixed_context,
    ("conditional_gru", "bahdanau"): conditional.unroll,
}


def find_decoder(cell: str, attention: str, extras: Sequence[str], policy: Any) -> Unroll | None:
    """The hand-written unroll of a decoder, or None: then the plain loop runs (logged once).

    Args:
        cell: Its cell's name.
        attention: Its attention's name.
        extras: What else it has, in words; no unroll is written for any of them.
        policy: Its dtype policy.
    """
    found = None if extras else DECODERS.get((cell, attention))
    what = ", ".join([f"decoder, cell {cell}, attention {attention}", *extras])
    return found if fits(found is not None, what, policy) else None
