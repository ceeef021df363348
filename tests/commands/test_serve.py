"""`serve` as a command: what is refused before it begins."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.commands.main import main
from pipeline.commands.serve import LIMITS, parse
from pipeline.process.installation import find_problem
from pipeline.serving.limits import Limits
from pipeline.serving.server import bind
from pipeline.settings.text import TextConfiguration
from tests.plain_engine import write_folder
from tests.runtime import fake_litert
from tests.runtime.conftest import make_folder


def test_every_limit_has_an_option(tmp_path: Path):
    assert set(LIMITS) == set(Limits._fields)
    given = [str(tmp_path)]
    for number, (option, _, _) in enumerate(LIMITS.values(), 10):
        given += [option, str(number)]
    arguments = parse(given)
    assert [getattr(arguments, key) for key in LIMITS] == list(range(10, 10 + len(LIMITS)))
    defaults = parse([str(tmp_path)])
    assert Limits(**{key: getattr(defaults, key) for key in LIMITS}) == Limits()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "65536"], "must be at most 65535"),
        (["--port", "http"], "must be a whole number"),
        (["--workers", "0"], "at least 1"),
        (["--max-strings", "-1"], "at least 1"),
        (["--max-string", "1"], "--max-string: no such option"),
        ([], "no such folder"),
    ],
)
def test_usage_errors(options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["serve", str(tmp_path / "none"), *options]) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), words in said) == (1, True), said


def test_an_address_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", fake_litert)
    folder = write_folder(tmp_path / "folder", make_folder(TextConfiguration()))
    with bind("127.0.0.1", 0, 1) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", str(folder), "--port", port]) == 2
    said = capsys.readouterr().err
    wrong = f"error: --host 127.0.0.1 --port {port}: cannot be served (Address already in use)"
    assert said == f"{wrong}; another program has it, --port 0 takes a free one\n"
    (folder / "model.tflite").write_bytes(b"another")
    assert main(["serve", str(folder), "--port", "0"]) == 1
    assert "SHA-256" in capsys.readouterr().err


def test_a_package_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for name in [name for name in sys.modules if name.startswith("pipeline.serving.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "serve: fastapi cannot be imported" in said
    assert "python -m pip install -r requirements-serve.txt" in said


def test_it_needs_none_of_requirements_txt(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.process.installation.installed_versions", lambda needed: {})
    assert find_problem("serve") is None
    assert "tensorflow" in (find_problem("train") or "")
