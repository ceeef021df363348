"""A process that ends without a word has a companion that says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEGIN = (
    "import os, signal, sys; from pipeline.process.sudden_end import Companion, notes; "
    "c = Companion('the same goes on')\n"
)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code], cwd=ROOT, capture_output=True, text=True, timeout=60, input=""
    )


@pytest.mark.parametrize("end", ["os.abort()", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)"])
def test_a_sudden_end_is_said(end: str):
    result = run(end)
    assert result.returncode != 0
    assert result.stderr.startswith("\nerror: ended suddenly: killed from outside, for want of memory, or ")
    assert result.stderr.endswith("; the same goes on\n")


def test_what_was_said_last_stands_in_it():
    result = run("os.write(notes(), b'E0 x.cc:1] a\\nF0000 00:00 x.cc:2] Unknown flag: --b\\nI 3] c\\n'); os.abort()")
    assert "ended suddenly (Unknown flag: --b): " in result.stderr
    assert "a\n" not in result.stderr


def test_who_ends_as_intended_hears_nothing():
    result = run("c.dismiss(); sys.exit(3)")
    assert (result.returncode, result.stdout, result.stderr) == (3, "", "")


def test_ctrl_c_for_both_ends_only_the_process():
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + "print(flush=True); signal.pause()"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    assert b"ended suddenly" in process.communicate(timeout=30)[1]
