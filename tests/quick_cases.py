"""Which cases of a long list the default tests take; the others are among the slow ones."""

from collections.abc import Iterable
from typing import Any

import pytest

_PARAMETERS = type(pytest.param())


def quick(cases: Iterable[Any], *kept: int) -> list[Any]:
    """The cases for `pytest.mark.parametrize`, all but those at these places marked as slow.

    A mark that a case has already stays. A tuple has the values of several arguments.

    Example:
        >>> [case.marks != () for case in quick("abc", 0, 2)]
        [False, True, False]
    """
    cases = [case if isinstance(case, _PARAMETERS) else _parameters(case) for case in cases]
    assert all(place < len(cases) for place in kept)
    return [
        case if place in kept else pytest.param(*case.values, marks=[*case.marks, pytest.mark.slow], id=case.id)
        for place, case in enumerate(cases)
    ]


def _parameters(case: Any) -> Any:
    return pytest.param(*case) if isinstance(case, tuple) and not hasattr(case, "_fields") else pytest.param(case)
