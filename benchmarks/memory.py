"""How much memory this process has taken."""

from pathlib import Path

PROC_STATUS = Path("/proc/self/status")


def peak_memory() -> float | None:
    """The most memory of this process so far, MiB; None where there is no /proc.

    `resource.getrusage` would count what the parent had when it began this process.
    """
    return _status("VmHWM")


def memory_now() -> float | None:
    """The memory of this process, MiB; None where there is no /proc."""
    return _status("VmRSS")


def _status(field: str) -> float | None:
    try:
        fields = dict(line.split(":", 1) for line in PROC_STATUS.read_text().splitlines())
    except OSError:
        return None
    return int(fields[field].split()[0]) / 1024
