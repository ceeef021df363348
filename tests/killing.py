"""Something that is stopped before the nth time that it makes a directory, renames a file or deletes one; processes."""

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

STEPS = ("mkdir", "replace", "rename", "unlink", "rmdir")


class Killed(BaseException):
    """Nothing catches it but what catches everything, and that can change no name any more."""


def killed_at_every_step(act: Callable[[], object], before: Callable[[], object]) -> Iterator[int]:
    """Do something again and again, stopped one step later each time.

    In this process: a fork of one in which TensorFlow has threads may never wake up. From the step on every other one
    fails too, so that what tidies up on the way out leaves the names as a kill would.

    Args:
        act: What is done; the last time it comes to its end.
        before: Called ahead of each.

    Yields:
        The number of the step before which it was stopped, after that.
    """
    for step in range(100):
        before()
        try:
            _stop_at(step, act)
            return
        except Killed:
            pass
        # Only here, where nothing holds what was open any more: a lock is free again, as after a kill.
        yield step
    raise AssertionError("it has no end")


def _stop_at(step: int, act: Callable[[], object]) -> None:
    left = step

    def count(real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return real(*arguments, **options)

        return counted

    with mock.patch.multiple(os, **{name: count(getattr(os, name)) for name in STEPS}):
        act()


def children_of(process: int) -> list[int]:
    """The processes that a process has started and that still are."""
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]
