"""Files that are no UTF-8 text, known by their first bytes; and texts that only look like them."""

import bz2
import gzip
import io
import lzma
import pickle
import random
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.files.first_bytes import csv_command, foreign_kind, mending
from pipeline.files.lines import read_lines

TABLE = "cat\tK AE T\nmañana\tm a ɲ a n a\n東京\tt o k j o\n"


def zipped(**parts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("pairs.tsv")
        member.size = len(TABLE.encode())
        archive.addfile(member, io.BytesIO(TABLE.encode()))
    return buffer.getvalue()


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


FOREIGN = {
    "gzip data": (gzip.compress(TABLE.encode()), "mv {path} {path}.gz"),
    "bzip2 data": (bz2.compress(TABLE.encode()), "bzip2 -dc {path} > NEW"),
    "xz data": (lzma.compress(TABLE.encode()), "xz -dc {path} > NEW"),
    "zstd data": (b"\x28\xb5\x2f\xfd\x24\x09I\0\0cat\tK", "zstd -dc {path} > NEW"),
    "a 7z archive": (b"7z\xbc\xaf\x27\x1c\0\4", "7z x -so {path} > NEW"),
    "a tar archive": (tarred(), "tar -xOf {path} MEMBER > NEW"),
    "a zip archive": (zipped(pairs=TABLE), "unzip -p {path} MEMBER > NEW"),
    "an Office file": (zipped(xl__workbook="<x/>"), "save it as tab-separated text, UTF-8"),
    "an OpenDocument file": (zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet"), "save it as"),
    "an old Office file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "save it as tab-separated text, UTF-8"),
    "a rich text file": (b"{\\rtf1\\ansi cat\\tab K}", "save it as plain text"),
    "a PDF file": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdftotext -layout {path} NEW"),
    "a NumPy array": (saved(np.arange(5)), "write it as tab-separated text"),
    "a Python pickle": (pickle.dumps(["cat"], protocol=4), "write it as tab-separated text"),
    "a Parquet file": (b"PAR1\x15\x04\x15\x10\0", "write it as tab-separated text"),
    "a picture (PNG)": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "give a text file"),
    "binary data": (random.Random(1).randbytes(3000), "give a text file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_named_with_what_to_do(tmp_path: Path, kind: str):
    content, remedy = FOREIGN[kind]
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_lines(path))
    assert str(caught.value).startswith(f"{path}: is {kind}")
    assert remedy.format(path=path) in str(caught.value)


def test_a_database(tmp_path: Path):
    with sqlite3.connect(tmp_path / "pairs.tsv") as database:
        database.execute("create table pairs (source, target)")
    with pytest.raises(DataError, match=r"pairs\.tsv: is an SQLite database, not UTF-8 text; sqlite3 -tabs"):
        list(read_lines(tmp_path / "pairs.tsv"))


@pytest.mark.parametrize("text", ["cat\tK AE T\n" * 9, "кот\tk o t\nсон\ts o n\n", "東京\tとうきょう\n", "a\tb"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_wide_encodings_with_and_without_a_mark(tmp_path: Path, text: str, encoding: str, name: str):
    path, content = tmp_path / name, text.encode(encoding)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(
        DataError, match=rf"is {encoding[:6].upper()}.*iconv -f {encoding[:6].upper()}.*-t UTF-8.* > NEW"
    ):
        list(read_lines(path))


@pytest.mark.parametrize(
    "text",
    [
        *("BZh\tb\n", "PAR1\tpar one\n", "RIFF\tR IH F\n", "GIF89\tx\n", "Rar!\tr\n", "FEA1\tf\n"),
        *("a\tb\n" * 3000, "\ufeffa\tb\n", "ünïcödé\tx\n" * 900, "\x1b[1mbold\tb\n", "a\x0bb\tc\x0c\n", "PK\tP K\n"),
        "東京\tとうきょう\n" * 700,
    ],
)
def test_texts_that_only_look_like_it(text: str):
    assert foreign_kind(text.encode(), "a.tsv") is None


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp1251", "koi8-r", "iso8859-7", "gb18030", "shift_jis"])
def test_other_encodings_are_no_binary_data(encoding: str):
    text = {"cp1251": "кот", "koi8-r": "кот", "iso8859-7": "γάτα", "gb18030": "东京", "shift_jis": "東京"}
    assert foreign_kind(f"{text.get(encoding, 'café')}\tx\n".encode(encoding) * 500, "a.tsv") is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xfe\xffcaf\xe9\tx\nno\0\ty\nz\tw\n",
        b"\xed\xa0\xbdcat\tT\ndog\n\0kef\tx\na\tb\nc\td\n",
        b"good\tG\n" * 30 + b"b\0\tB\n",
    ],
)
def test_damaged_lines_make_no_other_encoding(content: bytes):
    assert foreign_kind(content, "a.tsv") is None


def test_a_word_alone_in_utf16():
    assert foreign_kind("cat".encode("utf-16"), "a.tsv")


def test_twice_compressed(tmp_path: Path):
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(gzip.compress(TABLE.encode())))
    with pytest.raises(DataError, match=r"is gzip data within gzip, not UTF-8 text; gzip -dc .*a\.tsv\.gz > NEW"):
        list(read_lines(path))


def test_commands_can_be_pasted():
    assert mending("it's", "cut -f1,2") == """cut -f1,2 'it'"'"'s' > NEW"""
    assert mending("a", "tail -n +2", "cut -f2,3") == "tail -n +2 a | cut -f2,3 > NEW"
    assert mending("-dash", "cut -f1") == "cut -f1 ./-dash > NEW"
    assert csv_command("\t").count("\\t") == 2
