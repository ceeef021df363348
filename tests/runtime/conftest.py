"""A folder on disk, whose model is none; what runs it stands in `fake_litert.py`."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.plain_text.processor import PlainVocabulary
from pipeline.runtime.folder import Folder
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import SPECIAL_SYMBOLS
from tests.plain_engine import write_folder
from tests.runtime import fake_litert


def make_folder(text: TextConfiguration) -> Folder:
    import dataclasses

    symbols = [*SPECIAL_SYMBOLS, *"abcéß東"]
    vocabulary = PlainVocabulary(symbols)
    search = dataclasses.asdict(SearchConfiguration(beam_size=3))
    return Folder(Path("folder"), "litert", search, text, 3, 12, 20, None, None, vocabulary, vocabulary)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "folder", make_folder(TextConfiguration()))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("ai_edge_litert")
    monkeypatch.setitem(sys.modules, "ai_edge_litert", package)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", fake_litert)


Run = Callable[[list[str]], tuple[int, str, str]]
