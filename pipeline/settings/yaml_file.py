"""The YAML file behind `--config`: read safely, with file and line for whatever is wrong in its shape.

Types and values of the keys are checked later, together with those from the command line.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UsageError
from pipeline.settings.checks import suggest

# Far more than settings have, and little enough for PyYAML.
MOST_BYTES = 1 << 18
MOST_VALUES = 10_000
DEEPEST = 30
SHOWN = 80  # characters of a value in a message


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
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is not None:
                _measure(path, root, {})
            check(root)
            if root is not None:
                _require_unique(path, root)
            return None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = 1 + error.problem_mark.line if error.problem_mark else 1
        raise UsageError(f"{path}, line {line}: not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = 1 + text.count("\n", 0, error.position)
        raise UsageError(f"{path}, line {line}: not YAML: {error.reason}") from None


class _Loader(yaml.SafeLoader):
    """Refuses, with its line, what PyYAML would break at."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth == DEEPEST:
            wrong = f"more than {DEEPEST} levels"
            raise yaml.composer.ComposerError(None, None, wrong, self.peek_event().start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        # A date like 2024-13-45, or what a tag promises and does not keep.
        except (ValueError, AttributeError, LookupError, TypeError, OverflowError) as error:
            kind = node.tag.rpartition(":")[2]
            wrong = f"no {kind} ({str(error)[:SHOWN]})"
            raise yaml.constructor.ConstructorError(None, None, wrong, node.start_mark) from None


def _measure(path: Path, node: yaml.Node, sizes: dict[int, int]) -> int:
    """The number of values below a node, written out in full, which a few aliases can make astronomical.

    Raises:
        UsageError: Too many, text that is none, or a set.
    """
    if id(node) in sizes:
        return sizes[id(node)]
    place = f"{path}, line {node.start_mark.line + 1}"
    sizes[id(node)] = MOST_VALUES + 1  # what is met again before its end has none
    if node.tag == "tag:yaml.org,2002:set":
        raise UsageError(f"{place}: a set has no order; write a list")
    below = node.value if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        below = [part for entry in node.value for part in entry]
    # The other halves of surrogate pairs stand for bytes of file names that are no UTF-8.
    elif isinstance(node, yaml.ScalarNode) and re.search("[\0\ud800-\udc7f\udd00-\udfff]", node.value):
        raise UsageError(f"{place}: {node.value[:SHOWN]!a}: holds a character that no text has; take it out")
    size = 1 + sum(_measure(path, part, sizes) for part in below)
    if size > MOST_VALUES:
        raise UsageError(
            f"{place}: more than {MOST_VALUES:,} values, its aliases written out; settings have no need of it"
        )
    sizes[id(node)] = size
    return size


def _require_unique(path: Path, node: yaml.Node) -> None:
    """Refuse a key that stands twice in a mapping, at any depth."""
    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            _require_unique(path, part)
    elif isinstance(node, yaml.MappingNode):
        for _, value in _entries(path, node, "", None):
            _require_unique(path, value)


def _read_text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read ({reason}); check the path and its permissions") from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path}: more than {MOST_BYTES:,} bytes; settings have no need of it, so check the path")
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
