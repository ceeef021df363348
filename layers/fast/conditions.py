"""Where a hand-written recurrence fits: the cells it is written for, in single or double precision."""

import logging
from functools import lru_cache
from typing import Any

from layers.cells.equations import EQUATIONS

DTYPES = ("float32", "float64")


def has_encoder(cell: str, policy: Any) -> bool:
    """Whether `layers.fast.bidirectional` has the recurrence of an encoder; else Keras's runs (logged once)."""
    return fits(cell in EQUATIONS, f"encoder, cell {cell}", policy)


def fits(is_written: bool, what: str, policy: Any) -> bool:
    """Whether a recurrence that is written, or not, runs under a dtype policy; if not, that is logged once."""
    # Half precision would need its own care about sums; it is for machines where this code does not matter.
    runs = is_written and policy.compute_dtype == policy.variable_dtype and policy.compute_dtype in DTYPES
    if not runs:
        _log_plain(what, policy.name)
    return runs


@lru_cache
def _log_plain(what: str, precision: str) -> None:
    logging.getLogger(__name__).info("%s, precision %s: the plain loop runs, it is slower", what, precision)
