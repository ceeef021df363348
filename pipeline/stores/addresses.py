"""Addresses of objects in stores, as `s3://bucket/pairs.tsv`: which are known, and what each needs."""

import os
import re
from importlib.util import find_spec
from typing import NamedTuple

from pipeline.errors import UsageError


class Scheme(NamedTuple):
    """How stores of a kind are spoken to."""

    package: str
    """What fsspec speaks to it with."""
    module: str
    """What of it is imported."""
    writes: bool = True


SCHEMES = {
    "s3": Scheme("s3fs", "s3fs"),
    "gs": Scheme("gcsfs", "gcsfs"),
    "gcs": Scheme("gcsfs", "gcsfs"),
    "abfs": Scheme("adlfs", "adlfs"),
    "abfss": Scheme("adlfs", "adlfs"),
    "az": Scheme("adlfs", "adlfs"),
    "hdfs": Scheme("pyarrow", "pyarrow"),
    "http": Scheme("aiohttp", "aiohttp", writes=False),
    "https": Scheme("aiohttp", "aiohttp", writes=False),
}
"""By what stands before `://`."""
_INSTALL = dict.fromkeys(("s3fs", "aiohttp"), "pip install -r requirements-stores.txt")
# A `Path` has one slash where an address has two.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/])")


def address_of(place: str | os.PathLike[str]) -> str | None:
    """The address that a place is, with both slashes also where a `Path` has lost one; None of a place on this machine.

    Example:
        >>> address_of("s3:/bucket/run"), address_of("gs://bucket/a.tsv"), address_of("runs/mine")
        ('s3://bucket/run', 'gs://bucket/a.tsv', None)
    """
    text = os.fspath(place)
    found = _ADDRESS.match(text)
    if not found or os.path.lexists(text) or os.path.isdir(f"{found[1]}:"):
        return None
    if not found[0].endswith("//") and found[1].lower() not in SCHEMES:
        return None
    return f"{found[1].lower()}://{text[found.end() :]}"


def is_address(place: object) -> bool:
    """Whether something is the address of an object in a store.

    Example:
        >>> is_address("https://example.org/pairs.tsv"), is_address("pairs.tsv"), is_address(None)
        (True, False, False)
    """
    return isinstance(place, str | os.PathLike) and address_of(place) is not None


def leads_out(name: str) -> bool:
    """Whether the name of an object would lead out of the folder that it is copied to: in stores any name is possible.

    Example:
        >>> leads_out("variables/variables.index"), leads_out("../.bashrc"), leads_out("/etc/passwd")
        (False, True, True)
    """
    return name.startswith("/") or ".." in name.split("/")


def require_known(address: str, writes: bool = False) -> Scheme:
    """How the store of an address is spoken to.

    Args:
        address: See `address_of`.
        writes: Whether something is to be written.

    Raises:
        UsageError: Nothing speaks to such a store, or can write to it, or what does is not installed.
    """
    name = address.partition("://")[0]
    scheme = SCHEMES.get(name)
    if scheme is None:
        known = ", ".join(f"{of}://" for of in SCHEMES)
        raise UsageError(f"{address}: no store of kind {name}:// is known, only {known}; copy it to this machine")
    if writes and not scheme.writes:
        raise UsageError(f"{address}: {name}:// can only be read; give a place on this machine or in another store")
    missing = next((package for package in ("fsspec", scheme.module) if find_spec(package) is None), None)
    if missing:
        raise UsageError(
            f"{address}: {name}:// needs fsspec and {scheme.package}, and {missing} is not installed here; "
            f"{_INSTALL.get(scheme.package, f'pip install fsspec {scheme.package}')}"
        )
    return scheme
