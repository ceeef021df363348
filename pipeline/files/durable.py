"""Writing files so that nobody ever finds half of one, whatever ends the process or the machine."""

import contextlib
import errno
import gzip
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import UsageError
from pipeline.stores.addresses import address_of

UNFINISHED = ".unfinished"
REPLACED = "unfinished-replaced-"
_ODD = re.compile(r"[*?\[\]{}\\\ud800-\udfff]")
"""What patterns are made of, and bytes that are no UTF-8."""
LOCK, LOCK_HOLDER = ".lock", ".lock.json"


def is_unused(directory: Path, ignored: Collection[str] = ()) -> bool:
    """Whether nothing is in a directory but locks, and what a process that was killed had half written.

    Args:
        directory: It may not be there.
        ignored: Names that do not count either.
    """
    if not directory.is_dir():
        return not os.path.lexists(directory)
    names = {path.name for path in directory.iterdir()} - {LOCK, LOCK_HOLDER, *ignored}
    return names <= {path.name for path in _half_written(directory)}


def sweep(directory: Path) -> None:
    """Remove what `write_atomically` left where its process was killed; only while no other writes there."""
    for path in _half_written(directory):
        path.unlink(missing_ok=True)


def _half_written(directory: Path) -> list[Path]:
    return list(directory.glob(f".*{UNFINISHED}"))


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file's content at once: readers see the old or the new, never a half, even after a power cut.

    Args:
        path: The file; its directory must be there.
        content: Text, written as UTF-8 with plain line ends, or bytes.

    Raises:
        OSError: It cannot be written; the old content is as it was.
    """
    # Several processes may be writing the same.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        write_durably(unfinished, to_bytes(content))
        os.replace(unfinished, path)
        sync_directory(path.parent)
    except OSError as error:
        if error.filename == os.fspath(unfinished):  # nothing that anybody has named
            error.filename = os.fspath(path)
        raise
    finally:
        # An error of its own must not hide the one above.
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def to_bytes(content: str | bytes) -> bytes:
    r"""Text as UTF-8. Bytes of a file's name that are no UTF-8, which Python has as lone surrogates, are escaped.

    Example:
        >>> to_bytes("é"), to_bytes("a\udcff")
        (b'\xc3\xa9', b'a\\udcff')
    """
    return content.encode("utf-8", errors="backslashreplace") if isinstance(content, str) else content


def write_durably(path: Path, content: bytes) -> None:
    """Write a file, and wait until the disk has it.

    Raises:
        OSError: It cannot be written; half of it may be there.
    """
    try:
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        # Writing, unlike opening, does not say where.
        error.filename = error.filename or str(path)
        raise


def sync_directory(path: Path) -> None:
    """Wait until the disk has the names in a directory: without it, a power cut may take a rename back."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # this system cannot open directories
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    except OSError as error:
        # Some network file systems know no such thing.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF):
            raise
    finally:
        os.close(directory)


def sync_files(directory: Path) -> None:
    """Wait until the disk has every file in a directory that a library has written.

    Raises:
        OSError: It cannot take one.
    """
    for path in directory.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            sync_directory(path)


def checksum(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content.

    Raises:
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        return checksum_of_stream(file)


def checksum_of_stream(stream: BinaryIO | gzip.GzipFile) -> str:
    """The same of what a stream of bytes still holds."""
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def checksum_of_bytes(content: bytes) -> str:
    """The same of what is in memory."""
    return hashlib.sha256(content).hexdigest()


def put_in_place(unfinished: Path, final: Path) -> None:
    """Give a finished directory its name, in the place of the one that has it.

    Its files must be on the disk. What cannot be removed of the old one does not matter: it has lost its name. If
    several processes do this at once, one after the other has the name.

    Raises:
        OSError: It cannot be renamed; the old one has its name.
    """
    # Not made of the name, which may be as long as a name can be.
    replaced = final.with_name(f"{REPLACED}{secrets.token_hex(8)}")
    sync_directory(unfinished)
    while True:
        with contextlib.suppress(FileNotFoundError):
            os.rename(final, replaced)
        try:
            os.rename(unfinished, final)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                with contextlib.suppress(OSError):
                    os.rename(replaced, final)
                raise
        # Another process was faster: its directory is replaced, too.
        shutil.rmtree(replaced, ignore_errors=True)
    sync_directory(final.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def remove_at_once(path: Path) -> None:
    """Delete a directory; cut short, no half of it has the name."""
    removed = path.with_name(f"unfinished-removed-{path.name}")
    shutil.rmtree(removed, ignore_errors=True)
    os.rename(path, removed)
    shutil.rmtree(removed, ignore_errors=True)


@contextlib.contextmanager
def readable_name(directory: Path) -> Iterator[Path]:
    """A name of a directory that every library reads: its own, or while this is entered that of a link to it.

    Some know UTF-8 only, some take what has brackets in it for a pattern.

    Args:
        directory: It must be there.
    """
    if not _ODD.search(str(directory)):
        yield directory
    else:
        with tempfile.TemporaryDirectory(prefix="attentif-") as folder:
            link = Path(folder) / "link"
            link.symlink_to(directory.absolute(), target_is_directory=True)
            yield link
            link.unlink()


def require_local(path: Path) -> None:
    """Refuse a URL where a directory is meant: it would become directories of that name here.

    Raises:
        UsageError: It is one.
    """
    # A path has lost the second slash of gs://.
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", str(path))
    if scheme and not Path(f"{scheme[1]}:").exists():
        raise UsageError(
            f"{address_of(path) or path}: is a URL, and only local directories can be read and written here; give a "
            "local path, and copy what is there to or from the other place"
        )


def require_place(path: Path) -> None:
    """Look whether a file can be written before the work that it is to hold.

    Raises:
        UsageError: It is a directory, or its directory is not there.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        wrong = "is a directory" if path.is_dir() else "its directory does not exist"
        raise UsageError(f"{path}: {wrong}; choose another place for the file")
