"""Something that is killed before the nth time that it makes a directory, renames a file or deletes one."""

import os
from collections.abc import Callable, Iterator
from typing import Any

STEPS = ("mkdir", "replace", "rename", "unlink", "rmdir")


def killed_at_every_step(act: Callable[[], object], before: Callable[[], object]) -> Iterator[int]:
    """Do something in processes of their own, each killed one step later than the one before it.

    Args:
        act: What is done; in the last process it comes to its end.
        before: Called ahead of each.

    Yields:
        The number of the step before which it was killed, after that.
    """
    for step in range(100):
        before()
        process = os.fork()
        if process == 0:
            _die_at(step, act)
        if os.waitpid(process, 0)[1] == 0:
            return
        yield step
    raise AssertionError("it has no end")


def _die_at(step: int, act: Callable[[], object]) -> None:
    left, code = step, 1

    def count(real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            return real(*arguments, **options)

        return counted

    for name in STEPS:
        setattr(os, name, count(getattr(os, name)))
    try:
        act()
        code = 0
    finally:
        os._exit(code)
