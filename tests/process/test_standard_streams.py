"""Streams that are closed, or that nobody reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.process.standard_streams import Results

ROOT = Path(__file__).parents[2]


def shell(redirection: str, code: str = "", *argv: str) -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "pipeline"]
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, *start, *argv]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_closed_standard_error_loses_messages_alone(tmp_path: Path):
    result = shell("2>&-", "", "predict", "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: ")
    assert shell("2>&-", "", "nonsense").returncode == 2


def test_closed_standard_output_is_said_at_the_start():
    result = shell(">&-", "", "train")
    assert result.returncode == 2
    assert result.stderr.startswith("error: standard output is closed")


@pytest.mark.parametrize("redirection", ["<&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(redirection: str, tmp_path: Path):
    code = (
        "import os, sys; from pipeline.process.standard_streams import hold_standard_streams as hold; hold()\n"
        f"number = os.open({str(tmp_path / 'opened')!r}, os.O_CREAT | os.O_WRONLY); sys.stderr.write('a message')\n"
        f"os.write(number, str(number).encode())"
    )
    assert shell(redirection, code).returncode == 0
    assert int((tmp_path / "opened").read_text()) > 2


def test_closed_standard_input_is_no_empty_input():
    code = "from pipeline.process.standard_streams import hold_standard_streams as hold; hold()\n"
    code += "from pipeline.answering.line_stream import open_input; open_input('-').readline()"
    result = shell("<&-", code)
    assert result.returncode == 1
    assert "not readable" in result.stderr or "Bad file descriptor" in result.stderr


def test_results_need_a_stream():
    with pytest.raises(UsageError, match="standard output is closed"):
        Results(None).write("x")
