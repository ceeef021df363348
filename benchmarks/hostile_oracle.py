"""An oracle that knows on its own what is right about generated files, see `benchmarks.hostile_data`."""

import dataclasses
import itertools
import re
import unicodedata
import zlib
from collections.abc import Sequence

LONGEST_LINE, MOST_MARKS = 1_048_576, 1000
LONE_RETURNS = 0.1
"""With more of its lines holding one, a file is taken for one whose lines end so."""
# Unicode's property White_Space (PropList.txt).
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
# Table 3-7 of the Unicode standard, well-formed UTF-8 byte sequences.
WELL_FORMED = re.compile(
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*"
)
Triple = tuple[str, str, int, int]


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
    doubtful: bool = False
    """Whether it may be refused as a whole as well, as another kind of file."""
    kind: str = ""
    """What a refusal or a warning has to say, if anything has to."""
    is_quiet: bool = False
    """Whether nothing may be said."""

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
            and len(re.findall(f"[^{WHITE}]+", target)) <= max_length
        )


def unpacked(packed: bytes) -> bytes | None:
    """What a gzip file holds; None of a damaged one."""
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


def lines_of(content: bytes) -> list[str | None]:
    """Lines as `grep -n` counts them; None for those that are no text."""
    return [_text_of(raw, number == 0) for number, raw in enumerate(_cut(content))]


def _cut(content: bytes) -> list[bytes]:
    raws = content.split(b"\n")
    return raws[:-1] if raws[-1] == b"" else raws


def _text_of(raw: bytes, is_first: bool) -> str | None:
    if len(raw) > LONGEST_LINE or not WELL_FORMED.fullmatch(raw):
        return None
    text = raw.decode()
    if is_first and text[:1] == "\ufeff":
        text = text[1:]
    if text[-1:] == "\r":
        text = text[:-1]
    if "\0" in text or "\r" in text.strip(WHITE):
        return None
    runs = (
        len(list(group)) for marks, group in itertools.groupby(text, lambda c: unicodedata.combining(c) > 0) if marks
    )
    return None if max(runs, default=0) > MOST_MARKS else text


def parse_table(lines: Sequence[str | None]) -> tuple[list[tuple[str, str, int]], list[int]]:
    """Pairs with their lines, and the lines that are none."""
    good, bad = [], []
    for number, line in enumerate(without_blank_end(lines), 1):
        columns = [column.strip(WHITE) for column in (line or "").split("\t")]
        if len(columns) > 1 and columns[0] and columns[1]:
            good.append((columns[0], columns[1], number))
        else:
            bad.append(number)
    return good, bad


def parse_cmudict(lines: Sequence[str | None]) -> tuple[list[tuple[str, str, int]], list[int]]:
    """The same of a dictionary."""
    good: list[tuple[str, str, int]] = []
    bad: list[int] = []
    seen: tuple[str, set[str]] = ("", set())
    for number, line in enumerate(lines, 1):
        if line is not None and (line[:3] == ";;;" or not line.split("#")[0].strip(WHITE)):
            continue
        marked, *rest = (line or "").split("#")[0].strip(WHITE).split(" ", 1)
        sounds = " ".join(map(_unstressed, re.findall(f"[^{WHITE}]+", rest[0]))) if rest else ""
        word = re.sub(r"\([0-9]+\)\Z", "", marked).strip(WHITE)
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


def without_blank_end(lines: Sequence[str | None]) -> Sequence[str | None]:
    """Blank lines at the end of a file are no lines, unless it has no others."""
    end = len(lines)
    while end and lines[end - 1] is not None and not str(lines[end - 1]).strip(WHITE):
        end -= 1
    return lines[:end] if end else lines


def has_lone_returns(contents: Sequence[bytes]) -> bool:
    """Whether so many lines hold a carriage return that this is how the files' lines end."""
    # A byte order mark is no character that a return could stand behind.
    raws = [raw for content in contents for raw in _cut(content.removeprefix(b"\xef\xbb\xbf"))]
    holding = sum(_decodes(raw) and "\r" in raw.decode().strip(WHITE) for raw in raws)
    return holding > LONE_RETURNS * max(len(_cut(content)) for content in contents)


def is_no_text(content: bytes) -> bool:
    """Whether so much is no text that this may be another kind of file."""
    head = content[:4096]
    controls = sum(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head)
    return not (_decodes(head) or _decodes(head[:-4])) and (b"\0" in head or controls > 0.05 * len(head))


def is_no_table(content: bytes) -> bool:
    """Whether so many lines have no TAB that something else may part them."""
    lines = [line for line in lines_of(content) if line is not None and line.strip(WHITE)]
    return sum("\t" not in line for line in lines) >= 0.89 * len(lines)


def _decodes(raw: bytes) -> bool:
    return WELL_FORMED.fullmatch(raw) is not None
