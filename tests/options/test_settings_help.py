"""`--help` is short; sections and everything are there when asked for; defaults are those that apply."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.commands.table import parse_arguments
from pipeline.options.settings_help import MOST_USED
from pipeline.settings.types import ALL_SECTIONS, setting_names

ROOT = Path(__file__).parents[2]
Show = Callable[..., str]

NAMES = setting_names(ALL_SECTIONS)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Show:
    def show(*argv: str) -> str:
        with pytest.raises(SystemExit) as stop:
            parse_arguments(list(argv))
        assert not stop.value.code
        return capsys.readouterr().out

    return show


def keys(text: str) -> set[str]:
    return {key for key in NAMES if f"--{key} " in text}


def test_the_short_help_has_the_most_used_settings_and_examples(shown: Show):
    text = shown("train", "--help")
    assert keys(text) == set(MOST_USED)
    assert len(MOST_USED) < 13
    assert "examples:\n  python -m pipeline train pairs.tsv\n" in text
    assert "--help all every setting" in text


@pytest.mark.parametrize("ask", [["--help", "model"], ["--help=model"], ["--model.units", "4", "-h", "model"]])
def test_a_section_is_explained_alone(shown: Show, ask: list[str]):
    text = shown("inspect", *ask)
    assert keys(text) == {key for key in NAMES if key.startswith("model.")}
    assert "\ntext: " not in text


def test_own_settings_of_tune_and_study_are_always_there(shown: Show):
    assert {key for key in NAMES if key.startswith("tune.")} <= keys(shown("tune", "--help"))
    assert {key for key in NAMES if key.startswith("study.")} <= keys(shown("study", "length", "--help"))
    assert keys(shown("study", "--help=study")) == {key for key in NAMES if key.startswith("study.")}


def test_defaults_are_those_of_the_preset_or_file(shown: Show, tmp_path: Path):
    assert "default: 8)" in " ".join(shown("train", "--help", "train").split())
    text = " ".join(shown("train", "--config", "sentences", "--help", "text").split())
    assert "default: bpe)" in text
    assert "apply with --config sentences;" in text
    file = tmp_path / "mine.yaml"
    file.write_text("train: {epochs: 77, clip_norm: null}")
    text = " ".join(shown("train", f"--config={file}", "--help-all").split())
    assert "(type: int, default: 77)" in text
    assert "null does not clip. (type: float | null, default: null)" in text


def test_help_is_a_command_too(shown: Show):
    assert keys(shown("help", "train")) == set(MOST_USED)
    assert "COMMAND" in shown("help")
    assert shown("help", "predict").startswith("usage: python -m pipeline predict")


def test_help_does_not_need_docstrings():
    code = "from pipeline.commands.main import main; main(['train', '--help', 'all'])"
    plain, bare = (
        subprocess.run([sys.executable, *flags, "-c", code], cwd=ROOT, capture_output=True) for flags in ([], ["-OO"])
    )
    assert bare.returncode == 0, bare.stderr
    assert bare.stdout == plain.stdout


@pytest.mark.slow
def test_commands_work_without_docstrings(tmp_path: Path):
    (tmp_path / "pairs.tsv").write_text("".join(f"{'ab' * n}\t{'b' * n}\n" for n in range(1, 40)))
    command = [sys.executable, "-OO", "-m", "pipeline", "inspect", f"--data.train={tmp_path / 'pairs.tsv'}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "target_inputs" in result.stdout
