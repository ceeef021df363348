"""The modules joined into one file: whole, without a name in two meanings, of plain code."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runtime import single_file
from pipeline.runtime.single_file import JoiningError, join_runtime


def write_modules(root: Path, modules: dict[str, str]) -> None:
    for name, code in modules.items():
        path = root / Path(*name.split("."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(code, encoding="utf-8")


def join(root: Path, modules: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    write_modules(root, modules)
    monkeypatch.setattr(single_file, "ROOT", root)
    return join_runtime.__wrapped__()


def test_no_name_is_undefined_or_unused(tmp_path: Path):
    path = tmp_path / "attentif_runtime.py"
    path.write_text(join_runtime(), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F,E9", str(path)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == "All checks passed!\n"


def test_nothing_of_the_project_is_imported():
    lines = [line.strip() for line in join_runtime().splitlines()]
    assert not [line for line in lines if line.startswith(("from pipeline", "import pipeline", "import tensorflow"))]


def test_modules_are_joined_in_the_order_in_which_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    modules = {
        "pipeline.runtime.command": '"""Doc."""\n\nimport re\n\nfrom pipeline.one import ONE\n\n'
        "logger = 1\n\n\ndef main() -> int:\n    from pipeline.one import ONE\n    return ONE + len(re.escape('a'))\n",
        "pipeline.one": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pipeline.two import Two\n\n"
        "# A comment stays.\nlogger = 1\nONE = 1\n",
    }
    joined = join(tmp_path, modules, monkeypatch)
    assert joined.index("# A comment stays.") < joined.index("def main")
    assert joined.count("logger = 1") == 1
    assert "pipeline import" not in joined
    assert "TYPE_CHECKING:\n" not in joined
    scope: dict = {"__name__": "joined"}
    exec(joined, scope)
    assert scope["main"]() == 2


def test_what_is_no_part_of_the_file_ends_in_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    draw = "def draw() -> int:\n    from pipeline.pictures.map import (\n        a,\n    )\n\n    return a + 1\n"
    code = f"{draw}\n\ndef main() -> int:\n    return 0\n"
    scope: dict = {"__name__": "joined"}
    exec(join(tmp_path, {"pipeline.runtime.command": code}, monkeypatch), scope)
    assert scope["main"]() == 0
    with pytest.raises(ImportError, match=r"pipeline\.pictures\.map is no part of this file: install Attentif"):
        scope["draw"]()


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ("_A = 1\n", "_A = 2\n", "_A means something else in each of"),
        ("def a() -> int:\n    return 1\n", "a = 1\n", "a means something else"),
        ("import re as a\n", "a = 1\n", "a means something else"),
        ("import os.path\n", "import os\n", None),
        ("_A = 1\n", "_A = 1\n", None),
        ("import pipeline.three\n", "", "only `from … import name` can be joined"),
        ("from pipeline.two import B as C\n", "B = 1\n", "only `from … import name` can be joined"),
    ],
)
def test_names_have_one_meaning(
    first: str, second: str, error: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    modules = {
        "pipeline.runtime.command": "from pipeline.one import X\nfrom pipeline.two import Y\n",
        "pipeline.one": first,
        "pipeline.two": second,
        "pipeline.three": "",
    }
    if error is None:
        assert join(tmp_path, modules, monkeypatch)
        return
    with pytest.raises(JoiningError, match=error):
        join(tmp_path, modules, monkeypatch)
