import gzip
import io
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError, UsageError
from pipeline.files import lines as text_file
from pipeline.files.bad_lines import Fault
from pipeline.files.first_bytes import foreign_kind
from pipeline.files.lines import LONGEST_LINE, MOST_MARKS, is_overlong, iter_bounded, read_lines, scan_lines

# Overlong forms, halves of surrogate pairs (alone, and a pair of them), beyond U+10FFFF, pieces, no bytes of UTF-8.
NO_UTF8 = [
    *(b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf"),
    *(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80"),
    *(b"\xf8\x88\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"\x80", b"\xbf", b"\xff", b"\xfe"),
]
# What other programs take for line ends, and what has no place of its own.
NO_LINE_ENDS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u0085", "\u2028", "\u2029", "\x1a", "\ufeff"]
PIECES = st.sampled_from([*"ab\t ", "é", "e\u0301", "👩🏽‍🚀", "ש\u200f", *NO_LINE_ENDS])
TEXT = st.lists(PIECES, max_size=8).map("".join)
AGAIN = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the file is written anew each time


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def split_by_hand(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


@AGAIN
@given(lines=st.lists(TEXT, min_size=1, max_size=6), is_closed=st.booleans(), name=st.sampled_from(["a", "a.gz"]))
def test_lines_are_those_of_wc(tmp_path: Path, lines: list[str], is_closed: bool, name: str):
    content = "\n".join(lines).encode() + b"\n" * is_closed
    if not content:
        return
    found = list(read_lines(write(tmp_path / name, content)))
    assert len(found) == content.count(b"\n") + (not content.endswith(b"\n"))
    expected = [line.decode().removesuffix("\r") for line in split_by_hand(content)]
    expected[0] = expected[0].removeprefix("\ufeff")
    assert found == expected


def test_line_numbers_are_those_of_grep(tmp_path: Path):
    lines = [f"{odd}a{odd}" for odd in NO_LINE_ENDS for _ in range(2)]
    path = write(tmp_path / "a", "\n".join([*lines, "wanted"]).encode())
    grep = subprocess.run(["grep", "-a", "-n", "wanted", path], capture_output=True, text=True, check=True)
    assert int(grep.stdout.split(":")[0]) == list(read_lines(path)).index("wanted") + 1 == len(lines) + 1


@AGAIN
@given(before=TEXT, bad=st.sampled_from(NO_UTF8), after=TEXT, first=st.integers(1, 4))
def test_invalid_utf8_at_any_byte(tmp_path: Path, before: str, bad: bytes, after: str, first: int):
    line = before.encode() + bad + b"." + after.encode()
    path = write(tmp_path / "a", b"good\n" * (first - 1) + line + b"\nend\n")
    byte = len(before.encode()) + 1
    with pytest.raises(DataError) as caught:
        list(read_lines(path))
    message = f"{path}:{first}: byte {byte} of the line (0x{bad[0]:02x}) is not UTF-8; "
    assert str(caught.value).startswith(message)
    *good, fault, end = scan_lines(path)
    assert (good, end) == (["good"] * (first - 1), "end")
    assert isinstance(fault, Fault)
    assert fault.line == first


def test_the_byte_counts_the_byte_order_mark(tmp_path: Path):
    with pytest.raises(DataError, match=r"a:1: byte 5 of the line \(0xff\)"):
        list(read_lines(write(tmp_path / "a", b"\xef\xbb\xbfa\xff\n")))


@AGAIN
@given(content=st.binary(min_size=1, max_size=60), name=st.sampled_from(["a", "a.gz"]))
def test_any_bytes(tmp_path: Path, content: bytes, name: str):
    path = write(tmp_path / name, content)
    if foreign_kind(content, path):
        with pytest.raises(DataError, match="not UTF-8 text; "):
            list(scan_lines(path))
        return
    found = list(scan_lines(path))
    assert len(found) == len(split_by_hand(content))
    for number, (line, raw) in enumerate(zip(found, split_by_hand(content), strict=True), 1):
        if isinstance(line, Fault):
            assert line.line == number
            if "not UTF-8" in line.wrong:
                with pytest.raises(UnicodeDecodeError):
                    raw.decode()
            else:
                assert b"\0" in raw or b"\r" in raw.strip(b" \n")
        else:
            assert line in raw.decode()


@AGAIN
@given(content=st.binary(max_size=40), where=st.integers(0, 400), by=st.integers(1, 255), how=st.sampled_from("cfba"))
def test_damaged_gzip_is_refused_or_harmless(tmp_path: Path, content: bytes, where: int, by: int, how: str):
    packed = gzip.compress(content, mtime=0)
    place = where % len(packed)
    changed = {
        "c": packed[:place],
        "f": packed[:place] + bytes([packed[place] ^ by]) + packed[place + 1 :],
        "b": packed + b"behind it",
        "a": content,
    }[how]
    path = tmp_path / "a.gz"
    path.write_bytes(changed)
    try:
        found = list(scan_lines(path))
    except DataError as refusal:
        message = str(refusal)
        if "not UTF-8 text" in message:
            assert foreign_kind(content, path)
            return
    else:
        # Time, system and name in the header may be anything.
        assert how in "fa"
        assert len(found) == len(split_by_hand(content))
        return
    assert message.startswith(f"{path}:")


def test_lines_that_are_too_long(tmp_path: Path):
    for length in (LONGEST_LINE + 1, 2 * LONGEST_LINE + 1, 2 * LONGEST_LINE + 2, 10_000_000):
        path = write(tmp_path / "a", b"a\n" + b"x" * length + b"\nb\n" + b"x" * length)
        first, fault, second, last = scan_lines(path)
        assert (first, second) == ("a", "b")
        assert isinstance(fault, Fault)
        assert isinstance(last, Fault)
        assert (fault.line, last.line) == (2, 4)
        assert fault.wrong == "the line has more than 1048576 bytes"


def test_of_a_line_that_is_too_long_little_is_kept():
    lines = list(iter_bounded(io.BytesIO(b"x" * 10_000_000 + b"\nb")))
    assert [len(line) for line in lines] == [LONGEST_LINE + 1, 1]
    assert [is_overlong(line) for line in lines] == [True, False]


def test_heaps_of_combining_marks_take_no_time(tmp_path: Path):
    """They would take ICU time by the square of their number: two minutes for a line of a mebibyte."""
    most = "e" + "\u0301" * MOST_MARKS
    path = write(tmp_path / "a", f"{most}\n{most}\u0323\n{most * 400}\n".encode())
    began = time.monotonic()
    first, fault, many = scan_lines(path)
    assert time.monotonic() - began < 2
    assert (first, many) == (most, most * 400)
    assert isinstance(fault, Fault)
    assert fault.wrong == "more than 1000 combining marks in a row"


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("aé\u0301\u0323"), max_size=30))
def test_heaps_by_brute_force(text: str):
    before, text_file.MOST_MARKS = text_file.MOST_MARKS, 3
    try:
        runs = text.replace("\u0323", "\u0301").replace("é", "a").split("a")
        assert text_file.has_heaped_marks(text) == (max(map(len, runs)) > 3)
    finally:
        text_file.MOST_MARKS = before


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_names_that_no_file_can_have(name: str):
    with pytest.raises(DataError, match="no file can have this name"):
        list(read_lines(name))


@pytest.mark.parametrize("name", ["with space", "Wörter 東😀", "a: b", "{x}", "'", "-", "a\nb", "b\udce9"])
def test_odd_names(tmp_path: Path, name: str):
    assert list(read_lines(write(tmp_path / name, b"good\n"))) == ["good"]


@pytest.mark.parametrize(
    ("content", "line", "command"),
    [
        (b"a\tA\rb\tB\rc\tC\r", 1, r"tr '\r' '\n' < {path} > NEW"),
        (b"a\tA\nb\tB\rc\tC\n", 2, r"tr '\r' '\n' < {path} > NEW"),
        (b"a\tA\r\nb\tB\rc\tC\r\n", 2, r"perl -pe 's/\r\n?/\n/g' {path} > NEW"),
        (b"a\r\tA\n", 1, "tr "),
        (b"x\r" * 600_000, 1, "tr "),
    ],
)
def test_a_lone_carriage_return_within_a_line(tmp_path: Path, content: bytes, line: int, command: str):
    path = write(tmp_path / "a", content)
    with pytest.raises(DataError) as caught:
        list(read_lines(path))
    assert str(caught.value).startswith(f"{path}:{line}: a lone carriage return within the line")
    assert command.format(path=path) in str(caught.value)


def test_carriage_returns_at_the_ends_are_white_space(tmp_path: Path):
    assert list(read_lines(write(tmp_path / "a", b"a\r\r\n\rb \r\r\n\r\n"))) == ["a\r", "\rb \r", ""]


def test_a_nul_is_no_text(tmp_path: Path):
    first, fault, last = scan_lines(write(tmp_path / "a", b"a\nb\0c\nd\n"))
    assert (first, last) == ("a", "d")
    assert isinstance(fault, Fault)
    assert fault.wrong == "character 2 of the line is a NUL, which no text has"
    assert fault.remedy.endswith(rf"tr -d '\0' < {tmp_path}/a > NEW")


@pytest.mark.parametrize(("word", "encoding"), [("café", "WINDOWS-1252"), ("кот", "ENCODING")])
def test_which_encoding_it_may_be(tmp_path: Path, word: str, encoding: str):
    path = write(tmp_path / "a", word.encode("cp1251" if encoding == "ENCODING" else "cp1252") + b"\n")
    with pytest.raises(DataError, match=f"convert the file: iconv -f {encoding} -t UTF-8 {path} > NEW$"):
        list(read_lines(path))


def test_an_address_that_nothing_reads_is_named():
    with pytest.raises(UsageError, match=r"^ftp://b/x\.tsv: no store of kind ftp:// is known"):
        next(read_lines("ftp://b/x.tsv"))
