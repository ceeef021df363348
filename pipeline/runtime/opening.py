"""A folder as the commands take it, with what they are told of the search."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.runtime.fixed_settings import require_fixed
from pipeline.runtime.folder import read_folder
from pipeline.runtime.model import Model
from pipeline.settings.checks import suggest
from pipeline.settings.search import SearchConfiguration


def changes_of_search(search: Mapping[str, Any] | None, beam_size: int | None) -> dict[str, Any]:
    """Settings by key, the beam size among them if it is given.

    Raises:
        UsageError: There is no such key.
    """
    changes = {**(search or {}), **({"beam_size": beam_size} if beam_size else {})}
    known = [field.name for field in dataclasses.fields(SearchConfiguration)]
    for key in changes:
        if key not in known:
            raise UsageError(f"search.{key}: no such key{suggest(key, known)}")
    return changes


def open_folder(
    path: Path,
    beam_size: int | None = None,
    n_best: int | None = 1,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
) -> Model:
    """Open a folder.

    Args:
        path: The folder.
        beam_size: Fixed in the folder, as all settings of the search are.
        n_best: Outputs per input; None takes all that the folder keeps.
        search: Settings of the search, by key.
        average: Fixed, too.

    Raises:
        UsageError: See `Model`; or a setting is not that with which it was exported.
        DataError: See `Model`.
    """
    changes, folder = changes_of_search(search, beam_size), read_folder(path)
    kept = require_fixed(path, folder.search, changes, folder.n_best, n_best, average)
    model = Model.of(folder, folder.open_engine())
    model.n_best = kept
    return model
