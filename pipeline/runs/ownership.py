"""Whose a directory is: that of a run, a tuning or a study, of which version and which settings, or somebody else's."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UsageError


def require_free(path: Path, kind: str, is_free: bool, remedy: str = "choose another --run or empty it") -> None:
    """Refuse to begin among somebody else's files.

    Args:
        path: The directory.
        kind: What would begin: "run", "tuning", "study".
        is_free: Whether it may.
        remedy: What else to do.

    Raises:
        UsageError: It may not.
    """
    if not is_free:
        raise UsageError(f"{path}: exists and is not a {kind}; {remedy}")


@contextlib.contextmanager
def whole(file: Path, kind: str) -> Iterator[None]:
    """What fails in here fails because a file of ours is damaged.

    Args:
        file: The file that is read.
        kind: What it says the settings of.

    Raises:
        UsageError: It cannot be read, or is not what was written.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UsageError(f"{file}: damaged, this is not a usable {kind} ({error})") from error


def read_info(file: Path, kind: str) -> dict[str, Any]:
    """What a directory says of itself, its version and its format among it.

    Raises:
        UsageError: The file is damaged.
    """
    with whole(file, kind):
        info = json.loads(file.read_text(encoding="utf-8"))
        return {**info, "attentif": info["attentif"], "format": info["format"]}


def require_format(path: Path, info: dict[str, Any], layout: int, remedy: str) -> None:
    """Refuse what a version with another format left.

    Args:
        path: The directory.
        info: From `read_info`.
        layout: The format that can be read.
        remedy: What to do, from the punctuation on.

    Raises:
        UsageError: It is another one.
    """
    if info["format"] != layout:
        raise UsageError(f"{path}: made by Attentif {info['attentif']}{remedy}")


def require_same(path: Path, holds: str, changed: Sequence[str], except_for: str = "") -> None:
    """Refuse to go on with something else.

    Args:
        path: The directory.
        holds: What it has, if anything changed.
        changed: What is not as it was, in sentences.
        except_for: What may change, for the message.

    Raises:
        UsageError: Something changed.
    """
    if changed:
        raise UsageError(
            f"{path}: holds {holds} ({'; '.join(changed)}); choose another --run, or replace it with "
            f"--overwrite{except_for}"
        )


def checksums_of_first_run(runs: Path) -> dict[str, str]:
    """What the data held, as the runs in a folder noted it: earlier versions noted it nowhere else."""
    notes = sorted(runs.glob("*/data.json"))
    return json.loads(notes[0].read_text(encoding="utf-8")) if notes else {}
