"""What `data.train`, `data.dev` and `data.test` name: files, two that belong together, built-in corpora, several."""

import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.cmudict import Role, find_cmudict, read_cmudict_split
from pipeline.pairs.pair_file import Pair
from pipeline.stores.addresses import is_address
from pipeline.stores.store import Store

Location = str | list[str]
TrainingLocation = Location | dict[str, float]


PREPARED = "prepared.json"
"""The file of a prepared corpus that says what it holds; written last, so that a folder without it is none."""


def _read_cmudict(role: Role, bad: BadLines | None) -> Iterator[Pair]:
    return (Pair(*entry) for entry in read_cmudict_split(role, bad=bad))


# A corpus added here is a name that `data.train`, `data.dev` and `data.test` take.
BUILT_IN: dict[str, Callable[[Role, BadLines | None], Iterator[Pair]]] = {"cmudict": _read_cmudict}


def is_built_in(location: TrainingLocation) -> bool:
    """Whether a location is the name of a built-in corpus alone, which then brings its own dev and test."""
    corpora = list_corpora(location)
    return len(corpora) == 1 and isinstance(corpora[0][0], str) and corpora[0][0] in BUILT_IN


def list_corpora(location: TrainingLocation) -> list[tuple[Location, float]]:
    """The corpora that a location stands for, each with its weight, those with the highest weight first.

    The order does not depend on how a mapping is written, which YAML gives no meaning to. A pattern or a folder stands
    for its files, each a corpus of its own, in the order of their names.

    Example:
        >>> list_corpora({"web.tsv": 0.5, "talks.de,talks.en": 1, "news.tsv": 1})
        [('news.tsv', 1), ('talks.de,talks.en', 1), ('web.tsv', 0.5)]
        >>> list_corpora("pairs.tsv")
        [('pairs.tsv', 1.0)]
    """
    corpora: list[tuple[Location, float]] = [(location, 1.0)] if not isinstance(location, dict) else []
    if isinstance(location, dict):
        corpora = [
            (corpus, weight) for corpus, weight in sorted(location.items(), key=lambda item: (-item[1], item[0]))
        ]
    return [(one, weight) for corpus, weight in corpora for one in _files_of(corpus)]


def is_prepared(location: TrainingLocation | None) -> bool:
    """Whether a location is the folder of a prepared corpus, which holds ids and no text."""
    return isinstance(location, str) and os.path.isfile(os.path.join(location, PREPARED))


def is_pattern(location: Location) -> bool:
    """Whether a location is a pattern of files, and not the name of one.

    Example:
        >>> is_pattern("in/*.tsv"), is_pattern("in/pairs.tsv")
        (True, False)
    """
    return isinstance(location, str) and glob.has_magic(location) and not os.path.lexists(location)


def _files_of(corpus: Location) -> list[Location]:
    """The corpora that a pattern, two of them with a comma between, or a folder stands for; of anything else itself.

    Raises:
        UsageError: Two patterns have different numbers of files.
    """
    if not isinstance(corpus, str) or corpus in BUILT_IN or is_prepared(corpus):
        return [corpus]
    if is_address(corpus) and corpus.endswith("/"):
        inside = sorted(Store(corpus).find(corpus))
        if f"{corpus}{PREPARED}" in inside:
            raise UsageError(f"{corpus}: a prepared corpus is read where it lies; copy it to this machine first")
        return [path for path in inside if _is_named_as_data(path) and "/" not in path[len(corpus) :]] or [corpus]
    if os.path.isdir(corpus):
        inside = sorted(os.path.join(corpus, name) for name in os.listdir(corpus) if not name.startswith((".", "_")))
        return [path for path in inside if os.path.isfile(path) and _is_named_as_data(path)] or [corpus]
    if not is_pattern(corpus):
        return [corpus]
    sides = [_match(part) for part in split_location(corpus)]
    if len(sides) == 1:
        # What matches nothing is named as it was given, by who wants to read it.
        return [*sides[0]] or [corpus]
    if len(sides[0]) != len(sides[1]):
        raise UsageError(
            f"data: {corpus} is impossible, {len(sides[0])} files match the first pattern and {len(sides[1])} the "
            "second; each source file needs a target file"
        )
    return [f"{source},{target}" for source, target in zip(*sides, strict=True)] or [corpus]


def _match(pattern: str) -> list[str]:
    if is_address(pattern):
        return Store(pattern).match(pattern)
    return sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))


def _is_named_as_data(path: str) -> bool:
    return path.removesuffix(".gz").endswith(_ENDINGS[1:])


def describe_line(line: int, corpus: int, location: TrainingLocation) -> str:
    """Where a pair stands, for messages; the corpus is named where there are several.

    Example:
        >>> describe_line(3, 1, {"a.tsv": 2, "b.tsv": 1}), describe_line(3, 0, "a.tsv")
        ('line 3 of b.tsv', 'line 3')
    """
    corpora = list_corpora(location)
    return f"line {line} of {corpora[corpus][0]}" if len(corpora) > 1 else f"line {line}"


def source_files(location: TrainingLocation) -> list[str]:
    """The files that a location stands for, a built-in corpus's own among them."""
    files: list[str] = []
    for corpus, _ in list_corpora(location):
        if is_prepared(corpus):
            # Its hashes stand for all of it.
            files.append(os.path.join(str(corpus), PREPARED))
        else:
            files += [str(find_cmudict())] if is_built_in(corpus) else split_location(corpus)
    return files


_ENDINGS = (".gz", ".tsv", ".csv", ".txt", ".dict", ".train", ".trn")


def name_of_location(location: TrainingLocation) -> str:
    """What to call what comes of training data: the name of the first file without its endings.

    Example:
        >>> name_of_location("data/pairs.tsv.gz"), name_of_location({"b.csv": 0.5, "c.txt": 2})
        ('pairs', 'c')
        >>> name_of_location("data/words/*.tsv")
        'words'
    """
    given = (
        sorted(location.items(), key=lambda item: (-item[1], item[0]))[0][0] if isinstance(location, dict) else location
    )
    first = split_location(given)[0]
    if os.path.isdir(first) or is_pattern(first):
        return Path(first).name if os.path.isdir(first) else Path(first).absolute().parent.name.strip("*?[]") or "data"
    name = Path(first).name
    while Path(name).suffix in _ENDINGS:
        name = Path(name).stem
    return name


def turn_sides(location: TrainingLocation) -> TrainingLocation:
    """The same data with the files of two sides the other way round; what is one file stays as it is.

    Example:
        >>> turn_sides({"talks.de,talks.en": 2, "pairs.tsv": 1})
        {'talks.en,talks.de': 2, 'pairs.tsv': 1}
        >>> turn_sides(["a.de", "a.en"])
        ['a.en', 'a.de']
    """
    if isinstance(location, dict):
        return {",".join(reversed(split_location(corpus))): weight for corpus, weight in location.items()}
    turned = split_location(location)[::-1]
    return turned if isinstance(location, list) else ",".join(turned)


def split_location(location: Location) -> list[str]:
    """The paths of a location that is no built-in corpus: one, or two of line-aligned files.

    Raises:
        UsageError: A list that does not hold two paths.
    """
    if isinstance(location, list):
        if len(location) != 2:
            raise UsageError(f"data: {location!r} is impossible, a list must be two line-aligned files")
        return location
    parts = [part.strip() for part in location.split(",")]
    if len(parts) == 2 and all(parts) and not os.path.lexists(location):
        return parts
    return [location]
