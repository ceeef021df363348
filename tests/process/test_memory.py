"""What nothing needs is freed."""

import ctypes
import weakref

import pytest

from pipeline.process.memory import give_back_memory


class Held:
    """Holds itself, as a model and its graphs do."""

    def __init__(self) -> None:
        self.own = self


def test_what_holds_itself_is_freed():
    held = weakref.ref(Held())
    give_back_memory()
    assert held() is None


def test_another_library_has_nothing_to_give_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    give_back_memory()
