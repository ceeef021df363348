"""What has to be installed: `python -m benchmarks.installs [REQUIREMENTS ...]`, from the checkout.

For every file of requirements (all that training needs, and what answering a folder needs, by engine) a virtual
environment of its own: seconds of `pip install`, of packages fetched before or not, and MB on disk, pip not counted. A
table goes to stderr, a JSON object to the last line of stdout.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = ("requirements.txt", "requirements-litert.txt", "requirements-onnx.txt")


def size_of(place: Path) -> float:
    """MB of all files."""
    return sum(path.lstat().st_size for path in place.rglob("*") if path.is_file()) / 1e6


def install(requirements: Path, place: Path) -> dict[str, float]:
    """Seconds and MB of one environment."""
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    empty, began = size_of(place), time.perf_counter()
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(requirements)], check=True)
    seconds = time.perf_counter() - began
    return {"MB": round(size_of(place) - empty), "seconds": round(seconds, 1)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.installs", description=__doc__)
    parser.add_argument("requirements", type=Path, nargs="*", default=[Path(name) for name in FILES])
    found = {}
    for requirements in parser.parse_args().requirements:
        with tempfile.TemporaryDirectory() as scratch:
            found[requirements.name] = install(requirements, Path(scratch))
        figures = found[requirements.name]
        print(f"{requirements.name:<28}{figures['MB']:6.0f} MB{figures['seconds']:8.1f} s", file=sys.stderr)
    print(json.dumps({"installs": found}))


if __name__ == "__main__":
    main()
