"""The space of a tuning: which settings vary, over what, and under which condition; read from YAML."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from pipeline.errors import UsageError
from pipeline.settings.changes import read_setting, replace_settings
from pipeline.settings.checks import suggest
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import PRESETS
from pipeline.settings.text import TOKENIZER_KINDS
from pipeline.settings.types import Value, checked, is_number, setting_names, setting_type
from pipeline.settings.yaml_file import read_yaml

SPACE_SUFFIX = ".space.yaml"
MOST_STEPS = 1000
DEFAULT_SPACE = PRESETS / f"default{SPACE_SUFFIX}"


@dataclasses.dataclass(frozen=True)
class Choices:
    """One of several values."""

    values: tuple[Value, ...]


@dataclasses.dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    whole: bool = False
    """Whether only whole numbers are meant."""


@dataclasses.dataclass(frozen=True)
class Dimension:
    """A setting that is tuned."""

    key: str
    """`section.key` of the configuration."""
    over: Choices | Range
    preset: Value
    """The configuration's own value: part of the space, and tried first."""
    when: Mapping[str, tuple[Value, ...]] = dataclasses.field(default_factory=dict)
    """Tuned only while these other dimensions have one of these values."""


@dataclasses.dataclass(frozen=True)
class Space:
    """What a tuning varies around a configuration.

    Args:
        configuration: Every setting; those outside the space stay as they are here.
        dimensions: Each after those that its condition names.

    Example:
        >>> space = make_space({"model.units": {"choices": [64, 128]}}, Configuration())
        >>> [dimension.over.values for dimension in space.dimensions]  # the preset's own joined in
        [(64, 128, 256)]
        >>> space.apply({"model.units": 64}).model.units
        64
    """

    configuration: Configuration
    dimensions: tuple[Dimension, ...]

    def apply(self, values: Mapping[str, Value]) -> Configuration:
        """The configuration with these values in place of its own.

        Raises:
            UsageError: Together they are impossible.
        """
        return replace_settings(self.configuration, values)

    def values_of(self, key: str) -> tuple[Value, ...]:
        """The choices of a setting; none where it is not tuned, or over a range."""
        over = [dimension.over for dimension in self.dimensions if dimension.key == key]
        return over[0].values if over and isinstance(over[0], Choices) else ()

    def to_yaml(self) -> str:
        """The space as a file that `--tune.space` takes."""
        content = {dimension.key: _entry(dimension) for dimension in self.dimensions}
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _entry(dimension: Dimension) -> dict[str, Any]:
    over = dimension.over
    entry: dict[str, Any]
    if isinstance(over, Choices):
        entry = {"choices": list(over.values)}
    else:
        entry = {"min": over.low, "max": over.high}
        if over.log:
            entry["scale"] = "log"
    if dimension.when:
        entry["when"] = {parent: list(values) for parent, values in dimension.when.items()}
    return entry


def find_space(space: str | None, config_path: Path | None = None) -> Path:
    """The file of the space: the one asked for, else the one beside the configuration, else the project's own."""
    if space is not None:
        return Path(space)
    beside = config_path and config_path.with_name(config_path.stem + SPACE_SUFFIX)
    return beside if beside and beside.is_file() else DEFAULT_SPACE


def read_space(path: Path, configuration: Configuration) -> Space:
    """Read a space, see docs/tuning.md, and check every value in it.

    Raises:
        UsageError: The file cannot be read or a part of it is wrong, with file, line and key.
    """
    content, lines = read_yaml(path)
    return make_space(content, configuration, lambda key: f"{path}, line {lines.get(key, 1)}")


def make_space(content: Any, configuration: Configuration, place: Callable[[str], str] = lambda key: "space") -> Space:
    """A space from what its YAML holds.

    Args:
        content: `{"section.key": {"choices": […]} or {"min": …, "max": …, "step": …, "scale": "log"}}`, each
            with an optional `"when": {"section.key": value or values}`.
        configuration: What the space lies around.
        place: Names the place of a key in messages.

    Raises:
        UsageError: A part of it is wrong.
    """
    if not isinstance(content, dict) or not content:
        raise UsageError(f"{place('')}: holds no settings to tune; write section.key: {{choices: […]}}")
    dimensions = []
    for key, entry in content.items():
        try:
            dimensions.append(_read_dimension(str(key), entry, configuration))
        except UsageError as error:
            raise UsageError(f"{place(key)}: {error}") from None
    space = Space(configuration, tuple(_parents_first(_settle(dimensions, configuration, place), place)))
    _require_one_metric(space, place)
    return space


def _require_one_metric(space: Space, place: Callable[[str], str]) -> None:
    key = "text.target_tokenizer"
    if space.configuration.train.objective is not None:
        return
    for dimension in space.dimensions:
        values = dimension.over.values if dimension.key == key and isinstance(dimension.over, Choices) else ()
        if len({TOKENIZER_KINDS[str(value)].subwords for value in values}) > 1:
            raise UsageError(
                f"{place(key)}: {key}: subwords are measured by BLEU, symbols by WER; tune among one kind, "
                "or set train.objective"
            )


def _read_dimension(key: str, entry: Any, configuration: Configuration) -> Dimension:
    if key not in setting_names():
        raise UsageError(f"{key}: no such key{suggest(key, setting_names())}")
    if key == "train.objective":
        raise UsageError(f"{key}: all trials are measured by the same figure; set it in the configuration")
    if key == "train.epochs":
        raise UsageError(f"{key}: all trials have as many, so that they can be compared; set tune.epochs")
    if not isinstance(entry, dict):
        raise UsageError(f"{key}: must be {{choices: […]}} or {{min: …, max: …}}")
    unknown = set(entry) - {"choices", "min", "max", "step", "scale", "when"}
    if unknown:
        raise UsageError(f"{key}: {sorted(map(str, unknown))[0]}: no such word (choices, min, max, step, scale, when)")
    preset = read_setting(configuration, key)
    over = _read_choices(key, entry, preset) if "choices" in entry else _read_range(key, entry, preset)
    for value in _corners(over):
        replace_settings(configuration, {key: value})
    return Dimension(key, over, preset, _read_condition(key, entry.get("when", {})))


def _read_choices(key: str, entry: Mapping[str, Any], preset: Value) -> Choices:
    if set(entry) - {"choices", "when"}:
        raise UsageError(f"{key}: choices and min/max exclude each other")
    values = entry["choices"]
    if not isinstance(values, list) or not values:
        raise UsageError(f"{key}: choices must be a list of values")
    return _make_choices([checked(key, value) for value in values], preset)


def _make_choices(checked: list[Value], preset: Value) -> Choices:
    """Each once, numbers in their order, the configuration's own value among them."""
    if preset not in checked:
        checked.append(preset)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in checked):
        checked.sort(key=float)  # type: ignore[arg-type]
    return Choices(tuple(value for index, value in enumerate(checked) if value not in checked[:index]))


def _read_range(key: str, entry: Mapping[str, Any], preset: Any) -> Choices | Range:
    if not {"min", "max"} <= set(entry):
        raise UsageError(f"{key}: needs choices, or min and max")
    if not is_number(preset):
        raise UsageError(f"{key}: the configuration has {preset!r}, which no range of numbers holds; use choices")
    low: Any = checked(key, entry["min"])
    high: Any = checked(key, entry["max"])
    step, scale = entry.get("step"), entry.get("scale", "linear")
    if not (is_number(low) and is_number(high) and low < high):
        raise UsageError(f"{key}: min must be a number below max")
    if scale not in ("linear", "log"):
        raise UsageError(f"{key}: scale: {scale!r} is impossible, it must be linear or log")
    if scale == "log" and (min(low, preset) <= 0 or step is not None):
        raise UsageError(f"{key}: scale: log needs numbers above 0 and no step")
    if step is not None and not (is_number(step) and step > 0):
        raise UsageError(f"{key}: step: {step!r} is impossible, it must be a number above 0")
    whole = setting_type(key) is int or int in get_args(setting_type(key))
    if whole and step is not None and not float(step).is_integer():
        raise UsageError(f"{key}: step: {step!r} is impossible, it must be a whole number")
    if step is not None:
        count = math.floor((high - low) / step + 1e-9) + 1
        if count > MOST_STEPS:
            raise UsageError(f"{key}: step: {step!r} makes {count:,} values; leave it out to draw any number")
        # Rounded, so that the third step from 0 by 0.1 is 0.3.
        return _make_choices([checked(key, round(low + number * step, 9)) for number in range(count)], preset)
    # The configuration's own value belongs to the space.
    return Range(min(low, preset), max(high, preset), scale == "log", whole)


def _corners(over: Choices | Range) -> tuple[Any, ...]:
    return over.values if isinstance(over, Choices) else (over.low, over.high)


def _read_condition(key: str, when: Any) -> dict[str, tuple[Value, ...]]:
    if not isinstance(when, dict):
        raise UsageError(f"{key}: when: must be {{section.key: value or list of values}}")
    condition = {}
    for parent, values in when.items():
        if parent not in setting_names():
            raise UsageError(f"{key}: when: {parent}: no such key{suggest(str(parent), setting_names())}")
        if parent == key:
            raise UsageError(f"{key}: when: depends on itself")
        allowed = values if isinstance(values, list) else [values]
        if not allowed:
            raise UsageError(f"{key}: when: {parent}: needs at least one value")
        try:
            condition[parent] = tuple(checked(parent, value) for value in allowed)
        except UsageError as error:
            raise UsageError(f"{key}: when: {error}") from None
    return condition


def _settle(dimensions: list[Dimension], configuration: Configuration, place: Callable[[str], str]) -> list[Dimension]:
    """Decide conditions on settings that are not tuned: they hold always, or the dimension goes."""
    tuned = {dimension.key: dimension.over for dimension in dimensions}
    kept = []
    for dimension in dimensions:
        _require_possible(dimension, tuned, place)
        fixed = {parent: values for parent, values in dimension.when.items() if parent not in tuned}
        if all(read_setting(configuration, parent) in values for parent, values in fixed.items()):
            open_conditions = {parent: values for parent, values in dimension.when.items() if parent in tuned}
            kept.append(dataclasses.replace(dimension, when=open_conditions))
    # One that went takes the place of a setting that is not tuned, for those that depend on it.
    return kept if len(kept) == len(dimensions) else _settle(kept, configuration, place)


def _require_possible(dimension: Dimension, tuned: Mapping[str, Choices | Range], place: Callable[[str], str]) -> None:
    """A condition that never holds would take its setting out of the tuning without a word."""
    for parent, values in dimension.when.items():
        over = tuned.get(parent)
        start = f"{place(dimension.key)}: {dimension.key}: when: {parent}"
        if isinstance(over, Range):
            raise UsageError(f"{start} must be tuned by choices, not by a range")
        if over and (wrong := [value for value in values if value not in over.values]):
            raise UsageError(f"{start} never is {wrong[0]!r} in this space")


def _parents_first(dimensions: list[Dimension], place: Callable[[str], str]) -> Iterator[Dimension]:
    waiting = {dimension.key: dimension for dimension in dimensions}
    while waiting:
        ready = [dimension for dimension in waiting.values() if not set(dimension.when) & set(waiting)]
        if not ready:
            key = next(iter(waiting))
            raise UsageError(f"{place(key)}: {key}: when: conditions run in a circle")
        for dimension in ready:
            del waiting[dimension.key]
            yield dimension
