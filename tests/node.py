"""Node, which runs JavaScript without a browser, for tests; its packages come from `package-lock.json` at the top."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MUST = "ATTENTIF_NODE_MUST_BE_THERE"  # set by continuous integration: skipping would hide what is broken
MODULES = Path(__file__).parents[1] / "node_modules"


def run_node(script: Path, given: Any, *arguments: str | Path) -> Any:
    """What a script answers in JSON on its standard output, given JSON on its standard input."""
    found = subprocess.run(
        [find_node(), str(script), *map(str, arguments)],
        input=json.dumps(given).encode(),
        capture_output=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr.decode(errors="replace")[-3000:]
    return json.loads(found.stdout)


def find_node() -> str:
    """Path of Node; skips the test, or fails it where Node must be there."""
    return shutil.which("node") or _miss("NO NODE: install Node 20 or newer (apt-get install nodejs npm)")


def find_package(name: str) -> Path:
    """Where a package of npm is; skips the test, or fails it where Node must be there."""
    path = MODULES / name
    return path if path.is_dir() else Path(_miss(f"{name} IS NOT INSTALLED: npm ci --ignore-scripts"))


def _miss(message: str) -> str:
    if os.environ.get(MUST):
        pytest.fail(message)
    pytest.skip(message)
