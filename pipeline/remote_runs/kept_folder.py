"""Folders that are made once of what a store has, under a name that says which version it is of."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import DataError


def keep_folder(place: Path, address: str, fill: Callable[[Path], None]) -> bool:
    """Make a folder, if it is not there; nobody finds half of it.

    Of several processes the first one's stays: others may be reading it, and it has the same content.

    Args:
        place: The folder.
        address: What it is a copy of, for messages.
        fill: Writes its files into a new folder.

    Returns:
        Whether it was made.

    Raises:
        DataError: It cannot be kept, or what `fill` raises.
    """
    if place.is_dir():
        return False
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=place.parent))
        try:
            fill(unfinished)
            os.replace(unfinished, place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        if not place.is_dir():
            raise DataError(
                f"{address}: its copy cannot be kept in {place.parent} ({error.strerror or error})"
            ) from error
    return True
