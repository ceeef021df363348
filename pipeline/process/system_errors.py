"""What the system refused, and what people can do about it; no TensorFlow, no project around it."""

import errno
import os

# By the names of errors, some of which not every system has.
_REMEDIES = {
    "ENOSPC": "make room on the disk, then run the same command again",
    "EDQUOT": "make room in your quota, then run the same command again",
    "EACCES": "change its permissions or choose another place",
    "EPERM": "change its permissions or choose another place",
    "EROFS": "choose a place that can be written",
    "ENOENT": "check the path",
    "EISDIR": "give a file",
    "ENOTDIR": "give a directory",
    "EEXIST": "choose another name",
    "ENAMETOOLONG": "choose a shorter name",
    "ELOOP": "its symbolic links go round in a circle, mend them",
    "EMFILE": "raise the limit of open files (ulimit -n)",
    "ENFILE": "end other programs, the machine has too many files open",
    "EFBIG": "raise the limit of file sizes (ulimit -f)",
    "EBADF": "it is closed or not open for this, so check the redirections (<, >) of the command",
    "EIO": "the disk or the connection to it failed, so check them",
    "ESTALE": "the network file system lost it, so mount it again",
    "EBUSY": "something else uses it, so wait or end that",
    "ETXTBSY": "something else uses it, so wait or end that",
}
REMEDIES = {getattr(errno, name): remedy for name, remedy in _REMEDIES.items() if hasattr(errno, name)}


def explain_os_error(error: Exception) -> str | None:
    """A sentence for what the system refused, by Python's own calls or TensorFlow's; None: it was something else."""
    text = " ".join(str(error).split())
    code = getattr(error, "errno", None)
    for known in REMEDIES:  # some libraries set no number
        code = known if os.strerror(known) in text else code
    if not isinstance(error, OSError) and code is None:
        return None
    name = getattr(error, "filename", None)
    reason = getattr(error, "strerror", None) or text
    if not isinstance(error, OSError) and "; " in text:  # TensorFlow: "{{…}} NAME; REASON [Op:…]"
        name, _, reason = text.rpartition("; ")
        name, reason = name.rpartition("}} ")[2], reason.split(" [Op:")[0]
    remedy = REMEDIES.get(code or 0, "check the path and the disk, then run the same command again")
    return f"{name or 'a file'} cannot be used ({reason}): {remedy}"


def brief(error: Exception) -> str:
    """Its kind and what it says."""
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error: Exception) -> str:
    """The first line of what it says."""
    return next(iter(str(error).strip().splitlines()), "")
