"""Which files are shards, and where the answers to each of them go."""

import glob
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.answering.lines.answers import AnswerForm
from pipeline.errors import UsageError
from pipeline.files.durable import require_local

logger = logging.getLogger(__name__)

SUFFIX = ".answers"


class Shard(NamedTuple):
    """A file of lines."""

    path: Path
    """As the pattern has it."""
    output: Path
    """Of its answers, relative to the folder of all."""
    size: int
    """Bytes."""


def output_name(name: str, form: AnswerForm) -> str:
    """How the file of the answers to a file is called: what it holds, and compressed if the file is.

    Example:
        >>> output_name("part-1.txt.gz", AnswerForm()), output_name("words", AnswerForm(n_best=3))
        ('part-1.answers.txt.gz', 'words.answers.tsv')
        >>> output_name("part-1.tsv", AnswerForm(as_json=True))
        'part-1.tsv.answers.jsonl'
    """
    plain = name.removesuffix(".gz")
    kind = ".jsonl" if form.as_json else ".txt" if form.n_best == 1 else ".tsv"
    return f"{plain.removesuffix('.txt')}{SUFFIX}{kind}{name[len(plain) :]}"


def list_shards(patterns: Sequence[str], out: Path, form: AnswerForm) -> list[Shard]:
    """The files that patterns match, the largest first.

    The path of an output in `out` is that of the input from the last folder on which all patterns have in common before
    their first wildcard: it depends on the patterns alone, not on what they happen to match.

    Args:
        patterns: Paths, with *, ?, [] and ** as in a shell; what exists under such a name is that file.
        out: The folder for the answers.
        form: Of the answers.

    Raises:
        UsageError: A pattern matches no file, two files would have one output, or an input lies in `out`.
    """
    found = {os.path.abspath(path): path for pattern in patterns for path in _match(pattern)}
    base = os.path.commonpath([os.path.abspath(_fixed_part(pattern)) for pattern in patterns])
    shards, taken = [], dict[Path, Path]()
    for absolute, path in found.items():
        inside = Path(os.path.relpath(absolute, base))
        output = inside.with_name(output_name(inside.name, form))
        other = taken.setdefault(output, path)
        if other != path:
            raise UsageError(
                f"{other} and {path}: the answers to both would go to {out / output}; rename one, or answer them into "
                "two folders"
            )
        if Path(absolute).is_relative_to(os.path.abspath(out)):
            raise UsageError(f"{path}: lies in the folder for the answers; choose an --out beside the inputs")
        shards.append(Shard(path, output, path.stat().st_size))
    # The largest first, so that no worker begins one when all others have ended.
    return sorted(shards, key=lambda shard: (-shard.size, shard.output))


def _match(pattern: str) -> list[Path]:
    require_local(Path(pattern))
    if os.path.lexists(pattern):
        _require_file(pattern)
        return [Path(pattern)]
    matches = sorted(glob.glob(pattern, recursive=True))
    folders = [path for path in matches if os.path.isdir(path)]
    files = [path for path in matches if path not in set(folders)]
    if folders and "**" not in pattern:
        logger.warning("%s: a folder, left out; '%s' takes what is in folders", folders[0], f"{pattern}/**")
    if not files:
        raise UsageError(
            f"--shards {pattern}: no file matches; check the path (a pattern in quotes is left to this command)"
        )
    for path in files:
        _require_file(path)
    return [Path(path) for path in files]


def _require_file(path: str) -> None:
    if os.path.isdir(path):
        raise UsageError(f"--shards {path}: is a folder; '{os.path.join(path, '*')}' takes its files")
    if not os.path.isfile(path):
        wrong = "a link that leads nowhere" if os.path.islink(path) else "no plain file"
        raise UsageError(f"--shards {path}: is {wrong}; shards are read anew after an interruption: give files")


def _fixed_part(pattern: str) -> str:
    """The folder before the first wildcard."""
    if os.path.lexists(pattern):
        return os.path.dirname(pattern)
    folders = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        folders.append(part)
    return os.path.join(*folders) if folders else ""
