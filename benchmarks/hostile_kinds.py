"""Files of every kind that people give for pairs, each with what has to come of it, see `benchmarks.hostile_data`."""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.hostile_files import NAMES, HostileFile
from benchmarks.hostile_oracle import Expected

LETTERS, PHONES = "abdefgiklmnoprstuzäßé", ["AA", "B", "D", "EH", "F", "G", "IY", "K", "L", "M", "N", "ʃ"]
FEATURES = ["V;PST;3;SG", "N;NOM;PL", "V;PRS;2;SG", "ADJ;GEN"]
Pairs = list[tuple[str, str]]


class Kind(NamedTuple):
    """A kind of file.

    Args:
        name: What the refusal or the warning has to say; '' if there must be none.
        write: The content, and the pairs that are read if it is not refused.
        is_refused: Whether it has to be.
        is_text: Whether it may have CRLF line ends, a byte order mark, or be compressed under a right name.
    """

    name: str
    write: Callable[[Pairs, random.Random], tuple[bytes, Pairs]]
    is_refused: bool = True
    is_text: bool = False


def _make_pairs(chance: random.Random, count: int) -> Pairs:
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(chance.choices(LETTERS, k=chance.randint(3, 9)))] = None
    return [(word, " ".join(chance.choices(PHONES, k=chance.randint(2, 8)))) for word in words]


def _as_bytes(change: Callable[[bytes], bytes]) -> Callable[[Pairs, random.Random], tuple[bytes, Pairs]]:
    """A file that is refused: what becomes of the bytes of a right one."""
    return lambda pairs, chance: (change(_table(pairs)), [])


def _by_line(make: Callable[[int, str, str], str]) -> Callable[[Pairs, random.Random], tuple[bytes, Pairs]]:
    """What a line is made of its number, source and target; the first two columns are read."""

    def write(pairs: Pairs, chance: random.Random) -> tuple[bytes, Pairs]:
        lines = [make(number, source, target) for number, (source, target) in enumerate(pairs)]
        columns = [[column.strip() for column in line.split("\t")] for line in lines]
        return _join(lines), [(line[0], line[1]) for line in columns if len(line) > 1]

    return write


def _table(pairs: Pairs) -> bytes:
    return _join([f"{source}\t{target}" for source, target in pairs])


def _join(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _before(*first: str) -> Callable[[Pairs, random.Random], tuple[bytes, Pairs]]:
    """Lines above the others; those with a TAB are read as pairs."""

    def write(pairs: Pairs, chance: random.Random) -> tuple[bytes, Pairs]:
        line = chance.choice(first)
        return _join([line]) + _table(pairs), [tuple(line.split("\t")[:2]), *pairs]  # type: ignore[list-item]

    return write


def _among(line: str) -> Callable[[Pairs, random.Random], tuple[bytes, Pairs]]:
    """A line somewhere among the others."""

    def write(pairs: Pairs, chance: random.Random) -> tuple[bytes, Pairs]:
        place = chance.randint(1, len(pairs))
        source, target = line.split("\t")[:2]
        mixed = [*pairs[:place], (source, target), *pairs[place:]]
        return _table(mixed), mixed

    return write


def _late_columns(pairs: Pairs, chance: random.Random) -> tuple[bytes, Pairs]:
    many = [(f"{source}{turn}", target) for turn in range(1 + 1000 // len(pairs)) for source, target in pairs]
    return _table(many) + b"zzz\tK\tmore\n", [*many, ("zzz", "K")]


def _mixed_returns(pairs: Pairs, chance: random.Random) -> tuple[bytes, Pairs]:
    ends = [chance.choice([b"\r", b"\n", b"\r\n"]) for _ in pairs]
    ends[:3] = [b"\r", b"\r", b"\n"]
    lines = [f"{source}\t{target}".encode() for source, target in pairs]
    return b"".join(line + end for line, end in zip(lines, ends, strict=True)), []


def _zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pairs.tsv", content)
    return buffer.getvalue()


def _quoted(number: int, source: str, target: str) -> str:
    return f'"{source}","{target}, {number}"'


def _json(number: int, source: str, target: str) -> str:
    return json.dumps({"source": source, "target": target})


def _index(pairs: Pairs, chance: random.Random) -> tuple[bytes, Pairs]:
    return _join(["\tsource\ttarget", *(f"{n}\t{source}\t{target}" for n, (source, target) in enumerate(pairs))]), []


def _with_features(number: int, source: str, target: str) -> str:
    return f"{source}\t{FEATURES[number % len(FEATURES)]}\t{source}ed"


# Whoever meets another kind adds a row.
KINDS = (
    Kind("UTF-16", _as_bytes(lambda content: content.decode().encode("utf-16"))),
    Kind("UTF-16", _as_bytes(lambda content: content.decode().encode("utf-16-le"))),
    Kind("UTF-16", _as_bytes(lambda content: content.decode().encode("utf-16-be"))),
    Kind("UTF-32", _as_bytes(lambda content: content.decode().encode("utf-32"))),
    Kind("gzip data", _as_bytes(gzip.compress)),
    Kind("bzip2 data", _as_bytes(bz2.compress)),
    Kind("xz data", _as_bytes(lzma.compress)),
    Kind("zip archive", _as_bytes(_zip)),
    Kind("PDF file", _as_bytes(lambda content: b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n" + content)),
    Kind("SQLite database", _as_bytes(lambda content: b"SQLite format 3\0" + content)),
    Kind("binary data", lambda pairs, chance: (b"\xff" + chance.randbytes(5000), [])),
    Kind("lone carriage return", _as_bytes(lambda content: content.replace(b"\n", b"\r"))),
    Kind("lone carriage return", _mixed_returns),
    Kind("commas", _by_line(lambda number, source, target: f"{source},{target}"), is_text=True),
    Kind("commas", _by_line(_quoted), is_text=True),
    Kind("semicolons", _by_line(lambda number, source, target: f"{source};{target}"), is_text=True),
    Kind("separated by |", _by_line(lambda number, source, target: f"{source}|{target}"), is_text=True),
    Kind("|||", _by_line(lambda number, source, target: f"{source} ||| {target}"), is_text=True),
    Kind("backslash", _by_line(lambda number, source, target: f"{source}\\t{target}"), is_text=True),
    Kind("two spaces", _by_line(lambda number, source, target: f"{source}  {target}"), is_text=True),
    Kind("first space", _by_line(lambda number, source, target: f"{source} {target}"), is_text=True),
    Kind("JSON", _by_line(_json), is_text=True),
    Kind("JSON", lambda pairs, chance: (json.dumps(pairs, indent=chance.choice([None, 1])).encode(), []), is_text=True),
    Kind("web page", _as_bytes(lambda content: b"<!DOCTYPE html>\n<html>\n" + content), is_text=True),
    Kind("Git LFS", _as_bytes(lambda content: b"version https://git-lfs.github.com/spec/v1\nsize 5\n"), is_text=True),
    Kind("probabilities", _by_line(lambda n, source, target: f"{source}\t0.{n % 9 + 1}\t{target}"), is_text=True),
    Kind("probabilit", _by_line(lambda n, s, t: f"{s}\t1.0\t0.{n % 9}\t1.5\t0.3\t{t}"), is_text=True),
    Kind("probability", _by_line(lambda n, source, target: f"{source}\t0.{n % 9 + 1} {target}"), is_text=True),
    Kind("holds features", _by_line(_with_features), is_text=True),
    Kind("of sentences", _by_line(lambda n, source, target: f"{7 * n}\t{source}\t{9 * n}\t{target}"), is_text=True),
    Kind("below a header", _index, is_text=True),
    # What may be meant: read, and said.
    Kind("'NOTE'", _by_line(lambda n, source, target: f"{source}\t{target}\tNOTE"), False, True),
    Kind("2 to 4 columns", _by_line(lambda n, s, t: f"{s}\t{t}" + "\tmore\tcolumns" * (n % 3 == 1)), False, True),
    Kind("more than 2 columns", _late_columns, False, True),
    Kind("header", _before("word\tphones", "source\ttarget", "Lemma\tForm"), False, True),
    Kind("header", _before("Mot\tPrononciation", "Wort\tAussprache"), False, True),
    Kind("in quotes", _by_line(lambda n, source, target: f'"{source}"\t"{target}"'), False, True),
    Kind("in quotes", _among('q\t"er sagte ""so"""'), False, True),
    Kind("second pronunciation", lambda pairs, chance: _among(f"{pairs[0][0]}(2)\tK")(pairs, chance), False, True),
    Kind("comment", _among(";;; older\tK"), False, True),
    Kind("U+FFFD", _among("caf\ufffd\tK"), False, True),
    Kind("U+FEFF", _among("\ufeffcafé\tK"), False, True),
    Kind("WINDOWS-1252", _among("cafÃ©\tK"), False, True),
    Kind("target is", _by_line(lambda n, source, target: f"{source}\tK"), False, True),
    Kind("the same on all", _by_line(lambda n, source, target: f"{source}\t{source}"), False, True),
    Kind("counts the lines", _by_line(lambda n, source, target: f"{n}\t{source}\t{target}"), False, True),
    Kind("holds numbers", _by_line(lambda n, source, target: f"{source}\t{n * n % 37}\t{target}"), False, True),
    Kind("different texts", _by_line(lambda n, source, target: f"{source}\t{'NV'[n % 2]}\t{target}"), False, True),
    # What is right: not a word.
    Kind("", _by_line(lambda n, source, target: f"{source}\t{target}"), False, True),
    Kind("", _by_line(lambda n, source, target: f"{source}, so; \"{n}\".\t{target}, '{n}'"), False, True),
    Kind("", _by_line(lambda n, source, target: f"{n}\t{target}"), False, True),
    Kind("", _by_line(lambda n, source, target: f"{source}\t{n / 3:.2f}"), False, True),
    Kind("", _by_line(lambda n, source, target: f"\u3000{source}\xa0\t {target}\t\t "), False, True),
    Kind("", _by_line(lambda n, source, target: f"{source}\t{FEATURES[n % len(FEATURES)]}"), False, True),
    Kind("", _by_line(lambda n, source, target: f"{source}\t{source if n % 2 else target}"), False, True),
    Kind("", lambda pairs, chance: (_table(pairs) + b"\n \n\t\n"[: chance.randint(1, 5)], pairs), False, True),
)


def make_kind(folder: Path, number: int, chance: random.Random) -> tuple[HostileFile, Expected]:
    """Write a file of a kind and say what is right about it."""
    place = folder / f"{number}"
    place.mkdir()
    kind = chance.choice(KINDS)
    # Enough that what can be told only from many lines can be told.
    content, pairs = kind.write(_make_pairs(chance, chance.randint(30, 90)), chance)
    path = str(place / chance.choice(NAMES)) + chance.choice([".tsv", ".txt", ".csv", ""])
    if kind.is_text:
        if chance.random() < 0.2:
            content = content.replace(b"\n", b"\r\n")
        if chance.random() < 0.15:
            content = b"\xef\xbb\xbf" + content
        if chance.random() < 0.2:
            content = content.removesuffix(b"\n")
        if chance.random() < 0.2:
            path, content = f"{path}.gz", gzip.compress(content, 1)
    Path(path).write_bytes(content)
    triples = [(source, target, line, 0) for line, (source, target) in enumerate(pairs, 1)]
    damaged = (path,) if kind.is_refused else ()
    expected = Expected(triples, 0, (), damaged, kind=kind.name, is_quiet=not kind.name)
    return HostileFile("kinds", path, chance.random() < 0.25, place), expected
