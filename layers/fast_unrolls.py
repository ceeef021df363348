"""Which decoders have a hand-written unroll: one file per pair of cell and attention, chosen here."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from layers import fast_gru_bahdanau

if TYPE_CHECKING:
    from layers.decoder import AttentionDecoder

Unroll = Callable[..., tuple[Any, Any]]

REGISTRY: dict[tuple[str, str], Unroll] = {("gru", "bahdanau"): fast_gru_bahdanau.unroll}
DTYPES = ("float32", "float64")


def find(decoder: "AttentionDecoder") -> Unroll | None:
    """The hand-written unroll for this decoder, or None: then the plain loop runs (logged once)."""
    if not decoder.fast:
        return None
    unroll = REGISTRY.get((decoder.cell_kind, decoder.attention_kind))
    same_dtype = decoder.compute_dtype == decoder.variable_dtype
    if unroll is None or not same_dtype or decoder.compute_dtype not in DTYPES:
        _log_plain(decoder.cell_kind, decoder.attention_kind, decoder.dtype_policy.name)
        return None
    return unroll


@lru_cache
def _log_plain(cell: str, attention: str, precision: str) -> None:
    logging.getLogger(__name__).info(
        "decoder: the plain loop serves cell %s, attention %s, precision %s", cell, attention, precision
    )
