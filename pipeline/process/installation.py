"""Whether what the pipeline needs is installed: looked at before anything is imported, in a few milliseconds.

Must be readable by every Python 3, and imports none of what it looks for: it is to say what is missing.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
# These cannot be imported together in other versions, or compute something else.
STRICT = ("tensorflow", "tensorflow-text", "keras")
# Commands that need none of requirements.txt: servers are installed without it.
ALONE = ("serve",)
ROOT = Path(__file__).resolve().parents[2]
WHEELS = "tensorflow-text has wheels for Linux (x86-64, arm64) and macOS (arm64)"


def find_problem(command: str = "") -> str | None:
    """What must be installed otherwise, and how, in a sentence; None if all is well.

    Args:
        command: One of `ALONE` says itself what it lacks.

    Example:
        >>> find_problem()
    """
    if not ROOT.is_dir():
        return f"{ROOT} is no directory: unpack it or install it with pip, presets cannot be read out of an archive"
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        found, pythons = _dotted(sys.version_info[:3]), f"{_dotted(OLDEST)} to {_dotted(NEWEST)}"
        return (
            f"Python {pythons} is needed, this is {found} ({sys.executable}): "
            f"make a virtual environment with one of these, then {_remedy()}"
        )
    needed = {} if command in ALONE else needed_versions()
    installed = installed_versions(needed)
    missing = [name for name in needed if name not in installed]
    if missing:
        return f"{_listed(missing)} not installed for {sys.executable}: {_remedy(platform_problem(), missing)}"
    others = [name for name in STRICT if name in needed and installed[name] != needed[name]]
    found = "; ".join(f"{name} is {installed[name]}, {needed[name]} is needed" for name in others)
    return f"{found} ({sys.executable}): {_remedy(names=others)}" if others else None


def platform_problem(system: str = sys.platform, machine: str | None = None) -> str:
    """What to do where there can be no wheels; empty elsewhere.

    Example:
        >>> platform_problem("darwin", "x86_64").split(":")[1].strip()
        'on a Mac with Intel processor use a virtual machine or container with Linux'
    """
    machine = machine or platform.machine()
    if system in ("win32", "cygwin"):
        return f"{WHEELS}, none for Windows: use WSL (wsl --install), and install there"
    if system == "darwin" and machine != "arm64":
        return f"{WHEELS}: on a Mac with Intel processor use a virtual machine or container with Linux"
    if system == "linux" and machine not in ("x86_64", "aarch64"):
        return f"{WHEELS}, none for {machine}: use another machine"
    return ""


def describe_installation() -> str:
    """What `--version` says.

    Example:
        >>> describe_installation().split()[0]
        'attentif'
    """
    from pipeline.version import __version__

    installed = installed_versions(dict.fromkeys(STRICT, ""))
    versions = [f"{name} {installed.get(name, 'missing')}" for name in STRICT]
    python = f"Python {_dotted(sys.version_info[:3])}"
    return f"attentif {__version__} ({', '.join([python, *versions, f'{sys.platform} {platform.machine()}'])})"


def own_command() -> list[str]:
    """What starts this program anew, in any directory: a `pipeline` or `layers` of the user's there is none of ours."""
    return [sys.executable, "-P", "-m", "pipeline"]


def own_environment() -> dict[str, str]:
    """The environment that `own_command` needs: this one, and where the packages are."""
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


def other_versions() -> list[str]:
    """What is installed in another version than this was tried with, for a message about a failure."""
    needed = needed_versions()
    installed = installed_versions(needed)
    pairs = [(name, installed.get(name), version) for name, version in needed.items()]
    return [
        f"{name} {found} in the place of {version}" for name, found, version in pairs if found not in (None, version)
    ]


def needed_versions() -> dict[str, str]:
    """The pinned versions by distribution: of requirements.txt in a checkout, of the metadata where installed.

    Example:
        >>> needed_versions()["keras-tuner"]
        '1.4.8'
    """
    return {_normal(name): version for name, _, version in _pins()}


def _pins() -> list[tuple[str, str, str]]:
    """Name, extras and version of each distribution that is needed."""
    checkout = ROOT / "requirements.txt"
    if checkout.is_file():
        lines = checkout.read_text(encoding="utf-8").splitlines()
    else:
        found = sorted(ROOT.glob("attentif-*.dist-info/METADATA"))
        content = found[-1].read_text(encoding="utf-8").splitlines() if found else []
        lines = [line[len("Requires-Dist:") :] for line in content if line.startswith("Requires-Dist:")]
    pins = (re.match(r"\s*([\w.-]+)(\[[^]]*\])?\s*==\s*([\w.]+)(?!.*extra\s*==)", line) for line in lines)
    return [(pin[1], pin[2] or "", pin[3]) for pin in pins if pin]


def installed_versions(names: dict[str, str]) -> dict[str, str]:
    """Versions of those that are installed. Names of folders say so; what they do not say, Python's metadata do."""
    wanted = set(names)
    found: dict[str, str] = {}
    for entry in sys.path:
        try:
            files = os.listdir(entry or ".")
        except OSError:  # a zip file, or nothing
            continue
        for file in files:
            match = re.fullmatch(r"(.+?)-([^-]+)\.dist-info", file)
            if match and _normal(match[1]) in wanted:
                found.setdefault(_normal(match[1]), match[2])
    for name in wanted - set(found):
        version = _version(name)
        if version:
            found[name] = version
    return found


def _version(name: str) -> str | None:
    try:
        import importlib.metadata  # slow: only for what the folders do not tell

        return importlib.metadata.version(name)
    except ImportError:  # it is not there, or this Python is too old to say so
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _remedy(platform_has: str = "", names: Iterable[str] = ()) -> str:
    if platform_has:
        return platform_has
    own = ROOT / ".venv" / "bin" / "python"
    if own.is_file() and Path(sys.prefix).resolve() != own.parent.parent.resolve():
        return f"use {_short(own)} in the place of this Python, or {_install(names)}"
    return _install(names)


def _install(names: Iterable[str]) -> str:
    checkout, wanted = ROOT / "requirements.txt", set(names)
    specs = [f"'{name}{extras}=={version}'" for name, extras, version in _pins() if _normal(name) in wanted]
    what = f"-r {_short(checkout)}" if checkout.is_file() else " ".join(specs)
    return f"python -m pip install {what} (README.md says for which Python and which systems)"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
