import gzip
import itertools
import os
import random
import re
import zlib
from pathlib import Path

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.files import lines as text_file
from pipeline.pairs.locations import describe_line, list_corpora, source_files
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import look_at, read_pairs
from pipeline.pairs.splits import open_splits
from pipeline.settings.data import DataConfiguration


def write(path: Path, content: str | bytes) -> str:
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


# Reading


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a,b.tsv"])
def test_table(tmp_path: Path, name: str):
    path = write(tmp_path / name, "cat\tK AE T\tignored\tcolumns\n dog \tD AO G ")
    assert list(read_pairs(path, "train")) == [Pair("cat", "K AE T", 1), Pair("dog", "D AO G", 2)]


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_byte_order_mark_and_crlf(tmp_path: Path, name: str):
    path = write(tmp_path / name, b"\xef\xbb\xbfcat\tK\r\n\xef\xbb\xbfdog\tD\r\n")
    # Only the mark at the start is one; elsewhere it is a character.
    assert list(read_pairs(path, "train")) == [Pair("cat", "K", 1), Pair("\ufeffdog", "D", 2)]


def test_only_newline_ends_a_line(tmp_path: Path):
    strange = "a\u2028b\u0085c\x0bd\x0ce\x1cf"
    path = write(tmp_path / "a.tsv", f"{strange}\tT\nnext\tN\n")
    assert list(read_pairs(path, "train")) == [Pair(strange, "T", 1), Pair("next", "N", 2)]


@pytest.mark.parametrize("form", ["list", "comma", "comma and space"])
def test_aligned(tmp_path: Path, form: str):
    paths = [write(tmp_path / "a.en.gz", "cat\ndog\n"), write(tmp_path / "a.fr", "chat\nchien\tloup")]
    location = {"list": paths, "comma": ",".join(paths), "comma and space": ", ".join(paths)}[form]
    assert list(read_pairs(location, "train")) == [Pair("cat", "chat", 1), Pair("dog", "chien\tloup", 2)]


@pytest.mark.parametrize(("sources", "targets"), [(5, 3), (3, 5), (1, 2)])
def test_aligned_of_different_length(tmp_path: Path, sources: int, targets: int):
    paths = [write(tmp_path / "a.en", "cat\n" * sources), write(tmp_path / "a.fr", "chat\n" * targets)]
    pairs = read_pairs(paths, "train")
    assert len(list(itertools.islice(pairs, min(sources, targets)))) == min(sources, targets)
    with pytest.raises(DataError, match=rf"a\.en has {sources} lines?, .*a\.fr has {targets} lines?; line-aligned"):
        next(pairs)


def test_reading_is_streamed(tmp_path: Path):
    path = write(tmp_path / "a.tsv", "good\tG\nbad\n")
    pairs = read_pairs(path, "train")
    assert next(pairs) == Pair("good", "G", 1)
    with pytest.raises(DataError, match=r"a\.tsv:2"):
        next(pairs)


# Bad files


@pytest.mark.parametrize("name", ["bad.tsv", "bad.tsv.gz"])
@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a\tb\nno tab\nc\td\n", 2, "no TAB; every line must be source TAB target"),
        ("a\tb\n\nc\td\n", 2, "blank line; "),
        ("a\tb\n \r\nc\td\n", 2, "blank line; "),
        ("a\tb\nc\td\n\n\n \ne\tf", 3, "blank line; "),
        ("\n\n", 1, "blank line; "),
        ("a\tb\nc\td\n\te\n", 3, "empty source; "),
        ("a\t\u3000\n", 1, "empty target; "),
        ("\ufeff\ta\n", 1, "empty source; "),
        (b"a\tb\nc\td\xe9\n", 2, "byte 4 of the line (0xe9) is not UTF-8; convert the file"),
        ("a\tb\n;;; older\n", 2, "no TAB, a comment perhaps; "),
        (b"a\t\xed\xa0\x80\n", 1, "byte 3 of the line (0xed) is not UTF-8"),
    ],
)
def test_bad_line(tmp_path: Path, name: str, content: str | bytes, line: int, message: str):
    path = write(tmp_path / name, content)
    with pytest.raises(DataError, match="^" + re.escape(f"{path}:{line}: {message}")):
        list(read_pairs(path, "train"))


@pytest.mark.parametrize(("side", "wrong"), [(0, "source"), (1, "target")])
def test_bad_aligned_line_names_its_file(tmp_path: Path, side: int, wrong: str):
    contents = ["cat\ndog\n", "chat\nchien\n"]
    contents[side] = "good\n\n"
    paths = [write(tmp_path / f"a.{index}", content) for index, content in enumerate(contents)]
    with pytest.raises(DataError, match="^" + re.escape(f"{paths[side]}:2: empty {wrong}; ")):
        list(read_pairs(paths, "train"))


@pytest.mark.parametrize("name", ["empty.tsv", "empty.tsv.gz"])
def test_empty_file(tmp_path: Path, name: str):
    with pytest.raises(DataError, match=r"empty\.tsv.*: the file is empty; "):
        list(read_pairs(write(tmp_path / name, b""), "train"))


def test_gz_name_of_zero_bytes(tmp_path: Path):
    (tmp_path / "zero.gz").touch()
    with pytest.raises(DataError, match=r"zero\.gz: the file is empty; "):
        list(read_pairs(str(tmp_path / "zero.gz"), "train"))


def test_missing_file(tmp_path: Path):
    path = str(tmp_path / "none.tsv")
    with pytest.raises(DataError, match="^" + re.escape(f"{path}: no such file; check the path")):
        list(read_pairs(path, "train"))
    present = write(tmp_path / "a", "a\n")
    for location in ([present, path], f"{present},{path}"):
        with pytest.raises(DataError, match="^" + re.escape(f"{path}: no such file")):
            list(read_pairs(location, "train"))


def test_misspelt_corpus_name_lists_the_names():
    with pytest.raises(DataError, match=r"^cmudcit: no such file, and no built-in corpus of that name \(cmudict\)"):
        list(read_pairs("cmudcit", "train"))


def test_directory(tmp_path: Path):
    with pytest.raises(DataError, match="is a directory; "):
        list(read_pairs(str(tmp_path), "train"))


def test_path_through_a_file(tmp_path: Path):
    path = write(tmp_path / "a.tsv", "a\tb\n") + "/b.tsv"
    with pytest.raises(DataError, match=re.escape(f"{path}: cannot be read (Not a directory); ")):
        list(read_pairs(path, "train"))


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "a.tsv", "a\tb\n")
    if os.geteuid() == 0:
        # Root may read everything, so the refusal has to be played.
        def refuse(path: str, mode: str) -> None:
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr(text_file, "open", refuse, raising=False)
    Path(path).chmod(0)
    with pytest.raises(DataError, match=r"a\.tsv: permission denied; "):
        list(read_pairs(path, "train"))


def test_truncated_gz_names_the_line(tmp_path: Path):
    generator = random.Random(0)
    content = "".join(f"{generator.getrandbits(64):x}\t{number}\n" for number in range(5000)).encode()
    truncated = gzip.compress(content)[:-20000]
    whole_lines = zlib.decompressobj(wbits=31).decompress(truncated).count(b"\n")
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(truncated)
    pairs = read_pairs(str(path), "train")
    assert len(list(itertools.islice(pairs, 100))) == 100
    with pytest.raises(DataError, match=r"a\.tsv\.gz:(\d+): truncated or corrupt gzip data") as caught:
        list(pairs)
    assert int(str(caught.value).split(":")[1]) == whole_lines + 1


def test_corrupt_gz(tmp_path: Path):
    content = bytearray(gzip.compress(b"a\tb\n" * 100))
    content[-6] ^= 0xFF
    (tmp_path / "sum.gz").write_bytes(content)
    (tmp_path / "plain.gz").write_text("a\tb\n")
    (tmp_path / "stream.gz").write_bytes(gzip.compress(b"a\tb\n")[:10] + b"\xff" * 50)
    for name in ("sum.gz", "plain.gz", "stream.gz"):
        with pytest.raises(DataError, match=rf"{name}:\d+: truncated or corrupt gzip data"):
            list(read_pairs(str(tmp_path / name), "train"))


def test_gzip_without_the_ending_hints_at_it(tmp_path: Path):
    (tmp_path / "a.tsv").write_bytes(gzip.compress(b"a\tb\n"))
    with pytest.raises(DataError, match=r"a\.tsv: is gzip data whose name does not end in \.gz, .*mv .*a\.tsv\.gz$"):
        list(read_pairs(str(tmp_path / "a.tsv"), "train"))


def test_overlong_line(tmp_path: Path):
    longest = "a\t" + "b" * (text_file.LONGEST_LINE - 2)
    path = write(tmp_path / "a.tsv", f"{longest}\n{longest}b\n")
    pairs = read_pairs(path, "train")
    assert len(next(pairs).target) == text_file.LONGEST_LINE - 2
    with pytest.raises(DataError, match=r"a\.tsv:2: the line has more than 1048576 bytes"):
        next(pairs)


def test_list_of_wrong_length_is_a_usage_error():
    for location in ([], ["a"], ["a", "b", "c"]):
        with pytest.raises(UsageError, match="two line-aligned files"):
            read_pairs(location, "train")


# A look at the start


def test_what_is_taken_and_left_is_said_once_for_every_file(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    train = write(tmp_path / "train.tsv", "".join(f"w{n}\tK {n}\tN\n" for n in range(30)))
    dev = write(tmp_path / "dev.tsv", "w\tK\nv\tV\n")
    with caplog.at_level("INFO", "pipeline.pairs.reading"):
        open_splits(DataConfiguration(train=train, dev=dev, test=train), seed=1)
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        (
            "WARNING",
            f"{train}: 3 columns; source is column 1 ('w0'), target column 2 ('K 0'); column 3 ('N') is left out",
        ),
        ("INFO", f"{dev}: source is column 1 ('w'), target column 2 ('K')"),
    ]
    caplog.clear()
    open_splits(DataConfiguration(train=train, dev=dev), seed=1, looks=False)
    assert caplog.messages == []


@pytest.mark.parametrize("skips", [False, True])
def test_whole_files_are_refused_in_any_case(tmp_path: Path, skips: bool):
    good = write(tmp_path / "good.tsv", "a\tA\nb\tB\n")
    contents = {
        "seem to be separated by commas": "a,A\nb,B\n",
        "a lone carriage return within the line": "a\tA\rb\tB\nc\tC\rd\tD\n",
        "is UTF-16 text": "a\tA\nb\tB\n".encode("utf-16"),
        "features": "a\tV;PST\taed\nb\tN;PL\tbs\n",
    }
    for message, content in contents.items():
        bad = write(tmp_path / "bad.tsv", content)
        for locations in ({"train": bad}, {"train": good, "dev": bad}, {"train": {good: 1, bad: 2}}):
            with pytest.raises(DataError, match=message):
                open_splits(DataConfiguration(skip_bad_lines=skips, **locations), seed=1)


def test_columns_that_come_late_are_said_to_be_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "a.tsv", "".join(f"w{n}\tK\n" for n in range(1200)) + "x\tX\tmore\ny\tY\tmore\n")
    splits = open_splits(DataConfiguration(train=path, dev=path), seed=1)
    for _ in range(2):
        assert len(list(splits["train"]())) == len(list(splits["dev"]())) == 1202
    late = [message for message in caplog.messages if "more than 2 columns" in message]
    assert late == [f"{path}: 2 lines from line 1201 on have more than 2 columns; they are left out"]


def test_findings_are_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "a.tsv", "word\tphones\ncat\tK AE T\n")
    look_at({path: 1.0, "cmudict": 1.0})
    assert [message for message in caplog.messages if "header" in message] == [
        f"{path}:1: looks like a header ('word' TAB 'phones'), and is read as a pair; tail -n +2 {path} > NEW"
    ]


def test_blank_lines_at_the_end_are_forgiven(tmp_path: Path):
    path = write(tmp_path / "a.tsv", "a\tA\nb\tB\n\n \n\t\t\n\r\n")
    assert list(read_pairs(path, "train")) == [Pair("a", "A", 1), Pair("b", "B", 2)]
    for ends in (("\n\n", ""), ("", "\n \n"), ("\n", "\n\n\n"), ("", "")):
        paths = [
            write(tmp_path / name, f"{side}\n{side}\n{end}") for name, side, end in zip("ab", "xy", ends, strict=True)
        ]
        assert list(read_pairs(paths, "train")) == [Pair("x", "y", 1), Pair("x", "y", 2)]
    with pytest.raises(DataError, match=r"a has 3 lines, .*b has 4 lines"):
        list(read_pairs([write(tmp_path / "a", "x\nx\n\n"), write(tmp_path / "b", "y\ny\n\ny\n")], "train"))


def test_the_option_that_forgives_is_named_where_there_is_one(tmp_path: Path):
    path = write(tmp_path / "a.tsv", "a\tA\n\nb\tB\n")
    splits = open_splits(DataConfiguration(train=path, dev=path), seed=1)
    with pytest.raises(DataError, match=r":2: blank line; .*or leave such lines out \(--data.skip_bad_lines true\)$"):
        list(splits["train"]())
    # Of a file that is evaluated, none is left out.
    with pytest.raises(DataError, match=r":2: blank line; every line must be source TAB target, so mend or remove it$"):
        list(read_pairs(path, "test"))


def test_cmudict_pairs():
    assert next(read_pairs("cmudict", "train")) == Pair("'bout", "B AW T", 1)
    assert list(open_splits(DataConfiguration(), seed=1)) == ["train", "dev", "test"]


# Several corpora


def test_several_corpora(tmp_path: Path):
    tsv = write(tmp_path / "a.tsv", "cat\tK\ndog\tD\n")
    aligned = ",".join([write(tmp_path / "b.en", "one\ntwo\n"), write(tmp_path / "b.de", "eins\nzwei\n")])
    expected = [Pair("one", "eins", 1), Pair("two", "zwei", 2), Pair("cat", "K", 1, 1), Pair("dog", "D", 2, 1)]
    for mapping in ({tsv: 0.5, aligned: 2}, {aligned: 2, tsv: 0.5}):
        assert list(read_pairs(mapping, "train")) == expected
        assert source_files(mapping) == [*aligned.split(","), tsv]
    assert describe_line(2, 1, mapping) == f"line 2 of {tsv}"
    assert list_corpora({"b": 1, "a": 1, "c": 1.5}) == [("c", 1.5), ("a", 1), ("b", 1)]


def test_a_bad_line_of_several_corpora_names_its_file(tmp_path: Path):
    good, bad = write(tmp_path / "a.tsv", "a\tb\n" * 3), write(tmp_path / "b.tsv", "a\tb\nc\n")
    with pytest.raises(DataError, match="^" + re.escape(f"{bad}:2: no TAB")):
        list(read_pairs({good: 1, bad: 1}, "train"))


@pytest.mark.parametrize("text", ["{a.tsv: x}", "{a.tsv:2}", "{a.de,a.en: 1}", "{a.tsv}"])
def test_what_looks_like_a_mapping_and_is_none(text: str):
    with pytest.raises(UsageError, match="no file, and no mapping of places to weights; write"):
        read_pairs(text, "train")


def test_a_file_may_have_braces_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "{a}", "cat\tK\n")
    assert list(read_pairs("{a}", "train")) == [Pair("cat", "K", 1)]


def write_parts(folder: Path) -> None:
    folder.mkdir()
    for name, line in {
        "b.tsv": "b\tB\n",
        "a.tsv": "a\tA\n",
        "c.txt.gz": "",
        "notes.md": "none",
        ".d.tsv": "d\tD\n",
    }.items():
        path = folder / name
        path.write_bytes(gzip.compress(b"c\tC\n")) if name.endswith(".gz") else path.write_text(line)


@pytest.mark.parametrize(("given", "expected"), [("*.tsv", "ab"), ("[bc]*", "bc"), ("", "abc"), ("**/a.*", "a")])
def test_a_pattern_or_a_folder_stands_for_its_files(tmp_path: Path, given: str, expected: str):
    write_parts(tmp_path / "in")
    place = f"{tmp_path}/in/{given}"
    found = list(read_pairs(place, "train"))
    assert [pair.source for pair in found] == list(expected)
    assert [pair.corpus for pair in found] == list(range(len(expected)))
    assert [weight for _, weight in list_corpora({place: 2.0})] == [2.0] * len(expected)
    assert all(map(Path.is_file, map(Path, source_files(place))))


def test_patterns_of_two_sides_belong_together_by_their_order(tmp_path: Path):
    for name in ("1.de", "2.de", "1.en", "2.en"):
        (tmp_path / name).write_text(f"{name}\n")
    place = f"{tmp_path}/*.de,{tmp_path}/*.en"
    assert [pair[:2] for pair in read_pairs(place, "train")] == [("1.de", "1.en"), ("2.de", "2.en")]
    (tmp_path / "2.en").unlink()
    with pytest.raises(UsageError, match="2 files match the first pattern and 1 the second"):
        list(read_pairs(place, "train"))


def test_a_pattern_without_files_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"in/\*.tsv: no file matches; check the pattern"):
        list(read_pairs(f"{tmp_path}/in/*.tsv", "train"))


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path):
    (tmp_path / "a[1].tsv").write_text("a\tA\n")
    (tmp_path / "a1.tsv").write_text("b\tB\n")
    assert [pair.source for pair in read_pairs(str(tmp_path / "a[1].tsv"), "train")] == ["a"]
