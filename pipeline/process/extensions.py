"""Files of the user's own that add to the tables of kinds, also in processes that this one starts.

Only the environment variable names them: no run and no configuration can have a file imported.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from pipeline.errors import UsageError

VARIABLE = "ATTENTIF_IMPORT"
"""Paths of Python files, or names of modules, with `os.pathsep` between them."""


def import_extensions() -> None:
    """Import what the environment variable names, in its order.

    Raises:
        UsageError: There is no such file or module, or it fails.
    """
    for name in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        try:
            _import(name)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(f"{VARIABLE}: {name} cannot be imported ({type(error).__name__}: {reason})") from error


def _import(name: str) -> None:
    if not name.endswith(".py"):
        importlib.import_module(name)
        return
    path = Path(name).resolve()
    loaded = {os.path.realpath(getattr(module, "__file__", None) or "") for module in list(sys.modules.values())}
    if str(path) in loaded:
        return
    number = hashlib.sha256(str(path).encode()).hexdigest()[:8]  # two files may have one name
    spec = importlib.util.spec_from_file_location(f"attentif_import_{path.stem}_{number}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]  # half of it must not pass for the whole
        raise


def pass_on(path: str) -> None:
    """Have a file imported by processes that this one starts."""
    names = [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    if path not in map(os.path.realpath, names):
        os.environ[VARIABLE] = os.pathsep.join([*names, path])
