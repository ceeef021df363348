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

    The class stands in a file of its own, outside of packages and without imports of files beside it. Commands import
    the file if the environment variable ATTENTIF_IMPORT names it; trials of a tuning and other processes that this one
    starts import it by themselves.

    Args:
        name: What settings call it.

    Raises:
        ValueError: Another kind has the name, or the class is no `layers.Attention`.
    """

    def register(kind: type[layers.Attention]) -> type[layers.Attention]:
        layers.register_attention(name, kind)
        ATTENTION_KINDS[name] = AttentionKind(kind.looks, kind.takes_coverage, kind.has_head_axis)
        path = _file_alone(kind)
        if path is None:
            _OF_THIS_PROCESS.add(name)
        else:
            _OF_THIS_PROCESS.discard(name)
            pass_on(path)
        return kind

    return register


def _file_alone(kind: type) -> str | None:
    """The file that another process can import; None where the class stands in a program, notebook or package."""
    module = sys.modules.get(kind.__module__)
    path = getattr(module, "__file__", None)
    if kind.__module__ == "__main__" or path is None or getattr(module, "__package__", None):
        return None
    path = os.path.realpath(path)
    return None if os.pathsep in path else path


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
                f"model.attention: {name} is registered by the program or notebook itself, or within a package, which "
                f"processes of their own cannot import: put its class into a file of its own and import that (or name "
                f"it in {VARIABLE})"
            )
