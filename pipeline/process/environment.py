"""What a program runs on: versions, system, processors; a training repeats bit for bit on the same only."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from typing import Any

from pipeline.version import __version__

PACKAGES = ("tensorflow", "keras", "tensorflow-text", "numpy", "keras-tuner", "sentencepiece")


def describe_environment() -> dict[str, Any]:
    """Versions of everything that figures depend on, and the machine, without importing any of it.

    Example:
        >>> sorted(describe_environment())[:4]
        ['attentif', 'machine', 'platform', 'processors']
    """
    return {
        "attentif": __version__,
        "python": platform.python_version(),
        "versions": {name: installed_version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": {name: os.environ.get(f"TF_NUM_{name.upper()}_THREADS") for name in ("intraop", "interop")},
    }


def usable_cores() -> int:
    """How many processor cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed_version(package: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe_other_versions(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs that results depend on, for messages; not the number of processors, on which they do not.

    Args:
        before: From `describe_environment`; what an earlier version did not note is taken to be the same.
        now: The same of this moment.

    Example:
        >>> describe_other_versions({"versions": {"keras": "3.14"}}, {"versions": {"keras": "3.15"}})
        ['keras was 3.14, is now 3.15']
    """
    pairs = [(name, before.get(name), now.get(name)) for name in ("attentif", "python", "machine")]
    here, there = before.get("versions", {}), now.get("versions", {})
    pairs += [(name, here[name], there.get(name)) for name in here]
    return [f"{name} was {was or 'not there'}, is now {new or 'not there'}" for name, was, new in _differing(pairs)]


def _differing(pairs: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return [pair for pair in pairs if pair[1] != pair[2] and not (pair[1] is None and pair[0] in ("python", "machine"))]
