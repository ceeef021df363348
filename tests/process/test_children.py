"""Children: what they say is passed on, they end with their parent, their end is told."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.process.children import CHILD, WORKER_OF, Child, Messages, describe_end
from pipeline.process.installation import own_environment

SLEEPER = """
import sys, time
from pipeline.process import children
children.own_command = lambda: [sys.executable, "-c", {code!r}]
child = children.Child([])
time.sleep(0.3)
print(child._process.pid, flush=True)
time.sleep(60)
"""


def pretend(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Children run this in the place of the program."""
    monkeypatch.setattr("pipeline.process.children.own_command", lambda: [sys.executable, "-c", code])


def test_they_know_that_they_are_children_and_how_many_threads_they_have(monkeypatch: pytest.MonkeyPatch):
    seen = f"os.environ['{CHILD}'], os.environ['TF_NUM_INTRAOP_THREADS'], sys.argv[1:]"
    pretend(monkeypatch, f"import os, sys; print({seen}, file=sys.stderr)")
    messages = Messages(shown=False)
    assert Child(["train", "--run=x"], threads=3, messages=messages).wait() == 0
    assert messages.lines == ["1 3 ['train', '--run=x']"]


def test_children_of_a_worker_are_no_workers(monkeypatch: pytest.MonkeyPatch):
    """A trial, or a training of a study, would wait for others that never come."""
    for name in WORKER_OF:
        monkeypatch.setenv(name, "2")
    pretend(monkeypatch, f"import os, sys; print([name in os.environ for name in {WORKER_OF}], file=sys.stderr)")
    messages = Messages(shown=False)
    assert Child([], messages=messages).wait() == 0
    assert messages.lines == ["[False, False]"]


def test_the_environment_that_is_given_is_all_they_have(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    pretend(monkeypatch, "import os, sys; print(os.environ.get('KERASTUNER_TUNER_ID'), file=sys.stderr)")
    for environment, seen in ((None, "chief"), ({"PATH": os.environ["PATH"]}, "None")):
        messages = Messages(shown=False)
        Child([], environment, messages=messages).wait()
        assert messages.lines == [seen]


@pytest.mark.parametrize("shown", [True, False])
def test_what_they_say_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, shown: bool
):
    said = "10 %\r20 %\rdone é\nerror: no"
    pretend(monkeypatch, f"import sys; sys.stderr.buffer.write({said!r}.encode() + b'\\n'); print('lost'); sys.exit(2)")
    log = tmp_path / "log"
    log.write_text("before\n", encoding="utf-8")
    messages = Messages(log, shown)
    child = Child([], messages=messages)
    assert child.wait() == 2
    assert child.exit_code() == 2
    assert messages.lines == ["done é", "error: no"]
    assert child.describe_end("killed", "nothing") == "no"
    assert log.read_bytes().decode() == f"before\n{said}\n"
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{said}\n" if shown else "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_holds_nobody_up(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, "import sys; print(*range(100_000), sep='\\n', file=sys.stderr)")
    messages = Messages(Path("/dev/full"), shown=False)
    assert Child([], messages=messages).wait() == 0
    assert messages.lines[-1] == "99999"


def test_only_the_last_lines_are_kept(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, "import sys; print(*range(1000), sep='\\n', file=sys.stderr)")
    messages = Messages(shown=False)
    Child([], messages=messages).wait()
    assert messages.lines == [str(number) for number in range(800, 1000)]


def test_stopping_one_that_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, "import time; from pipeline.process.children import end_with_parent as e; e(); time.sleep(60)")
    child = Child([])
    assert child.exit_code() is None
    child.stop(grace=30)
    assert child.exit_code() == 143


def test_stopping_one_that_does_not_hear(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, "import time; time.sleep(60)")
    child = Child([])
    child.stop(grace=0.1)
    assert child.exit_code() == -signal.SIGKILL
    assert child.describe_end("killed", "nothing") == "killed"


def test_stopping_leaves_time_to_save(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, "import time; time.sleep(1)")
    child = Child([])
    child.stop(patience=30, grace=0)
    assert child.exit_code() == 0


def test_an_interrupt_while_waiting_stops_it(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, "import time; from pipeline.process.children import end_with_parent as e; e(); time.sleep(60)")
    monkeypatch.setattr("pipeline.process.children.END_SECONDS", 3.0)
    child, main = Child([]), threading.get_ident()
    threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        child.wait()
    assert child.exit_code() in (143, -signal.SIGKILL)


def test_they_end_when_their_parent_is_killed():
    code = "import time; from pipeline.process.children import end_with_parent as e; e(); time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", SLEEPER.format(code=code)], stdout=subprocess.PIPE, env=own_environment()
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    for _ in range(200):
        if not Path(f"/proc/{child}").exists() or "zombie" in Path(f"/proc/{child}/status").read_text():
            return
        time.sleep(0.1)
    pytest.fail("the child goes on")


def test_reasons():
    assert describe_end(1, ["x", "error: first", "error: the loss is not a number", "more"], "", "") == (
        "the loss is not a number"
    )
    assert describe_end(-signal.SIGKILL, ["epoch 1"], "killed", "x") == "killed"
    assert describe_end(-signal.SIGSEGV, [], "killed", "x") == "ended by signal SIGSEGV"
    assert describe_end(3, ["last words", ""], "killed", "ended with exit code 3") == "ended with exit code 3"
