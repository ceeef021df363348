"""This program as a child of itself: how it is started, held, listened to and stopped, and how its end is told."""

import codecs
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from pipeline.errors import CircumstanceError, MemoryShortError
from pipeline.process.installation import own_command, own_environment

CHILD = "ATTENTIF_CHILD"
"""Environment variable of children: they end with who started them, who also says how they ended."""
CANNOT_WRITE, MEMORY_SHORT = CircumstanceError.code_for_parent, MemoryShortError.code_for_parent
"""Exit codes of children where not their settings are at fault."""
INTERRUPTED = (128 + signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGINT)
"""Exit codes of children that somebody asked to end."""
KEPT = 200  # last lines of messages, to find the reason of a failure in
END_SECONDS = 5.0


WORKER_OF = ("TF_CONFIG", "SLURM_STEP_NUM_TASKS")
"""Environment variables by which a process is one of several that train together: its children are not."""


def _environment_alone() -> dict[str, str]:
    return {name: value for name, value in own_environment().items() if name not in WORKER_OF}


class Messages:
    """What a child says: passed on as it comes, its last lines kept.

    Args:
        log: File to which it is appended; None for none.
        shown: Whether it goes to standard error too.
        tell: Called with every line, without progress bars, by the thread that reads.

    Raises:
        OSError: The log cannot be opened.
    """

    def __init__(
        self, log: Path | None = None, shown: bool = True, tell: Callable[[str], object] | None = None
    ) -> None:
        self.shown, self._tell = shown, tell
        self.lines: list[str] = []
        """The last ones, without progress bars."""
        self._log = open(log, "ab", buffering=0) if log else None  # noqa: SIM115 (to the end of reading)

    def read(self, stream: IO[bytes]) -> None:
        """Read to the end: progress bars end in carriage returns, not in new lines."""
        decoder, pending = codecs.getincrementaldecoder("utf-8")("replace"), ""
        with self._log or contextlib.nullcontext():
            for chunk in iter(lambda: os.read(stream.fileno(), 4096), b""):
                text = decoder.decode(chunk)
                self._pass_on(chunk, text)
                *lines, pending = (pending + text).split("\n")
                self._keep(lines)
        self._keep([pending] if pending else [])

    def _keep(self, lines: Sequence[str]) -> None:
        ended = [line.rpartition("\r")[2] for line in lines]
        self.lines += ended
        del self.lines[:-KEPT]
        if self._tell:
            for line in ended:
                self._tell(line)

    def _pass_on(self, chunk: bytes, text: str) -> None:
        # On a full disk the reading must go on: the child would wait for ever.
        with contextlib.suppress(OSError, ValueError):
            if self._log:
                self._log.write(chunk)
        with contextlib.suppress(OSError, ValueError):
            if self.shown:
                sys.stderr.write(text)
                sys.stderr.flush()


class Child:
    """This program, started anew.

    Its standard input is a leash: it comes to its end with this process, however that ends, and then a child that has
    called `end_with_parent` ends too. What it writes to standard output is thrown away.

    Args:
        arguments: The command and its options.
        environment: Its variables, those of `own_environment` among them; None gives it these.
        threads: TensorFlow's threads; None leaves it to TensorFlow.
        messages: Takes what it says; None leaves it this process's standard error.
        apart: Whether a terminal's Ctrl-C does not reach it: who started it asks it to end.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        threads: int | None = None,
        messages: Messages | None = None,
        apart: bool = False,
    ) -> None:
        variables = {**(_environment_alone() if environment is None else environment), CHILD: "1"}
        if threads is not None:
            variables |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
        if messages is not None and messages.shown and sys.stderr.isatty():
            variables["TQDM_MININTERVAL"] = "0.1"
        self.messages = messages
        self._process = subprocess.Popen(
            [*own_command(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if messages is None else subprocess.PIPE,
            env=variables,
            process_group=0 if apart else None,
        )
        self._reader: threading.Thread | None = None
        if messages is not None:
            self._reader = threading.Thread(target=messages.read, args=(self._process.stderr,), daemon=True)
            self._reader.start()

    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._close()
        return code

    def wait(self) -> int:
        """Wait for its end; whatever interrupts this stops it.

        Returns:
            Its exit code.
        """
        try:
            self._process.wait()
        except BaseException:
            self.stop(patience=END_SECONDS)
            raise
        self._close()
        return self._process.returncode

    def ask_to_end(self) -> None:
        """Have it save where it stands and end, as SIGTERM does; once, for the second time would end it at once."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self, patience: float = 0.0, grace: float = END_SECONDS) -> None:
        """End it, if it has not ended.

        Args:
            patience: Seconds in which it may end by itself: a terminal sends Ctrl-C to children too, and then they are
                about to save where they stand.
            grace: Seconds after the end of its standard input, before it is killed.
        """
        if not self._ends_within(patience):
            self._let_go()
            if not self._ends_within(grace):
                self._process.kill()
                self._process.wait()
        self._close()

    def describe_end(self, killed: str, otherwise: str) -> str:
        """Why it did not end well: its last "error:" line, else the signal that ended it.

        Args:
            killed: What to say of SIGKILL.
            otherwise: What to say where it was no signal and there is no such line.
        """
        lines = self.messages.lines if self.messages else []
        return describe_end(self._process.returncode, lines, killed, otherwise)

    def _ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=max(0.0, seconds))
        return self._process.returncode is not None

    def _let_go(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()

    def _close(self) -> None:
        """Hear its last words, of a child that has ended."""
        self._let_go()
        if self._reader is not None:
            self._reader.join(timeout=END_SECONDS)


def describe_end(code: int, lines: Sequence[str], killed: str, otherwise: str) -> str:
    """Why a child did not end well; see `Child.describe_end`.

    Example:
        >>> describe_end(1, ["epoch 1", "error: the loss is not a number"], "killed", "ended")
        'the loss is not a number'
        >>> describe_end(-11, [], "killed", "ended"), describe_end(3, [], "killed", "ended oddly")
        ('ended by signal SIGSEGV', 'ended oddly')
    """
    said = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), None)
    if said:
        return said
    if code == -signal.SIGKILL:
        return killed
    return f"ended by signal {signal.Signals(-code).name}" if code < 0 else otherwise


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however it went.

    Otherwise the child of a killed process would go on, and write where the same command, started again, does.
    """

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(143)

    threading.Thread(target=watch, daemon=True).start()
