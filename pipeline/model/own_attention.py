"""Attention of the user's own, registered under a name that `model.attention` then takes."""

import os
import sys
from collections.abc import Callable

import layers
from pipeline.errors import UsageError
from pipeline.process.extensions import VARIABLE, pass_on
from pipeline.settings.kinds import ATTENTION_KINDS, AttentionKind

# Kinds whose classes stand in no file that another process could import.
_OF_THIS_PROCESS: set[str] = set()


def register_attention(name: str) -> Callable[[type[layers.Attention]], type[layers.Attention]]:
    """Decorate a layer so that `model.attention` takes it by a name, in training, tuning and export.

    The class stands in a file of its own. Commands import it if the environment variable ATTENTIF_IMPORT names the
    file; trials of a tuning and other processes that this one starts import it by themselves.

    Args:
        name: What settings call it.

    Raises:
        ValueError: Another kind has the name, or the class is no `layers.Attention`.
    """

    def register(kind: type[layers.Attention]) -> type[layers.Attention]:
        layers.register_attention(name, kind)
        ATTENTION_KINDS[name] = AttentionKind(kind.looks, kind.takes_coverage, kind.has_head_axis)
        path = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if kind.__module__ == "__main__" or path is None:
            _OF_THIS_PROCESS.add(name)
        else:
            _OF_THIS_PROCESS.discard(name)
            pass_on(os.path.realpath(path))
        return kind

    return register


def require_importable(*names: object) -> None:
    """Refuse kinds that processes started by this one could not know.

    Args:
        names: Values of `model.attention`.

    Raises:
        UsageError: One is registered by the program or the notebook itself.
    """
    for name in names:
        if name in _OF_THIS_PROCESS:
            raise UsageError(
                f"model.attention: {name} is registered by the program or notebook itself, which processes of their "
                f"own cannot import: put its class into a file and import that (or name it in {VARIABLE})"
            )
