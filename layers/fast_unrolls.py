"""Which layers have a hand-written recurrence: chosen here by what the layer is made of."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from layers import fast_bahdanau, fast_conditional
from layers.cell_equations import EQUATIONS

DECODERS: dict[tuple[str, str], Callable[..., tuple[Any, Any]]] = {
    ("gru", "bahdanau"): fast_bahdanau.unroll,
    ("lstm", "bahdanau"): fast_bahdanau.unroll,
    ("gru", "none"): fast_bahdanau.unroll_fixed_context,
    ("lstm", "none"): fast_bahdanau.unroll_fixed_context,
    ("conditional_gru", "bahdanau"): fast_conditional.unroll,
}
DTYPES = ("float32", "float64")


def find_decoder(decoder: Any) -> Callable[..., tuple[Any, Any]] | None:
    """The hand-written unroll of an `AttentionDecoder`, or None: then the plain loop runs (logged once)."""
    extras = {
        "coverage": decoder.coverage,
        "input feeding": decoder.input_feeding,
        f"{decoder.layers} layers": decoder.layers > 1,
    }
    more = [name for name, has in extras.items() if has]
    what = ", ".join([f"decoder, cell {decoder.cell_kind}, attention {decoder.attention_kind}", *more])
    found = None if more else DECODERS.get((decoder.cell_kind, decoder.attention_kind))
    return found if _fits(found is not None, what, decoder.dtype_policy) else None


def has_encoder(cell: str, policy: Any) -> bool:
    """Whether `layers.fast_bidirectional` has the recurrence of an encoder; else Keras's runs (logged once)."""
    return _fits(cell in EQUATIONS, f"encoder, cell {cell}", policy)


def _fits(is_written: bool, what: str, policy: Any) -> bool:
    # Half precision would need its own care about sums; it is for machines where this code does not matter.
    fits = is_written and policy.compute_dtype == policy.variable_dtype and policy.compute_dtype in DTYPES
    if not fits:
        _log_plain(what, policy.name)
    return fits


@lru_cache
def _log_plain(what: str, precision: str) -> None:
    logging.getLogger(__name__).info("%s, precision %s: the plain loop runs, it is slower", what, precision)
