"""A store, spoken to through fsspec: objects read, written, listed, deleted; what fails in passing is tried again."""

import errno
import functools
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import DataError
from pipeline.process.messages import progress_bar
from pipeline.stores.addresses import require_known

logger = logging.getLogger(__name__)

Found = TypeVar("Found")
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before something is tried again."""
_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_REFUSALS = (400, 401, 403, 405, 410)  # of HTTP
_SIGNS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "VersionId", "LastModified", "last_modified", "mtime")
"""What tells another version of an object, as far as its store says it."""
_LARGE = 8 << 20


class Store:
    """The store of an address.

    Args:
        address: See `address_of`.
        writes: Whether something is to be written there.

    Raises:
        UsageError: See `require_known`.
    """

    def __init__(self, address: str, writes: bool = False) -> None:
        require_known(address, writes)
        self.scheme, _, _ = address.partition("://")
        self._system = _system_of(self.scheme, address)

    def info(self, address: str) -> dict[str, Any] | None:
        """What the store says of an object; None where there is none of that name.

        Raises:
            DataError: It cannot be asked.
        """
        with_info = functools.partial(self._system.info, self._path(address))
        try:
            found = _persist(with_info, address, "asked")
        except _NOT_THERE:
            return None
        return dict(found) if found.get("type") != "directory" else None

    def read(self, address: str) -> bytes | None:
        """A small object; None where there is none.

        Raises:
            DataError: It cannot be read.
        """
        try:
            return bytes(_persist(functools.partial(self._system.cat_file, self._path(address)), address, "read"))
        except _NOT_THERE:
            return None

    def fetch(self, address: str, place: Path, size: int | None) -> None:
        """Write an object to a file of this machine, all of it or none.

        Args:
            address: Of the object.
            place: A new file.
            size: Its bytes, if known: a connection that is cut in the middle may look like an end.

        Raises:
            DataError: It cannot be read, or is not as long as its store says.
        """

        def attempt() -> None:
            with _Progress(f"fetching {address.rsplit('/', 1)[-1]}", size) as progress:
                self._system.get_file(self._path(address), str(place), callback=progress.callback)
            if size is not None and place.stat().st_size != size:
                raise OSError(errno.EIO, f"{place.stat().st_size:,} of {size:,} bytes came")
            with open(place, "rb") as file:
                os.fsync(file.fileno())

        try:
            _persist(attempt, address, "read")
        except _NOT_THERE as error:
            raise DataError(f"{address}: no such object in the store; check the address") from error

    def write(self, address: str, content: bytes) -> None:
        """Write a small object, over what is there.

        Raises:
            DataError: It cannot be written.
        """
        _persist(functools.partial(self._system.pipe_file, self._path(address), content), address, "written")

    def write_new(self, address: str, content: bytes) -> bool:
        """Write a small object if there is none of that name, as one act: of several who try, one does it.

        Returns:
            Whether this one did.

        Raises:
            DataError: It cannot be written.
        """
        path = self._path(address)

        def attempt() -> bool:
            try:
                self._system.pipe_file(path, content, mode="create")
            except FileExistsError:
                # An answer that got lost makes this one's own look like another's.
                return bytes(self._system.cat_file(path)) == content
            return True

        return _persist(attempt, address, "written")

    def send(self, place: Path, address: str) -> None:
        """Write a file of this machine to an object.

        Raises:
            DataError: It cannot be written.
        """

        def attempt() -> None:
            with _Progress(f"sending {address.rsplit('/', 1)[-1]}", place.stat().st_size) as progress:
                self._system.put_file(str(place), self._path(address), callback=progress.callback)

        _persist(attempt, address, "written")

    def find(self, address: str) -> dict[str, dict[str, Any]]:
        """All objects whose addresses begin with one and a slash, with what the store says of them.

        Raises:
            DataError: It cannot be asked.
        """
        path = self._path(address).rstrip("/")
        try:
            found = _persist(functools.partial(self._system.find, path, detail=True), address, "listed")
        except _NOT_THERE:
            return {}
        return {self._address(name): info for name, info in sorted(found.items()) if name.startswith(f"{path}/")}

    def match(self, pattern: str) -> list[str]:
        """The addresses of objects that a pattern with `*` and the like matches.

        Raises:
            DataError: It cannot be asked.
        """
        found = _persist(functools.partial(self._system.glob, self._path(pattern), detail=True), pattern, "listed")
        return sorted(self._address(name) for name, info in found.items() if info.get("type") != "directory")

    def delete(self, address: str) -> None:
        """Delete an object, if it is there.

        Raises:
            DataError: It cannot be deleted.
        """
        try:
            _persist(functools.partial(self._system.rm_file, self._path(address)), address, "deleted")
        except _NOT_THERE:
            return

    def _path(self, address: str) -> str:
        return str(self._system._strip_protocol(address))

    def _address(self, path: str) -> str:
        return path if "://" in path else f"{self.scheme}://{path}"


def _system_of(scheme: str, address: str) -> Any:
    import fsspec

    named = fsspec.get_filesystem_class(scheme)._get_kwargs_from_urls(address)
    # What was listed before may have changed.
    return fsspec.filesystem(scheme, use_listings_cache=False, **named)


def version_of(info: dict[str, Any]) -> str | None:
    """What tells this version of an object from another; None where its store says nothing of that."""
    signs = {sign: str(info[sign]) for sign in _SIGNS if info.get(sign) is not None}
    return repr((signs, info.get("size"))) if signs else None


def _persist(action: Callable[[], Found], address: str, done: str) -> Found:
    """Do something with an object, again where the store or the way to it fails in passing.

    Raises:
        FileNotFoundError: It is not there; NotADirectoryError and IsADirectoryError likewise.
        DataError: It cannot be done.
    """
    for wait in (*WAITS, None):
        try:
            return action()
        # A library of each store has errors of its own for the same: what is not there and what is refused are named.
        except Exception as error:
            # fsspec says that something is not there of web servers that do not answer at all, too.
            unreachable = _is_unreachable(error)
            if isinstance(error, _NOT_THERE) and not unreachable:
                raise
            words = _words(error.__cause__ or error) if unreachable else _words(error)
            if isinstance(error, PermissionError):
                raise DataError(f"{address}: cannot be {done}, its store refuses it ({words})") from error
            if wait is None or _is_hopeless(error):
                raise DataError(
                    f"{address}: cannot be {done} ({words}); check the address, the connection and what signs you in "
                    "to the store"
                ) from error
            logger.warning("%s: not %s (%s); again in %s s", address, done, words, wait)
            time.sleep(wait)
    raise AssertionError


def _is_unreachable(error: Exception) -> bool:
    cause = error.__cause__
    return (
        isinstance(error, _NOT_THERE)
        and type(cause).__module__.startswith("aiohttp")
        and getattr(cause, "status", None) != 404
    )


def _is_hopeless(error: Exception) -> bool:
    """Whether trying again would bring the same."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if getattr(error, "status", None) in _REFUSALS:
        return True
    return bool(kinds & {"NoCredentialsError", "TypeError", "NotImplementedError", "ImportError"}) or (
        isinstance(error, ValueError) and "JSON" not in type(error).__name__
    )


def _words(error: BaseException) -> str:
    return " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())[:300]


class _Progress:
    """A bar for what is large."""

    def __init__(self, words: str, size: int | None) -> None:
        from fsspec.callbacks import DEFAULT_CALLBACK, Callback

        self._bar = None
        self.callback = DEFAULT_CALLBACK
        if size is not None and size >= _LARGE:
            bar = self._bar = progress_bar(total=size, desc=words, unit="B", unit_scale=True)

            class Moving(Callback):
                def relative_update(self, inc: int = 1) -> None:
                    bar.update(inc)

            self.callback = Moving()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
