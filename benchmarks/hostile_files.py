"""Generated files that hold what nobody expects, and an oracle that knows on its own what is right about them."""

import dataclasses
import gzip
import itertools
import random
import re
import shutil
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

FORMATS = ("table", "table.gz", "aligned", "aligned.gz", "weights", "cmudict")
LONGEST_LINE, MOST_MARKS = 1_048_576, 1000
GOOD = [
    *("a", "b", "é", "e\u0301", "東", "ß", "Σ", "한", "\u1112\u1161\u11ab", "क्षि", "😀", "👩🏽‍🚀", "👨‍👩‍👧‍👦", "🇩🇪"),
    *("שלום", "\u202bعربى\u202c", "\u200f", "a" + "\u0301\u0323" * 15, "\u2028", "\u2029", "\u0085", "\x0b", "\x0c"),
    *("\x1c", "\0", "\r", "\ufeff", "\u200b", "\u00a0", "\u3000", "\ufffd", "\uffff", "\U0010ffff", "ﬁ", "\u0344"),
    *("<s>", "\\u{41}", "▁", "▅", "#", "{", '"', "'", ",", "\x1a", "\x7f", " ", "  "),
]
# Overlong forms, halves of surrogate pairs, beyond U+10FFFF, pieces, other encodings.
BAD = [
    *(b"\xff", b"\xfe\xff", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80"),
    *(b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80"),
    *(b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"\x80", b"\xe9t\xe9", b"\xc3"),
]
# Table 3-7 of the Unicode standard, well-formed UTF-8 byte sequences.
WELL_FORMED = re.compile(
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*"
)
NAMES = ("pairs", "my pairs", "Wörter 東", "a: b", "{x}", "[y]", "it's", "-dash", "semi;colon", "per%cent", "emoji😀")
Triple = tuple[str, str, int, int]


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


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is right about an input."""

    pairs: list[Triple]
    """Source, target, line and corpus of the good ones."""
    bad_pairs: int
    first_bad: tuple[str, ...]
    """`file:line` of the first bad line, or of both that are equally early."""
    damaged: tuple[str, ...] = ()
    """Files that no reading can make sense of."""

    def refusal(self, skip: bool) -> tuple[str, ...] | None:
        """What a refusal has to name one of; None if there should be none."""
        places = self.damaged + (() if skip and self.pairs else self.first_bad)
        return places or None

    def is_enough(self, skip: bool, holds_out: bool, max_length: int) -> bool:
        """Whether there is something to train on, and to hold out."""
        if holds_out:
            # Which of them are held out is not the oracle's matter: all that are short must do for both sides.
            distinct = {unicodedata.normalize("NFC", pair[0]) for pair in self.pairs}
            return len(distinct) > 1 and len(self.short_lines(max_length)) == len(self.pairs)
        return bool(self.short_lines(max_length))

    def short_lines(self, max_length: int) -> list[int]:
        """Lines of the pairs that are no longer than that, sources in characters, targets in words."""
        return sorted(
            line
            for source, target, line, _ in self.pairs
            if len(unicodedata.normalize("NFC", source)) <= max_length
            and len(re.findall("[^ \t\n\r\v\f]+", target)) <= max_length
        )


def make_input(folder: Path, number: int, chance: random.Random) -> tuple[HostileFile, Expected]:
    """Write an input and say what is right about it."""
    kind = FORMATS[number % len(FORMATS)]
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
    parse = _parse_cmudict if kind == "cmudict" else _parse_table
    good, bad = parse(_lines(content))
    first = (f"{path}:{min(bad)}:",) if bad else ()
    return Expected([(*pair, corpus) for pair in good], len(bad), first)


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
    sides = [_lines(content or b"") for content in contents]
    good: list[Triple] = []
    bad: list[int] = []
    first: tuple[str, ...] = ()
    for number, (source, target) in enumerate(itertools.zip_longest(*sides), 1):
        if source and target and source.strip() and target.strip():
            good.append((source.strip(), target.strip(), number, 0))
        else:
            wrong = [not (side and side.strip()) for side in (source, target)]
            first = first or tuple(f"{path}:{number}:" for path, is_wrong in zip(paths, wrong, strict=True) if is_wrong)
            bad.append(number)
    uneven = tuple(paths) if len(sides[0]) != len(sides[1]) else ()
    return paths, Expected(good, len(bad), first, uneven)


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
    return _unpacked(packed)


def _unpacked(packed: bytes) -> bytes | None:
    content = b""
    while packed.strip(b"\0"):
        unpack = zlib.decompressobj(31)
        try:
            content += unpack.decompress(packed)
        except zlib.error:
            return None
        if not unpack.eof:
            return None
        packed = unpack.unused_data
    return content


def _lines(content: bytes) -> list[str | None]:
    """Lines as `grep -n` counts them; None for those that are no text."""
    raws = content.split(b"\n")
    if raws[-1] == b"":
        raws.pop()
    return [_text_of(raw, number == 0) for number, raw in enumerate(raws)]


def _text_of(raw: bytes, is_first: bool) -> str | None:
    if len(raw) > LONGEST_LINE or not WELL_FORMED.fullmatch(raw):
        return None
    text = raw.decode()
    if is_first and text[:1] == "\ufeff":
        text = text[1:]
    if text[-1:] == "\r":
        text = text[:-1]
    runs = (
        len(list(group)) for marks, group in itertools.groupby(text, lambda c: unicodedata.combining(c) > 0) if marks
    )
    return None if max(runs, default=0) > MOST_MARKS else text


def _parse_table(lines: Sequence[str | None]) -> tuple[list[tuple[str, str, int]], list[int]]:
    good, bad = [], []
    for number, line in enumerate(lines, 1):
        columns = [column.strip() for column in (line or "").split("\t")]
        if len(columns) > 1 and columns[0] and columns[1]:
            good.append((columns[0], columns[1], number))
        else:
            bad.append(number)
    return good, bad


def _parse_cmudict(lines: Sequence[str | None]) -> tuple[list[tuple[str, str, int]], list[int]]:
    good: list[tuple[str, str, int]] = []
    bad: list[int] = []
    seen: tuple[str, set[str]] = ("", set())
    for number, line in enumerate(lines, 1):
        if line is not None and (line[:3] == ";;;" or not line.split("#")[0].strip()):
            continue
        marked, *rest = (line or "").split("#")[0].strip().split(" ", 1)
        sounds = " ".join(map(_unstressed, rest[0].split())) if rest else ""
        word = re.sub(r"\([0-9]+\)\Z", "", marked).strip()
        if not sounds or not word:
            bad.append(number)
            continue
        if word != seen[0]:
            seen = (word, set())
        if sounds not in seen[1]:
            seen[1].add(sounds)
            good.append((word, sounds, number))
    return good, bad


def _unstressed(sound: str) -> str:
    return sound[:-1] if len(sound) > 1 and sound[-1] in "012" and "A" <= sound[-2] <= "Z" else sound
