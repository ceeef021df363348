"""Says so when the process ends without a word: killed, for want of memory, or aborted by compiled code."""

import os
import signal

SHOWN = 500  # characters of what TensorFlow said last
_notes: int | None = None


class Companion:
    """A process that does nothing but wait for the end of this one, and speaks if it came without `dismiss`.

    To be made before anything starts threads.

    Args:
        remedy: What to do then, for the message.
    """

    def __init__(self, remedy: str) -> None:
        global _notes
        self._process: int | None = None
        _notes = os.memfd_create("notes") if hasattr(os, "memfd_create") else None
        reading, self._writing = os.pipe()
        try:
            self._process = os.fork()
        except OSError:  # no process more: it goes without
            return
        finally:
            if self._process != 0:
                os.close(reading)
        if self._process == 0:
            _wait(reading, self._writing, remedy)

    def dismiss(self) -> None:
        """This process ends as it should."""
        global _notes
        if _notes is not None:
            os.close(_notes)
            _notes = None
        if self._process is not None:
            try:
                os.write(self._writing, b".")
                os.waitpid(self._process, 0)
            except OSError:  # it was killed before this one
                pass
        os.close(self._writing)


def notes() -> int:
    """A file descriptor, to be closed, for what is shown in the case of a sudden end alone."""
    return os.open(os.devnull, os.O_WRONLY) if _notes is None else os.dup(_notes)


def _wait(reading: int, writing: int, remedy: str) -> None:
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):  # a terminal sends them to both
            signal.signal(number, signal.SIG_IGN)
        for descriptor in (0, 1, writing):
            os.close(descriptor)
        if not os.read(reading, 1):
            message = (
                f"error: ended suddenly{_last_note()}: killed from outside, for want of memory, or by an abort in "
            )
            os.write(2, f"\n{message}compiled code; {remedy}\n".encode("utf-8", errors="backslashreplace"))
    finally:
        os._exit(0)


def _last_note() -> str:
    """The last note of weight (absl: E, F) that was held back."""
    if _notes is None:
        return ""
    said = os.pread(_notes, 1 << 20, 0).decode("utf-8", errors="replace").splitlines()
    grave = [line.partition("] ")[2] or line for line in said if line[:1] in ("E", "F")]
    return f" ({grave[-1][:SHOWN]})" if grave else ""
