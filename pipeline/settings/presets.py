"""The presets that come with the project, and which file `--config` means."""

from difflib import get_close_matches
from pathlib import Path

from pipeline.errors import UsageError

PRESETS = Path(__file__).parents[1] / "presets"
DEFAULT_PRESET = "cmudict"


def preset_names() -> list[str]:
    """Names of the presets that come with the project."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml") if "." not in path.stem)


def find_configuration_file(name_or_path: str) -> Path:
    """The YAML file of a preset's name or a path.

    Raises:
        UsageError: Neither a preset nor a file.
    """
    if name_or_path in preset_names():
        return PRESETS / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if not path.is_file():
        presets = ", ".join(preset_names())
        near = get_close_matches(name_or_path, preset_names(), n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"--config {name_or_path}: no such file, and no preset of that name{meant} (presets: {presets})"
        )
    return path
