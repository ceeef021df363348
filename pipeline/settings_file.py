"""The YAML file behind `--config`: read safely, with file and line for whatever is wrong in its shape.

Types and values of the keys are checked later, together with those from the command line.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UsageError


def read_settings(path: Path, keys: Mapping[str, Collection[str]]) -> dict[str, dict[str, Any]]:
    """The settings that a YAML file holds, by section and key.

    Args:
        path: The file.
        keys: Known keys of each known section.

    Raises:
        UsageError: The file cannot be read or is not UTF-8; broken YAML, not a mapping, or a key that is
            unknown or stands there twice.
    """

    def check(root: yaml.Node | None) -> None:
        if root is None:
            raise UsageError(f"{path}, line 1: holds no settings; a mapping of sections is needed")
        for section, node in _entries(path, root, "", keys):
            for key, value in _entries(path, node, section, keys[section]):
                if isinstance(value, yaml.MappingNode):
                    for _ in _entries(path, value, f"{section}.{key}", None):
                        pass

    return _load(path, check)


def read_yaml(path: Path) -> tuple[Any, dict[str, int]]:
    """What a YAML file holds, and the lines on which its outermost keys stand.

    Raises:
        UsageError: The file cannot be read or is not UTF-8; broken YAML, or a key that stands there twice.
    """
    lines: dict[str, int] = {}

    def check(root: yaml.Node | None) -> None:
        if isinstance(root, yaml.MappingNode):
            for key, _ in _entries(path, root, "", None):
                lines[key] = next(node.start_mark.line + 1 for node, _ in root.value if str(node.value) == key)

    return _load(path, check), lines


def _load(path: Path, check: Callable[[yaml.Node | None], None]) -> Any:
    text = _read_text(path)
    try:
        check(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = 1 + error.problem_mark.line if error.problem_mark else 1
        raise UsageError(f"{path}, line {line}: not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = 1 + text.count("\n", 0, error.position)
        raise UsageError(f"{path}, line {line}: not YAML: {error.reason}") from None
    except ValueError as error:  # a date like 2024-13-45
        raise UsageError(f"{path}: {error}") from None


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise UsageError(f"{path}, line {line}: not UTF-8; save the file as UTF-8") from None


def _entries(
    path: Path, node: yaml.Node, section: str, known: Collection[str] | None
) -> Iterator[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        name = f"{section}: " if section else ""
        raise UsageError(f"{path}, line {node.start_mark.line + 1}: {name}not a mapping (key: value)")
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = str(key_node.value)
        full = f"{section}.{key}" if section else key
        place = f"{path}, line {key_node.start_mark.line + 1}: {full}"
        if known is not None and key not in known:
            raise UsageError(f"{place}: no such key{suggest(key, known)}")
        # PyYAML would let the last one win without a word.
        if key in seen:
            raise UsageError(f"{place}: stands here twice; keep one")
        seen.add(key)
        yield key, value_node


def suggest(name: str, known: Collection[str]) -> str:
    """`; did you mean …?` for a known name that is close, else the known ones if they are few."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f" (there are: {', '.join(known)})" if len(known) <= 12 else ""
