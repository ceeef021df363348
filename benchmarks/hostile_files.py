"""Generated files that hold what nobody expects, see `benchmarks.hostile_data`."""

import dataclasses
import gzip
import itertools
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.hostile_oracle import (
    LONGEST_LINE,
    WHITE,
    Expected,
    Triple,
    has_lone_returns,
    is_no_table,
    is_no_text,
    lines_of,
    parse_cmudict,
    parse_table,
    unpacked,
)

FORMATS = ("table", "table.gz", "aligned", "aligned.gz", "weights", "cmudict")
GOOD = [
    *("a", "b", "é", "e\u0301", "東", "ß", "Σ", "한", "\u1112\u1161\u11ab", "क्षि", "😀", "👩🏽‍🚀", "👨‍👩‍👧‍👦", "🇩🇪"),
    *("שלום", "\u202bعربى\u202c", "\u200f", "a" + "\u0301\u0323" * 15, "\u2028", "\u2029", "\u0085", "\x0b", "\x0c"),
    *("\x1c", "\ufeff", "\u200b", "\u00a0", "\u3000", "\ufffd", "\uffff", "\U0010ffff", "ﬁ", "\u0344"),
    *("<s>", "\\u{41}", "▁", "▅", "#", "{", '"', "'", ",", "\x1a", "\x7f", " ", "  "),
]
# Overlong forms, halves of surrogate pairs, beyond U+10FFFF, pieces, other encodings; what ends lines elsewhere.
BAD = [
    *(b"\xff", b"\xfe\xff", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80"),
    *(b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80"),
    *(
        b"\xf5\x80\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\x80",
        b"\xe9t\xe9",
        b"\xc3",
        b"\0",
        b"\r",
    ),
]
NAMES = ("pairs", "my pairs", "Wörter 東", "a: b", "{x}", "[y]", "it's", "-dash", "semi;colon", "per%cent", "emoji😀")


@dataclasses.dataclass(frozen=True)
class HostileFile:
    """An input: what `data.train` is given."""

    format: str
    location: str | list[str] | dict[str, float]
    holds_out: bool
    folder: Path

    def remove(self) -> None:
        """Take its files away."""
        shutil.rmtree(self.folder)


def make_input(folder: Path, number: int, chance: random.Random) -> tuple[HostileFile, Expected]:
    """Write an input and say what is right about it."""
    kind = chance.choice(FORMATS)
    place = folder / f"{number}"
    place.mkdir()
    stem = str(place / chance.choice(NAMES))
    holds_out = chance.random() < 0.25
    location: str | list[str] | dict[str, float]
    if kind.startswith("aligned"):
        location, expected = _make_aligned(stem, ".gz" * kind.endswith("gz"), chance)
    elif kind == "weights":
        location, expected = _make_weights(stem, chance)
    else:
        end = {"table": ".tsv", "table.gz": ".tsv.gz", "cmudict": ".dict"}[kind]
        location, expected = stem + end, _make_file(stem + end, kind, chance)
    return HostileFile(kind, location, holds_out, place), expected


def _make_file(path: str, kind: str, chance: random.Random, corpus: int = 0) -> Expected:
    make_line = _cmudict_line if kind == "cmudict" else _table_line
    content = _write(path, _content(make_line, _length(chance), chance), chance)
    if content is None or not content:
        return Expected([], 0, (), (path,))
    parse = parse_cmudict if kind == "cmudict" else parse_table
    good, bad = parse(lines_of(content))
    first = (f"{path}:{min(bad)}:",) if bad else ()
    pairs = [(*pair, corpus) for pair in good]
    if kind == "cmudict":  # not looked at
        return Expected(pairs, len(bad), first, doubtful=is_no_text(content))
    damaged = (path,) if has_lone_returns([content]) else ()
    return Expected(pairs, len(bad), first, damaged, is_no_text(content) or is_no_table(content))


def _make_weights(stem: str, chance: random.Random) -> tuple[dict[str, float], Expected]:
    paths = [f"{stem}.1.tsv", f"{stem}.2.tsv"]
    # The one with the higher weight comes first.
    parts = [_make_file(path, "table", chance, corpus) for corpus, path in enumerate(paths)]
    nothing = tuple(place for part in parts if not part.pairs for place in part.first_bad)
    return {paths[1]: 0.5, paths[0]: 2.0}, Expected(
        parts[0].pairs + parts[1].pairs,
        parts[0].bad_pairs + parts[1].bad_pairs,
        parts[0].first_bad + parts[1].first_bad,
        parts[0].damaged + parts[1].damaged + nothing,
        parts[0].doubtful or parts[1].doubtful,
    )


def _make_aligned(stem: str, end: str, chance: random.Random) -> tuple[list[str], Expected]:
    paths = [f"{stem}.en{end}", f"{stem}.de{end}"]
    count = _length(chance)
    lengths = [count, max(0, count + chance.choice([-1, 1, 5]))] if chance.random() < 0.1 else [count, count]
    contents = [
        _write(path, _content(_text_line, length, chance), chance) for path, length in zip(paths, lengths, strict=True)
    ]
    if not all(contents):
        return paths, Expected([], 0, (), tuple(paths))
    sides = [lines_of(content or b"") for content in contents]
    good: list[Triple] = []
    bad: list[int] = []
    first: tuple[str, ...] = ()
    longer, common = max(sides, key=len), min(map(len, sides))
    uneven = tuple(paths) if any(line is None or line.strip(WHITE) for line in longer[common:]) else ()
    lines = list(itertools.zip_longest(*sides, fillvalue=""))
    while len(lines) > 1 and all(side is not None and not side.strip(WHITE) for side in lines[-1]):
        lines.pop()
    for number, (source, target) in enumerate(lines, 1):
        if source and target and source.strip(WHITE) and target.strip(WHITE):
            good.append((source.strip(WHITE), target.strip(WHITE), number, 0))
        else:
            wrong = [not (side and side.strip(WHITE)) for side in (source, target)]
            first = first or tuple(f"{path}:{number}:" for path, is_wrong in zip(paths, wrong, strict=True) if is_wrong)
            bad.append(number)
    damaged = uneven or (tuple(paths) if has_lone_returns([content or b"" for content in contents]) else ())
    doubtful = any(is_no_text(content or b"") for content in contents)
    return paths, Expected(good, len(bad), first, damaged, doubtful)


def _length(chance: random.Random) -> int:
    return chance.choice([0, 1, 2, 3, 5, 8, 8, 13, 21])


def _content(make_line: Callable[[random.Random, bool], bytes], count: int, chance: random.Random) -> bytes:
    badness = chance.choice([0, 0, 0, 0.1, 0.4, 1])
    lines = [make_line(chance, chance.random() < badness) for _ in range(count)]
    ends = [chance.choice([b"\n", b"\n", b"\n", b"\r\n"]) for _ in lines]
    if lines and chance.random() < 0.4:
        ends[-1] = b""
    start = b"\xef\xbb\xbf" if chance.random() < 0.15 else b""
    return start + b"".join(line + end for line, end in zip(lines, ends, strict=True))


def _piece(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice("abcdefgh")
    if chance.random() < 0.02:
        # Just below and above what the longest may be, of characters and of marks.
        return chance.choice(["x" * 50_000, "e" + "\u0301" * 1000, "\u0323" * 1000 + "y", "z " * 3000])
    return chance.choice(GOOD)


def _text(chance: random.Random) -> bytes:
    text = "k" + "".join(_piece(chance) for _ in range(chance.choice([0, 1, 2, 4, 7, 12])))
    return text.encode()


def _spoiled(line: bytes, chance: random.Random) -> bytes:
    """With bytes that are no UTF-8 somewhere, or far too much of something."""
    if chance.random() < 0.004:
        return line + b"x" * chance.choice([LONGEST_LINE, 3 * LONGEST_LINE, 10_000_000])
    if chance.random() < 0.02:
        return line + ("e" + "\u0301" * chance.choice([1001, 5000, 30_000])).encode()
    place = chance.randint(0, len(line))
    return line[:place] + (chance.choice(BAD) if chance.random() < 0.8 else chance.randbytes(1)) + line[place:]


def _text_line(chance: random.Random, bad: bool) -> bytes:
    if not bad:
        return _text(chance)
    return chance.choice([b"", b" ", "\u3000\u2028".encode(), b"\r", _spoiled(_text(chance), chance)])


def _table_line(chance: random.Random, bad: bool) -> bytes:
    source, target = _text(chance), _text(chance)
    if not bad:
        more = chance.choice([b"", b"", b"", b"\t", b"\tmore\tcolumns", b"\t\t\t"])
        return chance.choice([b"", b"", b" "]) + source + b"\t" + target + more
    odd = [source, b"", b" ", b"\t", b"\t\t\t", b"\t" + target, source + b"\t", source + b"\t \t" + target]
    return _spoiled(source + b"\t" + target, chance) if chance.random() < 0.6 else chance.choice(odd)


def _cmudict_line(chance: random.Random, bad: bool) -> bytes:
    word = chance.choice([b"cat", b"cat(2)", b"dog", b"dog(3)", "é".encode(), _text(chance).replace(b" ", b"")])
    phonemes = b" ".join(
        chance.choice([b"K", b"AH0", b"AE1", b"T", b"AH00", b"2"]) for _ in range(chance.randint(1, 5))
    )
    if not bad:
        more = chance.choice([b"", b"", b" # comment", b"  "])
        return chance.choice([word + b" " + phonemes + more, b";;; older comment", b"# comment", b""])
    return chance.choice([word, word + b" # none", b"(2) K", _spoiled(word + b" " + phonemes, chance)])


def _write(path: str, content: bytes, chance: random.Random) -> bytes | None:
    """Write, compressed and perhaps damaged for .gz; what can be read again, None if that is not all."""
    if not path.endswith(".gz"):
        Path(path).write_bytes(content)
        return content
    packed = gzip.compress(content, 1)
    if chance.random() < 0.2:
        place = chance.randint(10, len(packed) - 1)
        flipped = packed[:place] + bytes([packed[place] ^ (1 << chance.randrange(8))]) + packed[place + 1 :]
        packed = chance.choice([packed[: place - 10], flipped, packed + b"behind it", packed + packed, content])
    Path(path).write_bytes(packed)
    return unpacked(packed)
