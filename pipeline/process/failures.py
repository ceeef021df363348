"""What people are told when a command fails: one sentence and an exit code for every kind of failure."""

import errno
import os
import re
import resource
from collections.abc import Iterator

from pipeline.errors import AttentifError
from pipeline.process.installation import other_versions, platform_problem
from pipeline.process.system_errors import REMEDIES, brief, explain_os_error, first_line

_MORE_MEMORY = "end other programs, or take smaller data.batch_tokens, model sizes or beams"
_THREADS = "raise the limit of processes and threads (ulimit -u), or end other programs"


def explain_failure(error: Exception) -> tuple[int, str]:
    """The exit code (1 data or run time, 2 usage or installation) and the sentence.

    Example:
        >>> explain_failure(FileNotFoundError(2, "No such file or directory", "words.txt"))
        (1, 'words.txt cannot be used (No such file or directory): check the path')
    """
    if isinstance(error, AttentifError):
        return error.exit_code, str(error)
    if isinstance(error, ImportError):
        return 2, _explain_import(error)
    if is_want_of_memory(error):
        return 1, f"memory ran out: {_memory_remedy()}"
    if "can't start new thread" in str(error):
        return 1, f"no further thread can be started: {_THREADS}"
    if isinstance(error, OSError) or type(error).__module__.startswith("tensorflow."):
        known = explain_os_error(error)
        if known:
            return 1, known
    if limit_is_near():
        return 1, f"{brief(error)}, probably since memory ran out: {_memory_remedy()}"
    others = other_versions()
    versions = f"; tried with other versions: {', '.join(others)}" if others else ""
    return 1, f"unexpected {brief(error)} (ATTENTIF_DEBUG=1 shows the traceback{versions})"


def is_expected(error: Exception) -> bool:
    """Whether it is the user's to mend, so that no traceback can tell more."""
    return isinstance(error, AttentifError)


def memory_limit() -> int | None:
    """Bytes of address space that this process may have, if there is a limit (`ulimit -v`)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def limit_is_near() -> bool:
    """Whether so much of the limit was taken that the next piece may have been refused."""
    limit = memory_limit()
    if limit is None:
        return False
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            peak = re.search(r"VmPeak:\s*(\d+) kB", file.read())
    except OSError:
        return True
    return peak is None or int(peak[1]) * 1024 > 0.8 * limit


def _memory_remedy() -> str:
    limit = memory_limit()
    if limit is None:
        return _MORE_MEMORY
    return f"raise this shell's limit of {limit / 1e9:.1f} GB (ulimit -v), or take smaller settings"


def is_want_of_memory(error: Exception) -> bool:
    """Whether it, or what led to it, is that memory ran out."""
    return any(map(_wants_memory, _chain(error)))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _wants_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    said = str(error)
    if "std::bad_alloc" in said or os.strerror(errno.ENOMEM) in said:
        return True
    # TensorFlow calls it so, too, where the disk, a quota or the number of open files is exhausted.
    other = any(os.strerror(code) in said for code in REMEDIES)
    return type(error).__name__ == "ResourceExhaustedError" and not other


def _explain_import(error: ImportError) -> str:
    name = (error.name or "").split(".")[0]
    if os.strerror(errno.ENOMEM) in str(error) or "failed to map segment" in str(error):
        return f"{name or 'a library'} does not fit into memory: {_memory_remedy()}"
    remedy = platform_problem() or "install what requirements.txt lists anew, README.md says for which systems"
    return f"{name or 'a library'} cannot be imported ({first_line(error)}): {remedy}"
