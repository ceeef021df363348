"""The script that completes the command in a shell."""

import subprocess
from pathlib import Path

import pytest

from pipeline.commands.table import parse_arguments
from pipeline.errors import UsageError
from pipeline.options.completion import SHELLS
from pipeline.settings.types import ALL_SECTIONS, setting_names

ASK = """
source "$1"; shift
function=$(complete -p attentif | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
$function attentif "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        parse_arguments(["--print-completion", shell])
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_with_every_setting(shell: str, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("shtab")
    text = script(shell, capsys)
    assert "attentif" in text
    if shell != "tcsh":  # shtab writes no options there of commands below commands
        assert [key for key in setting_names(ALL_SECTIONS) if f"--{key}" not in text] == []


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["tr"], ["train"]),
        (["train", "--text.norm"], ["--text.normalization"]),
        (["train", "--model.attention", "luong_"], ["luong_dot", "luong_general"]),
        (["tune", "--config", "sen"], ["sentences"]),
        (["study", "length", "--study.se"], ["--study.seeds"]),
        (["predict", "--n"], ["--n-best"]),
        (["train", "--data.train", "pai"], ["pairs.tsv"]),
    ],
)
def test_bash_completes(words: list[str], completed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("shtab")
    file = tmp_path / "attentif.bash"
    file.write_text(script("bash", capsys))
    (tmp_path / "pairs.tsv").touch()
    command = ["bash", "-c", ASK, "bash", str(file), "attentif", *words]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.split() == completed, result.stderr


def test_other_shells_are_refused():
    with pytest.raises(UsageError, match="there are bash, zsh, tcsh"):
        parse_arguments(["--print-completion", "powershell"])
