"""Which layers have a hand-written recurrence: chosen here by what the layer is made of."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from layers import fast_bahdanau, fast_bidirectional, fast_conditional

DECODERS: dict[tuple[str, str], Callable[..., tuple[Any, Any]]] = {
    ("gru", "bahdanau"): fast_bahdanau.unroll,
    ("lstm", "bahdanau"): fast_bahdanau.unroll,
    ("gru", "none"): fast_bahdanau.unroll_fixed_context,
    ("lstm", "none"): fast_bahdanau.unroll_fixed_context,
    ("conditional_gru", "bahdanau"): fast_conditional.unroll,
}
ENCODERS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "gru": fast_bidirectional.run_gru,
    "lstm": fast_bidirectional.run_lstm,
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
    return _find(found, what, decoder.dtype_policy)


def find_encoder(cell: str, policy: Any) -> Callable[..., tuple[Any, Any]] | None:
    """The hand-written bidirectional layer of an encoder, or None: then Keras's runs (logged once)."""
    return _find(ENCODERS.get(cell), f"encoder, cell {cell}", policy)


def _find(found: Callable[..., Any] | None, what: str, policy: Any) -> Callable[..., Any] | None:
    # Half precision would need its own care about sums; it is for machines where this code does not matter.
    if found is None or policy.compute_dtype != policy.variable_dtype or policy.compute_dtype not in DTYPES:
        _log_plain(what, policy.name)
        return None
    return found


@lru_cache
def _log_plain(what: str, precision: str) -> None:
    logging.getLogger(__name__).info("%s, precision %s: the plain loop runs, it is slower", what, precision)
