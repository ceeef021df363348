"""What the first bytes of a file say that it is, if that is no UTF-8 text: compressed, a spreadsheet, UTF-16, …"""

import codecs
import os
import shlex
from typing import NamedTuple

HEAD_BYTES = 4096
FEW_BYTES = 64
"""Too few to tell binary data from a slip."""


class _Magic(NamedTuple):
    start: bytes
    kind: str
    command: str
    """What makes text of it; `{file}` is its name."""
    offset: int = 0


_SAVE_AS_TEXT = "save it as tab-separated text, UTF-8"
# Whoever meets another kind adds a row. Of two that fit, the first counts.
_MAGICS = (
    _Magic(b"\x1f\x8b", "gzip data whose name does not end in .gz", "mv {file} {file}.gz"),
    _Magic(b"\x1f\x9d", "compress (.Z) data", "gzip -dc {file} > NEW"),
    _Magic(b"BZh", "bzip2 data", "bzip2 -dc {file} > NEW"),
    _Magic(b"\xfd7zXZ\0", "xz data", "xz -dc {file} > NEW"),
    _Magic(b"\x28\xb5\x2f\xfd", "zstd data", "zstd -dc {file} > NEW"),
    _Magic(b"\x04\x22\x4d\x18", "lz4 data", "lz4 -dc {file} > NEW"),
    _Magic(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so {file} > NEW"),
    _Magic(b"Rar!\x1a\x07", "a RAR archive", "unrar p -inul {file} > NEW"),
    _Magic(b"ustar", "a tar archive", "tar -xOf {file} MEMBER > NEW", 257),
    _Magic(b"mimetypeapplication/vnd.oasis", "an OpenDocument file (.ods, .odt)", _SAVE_AS_TEXT, 30),
    _Magic(b"PK\x03\x04", "a zip archive", "unzip -p {file} MEMBER > NEW"),
    _Magic(b"PK\x05\x06", "an empty zip archive", "give a text file"),
    _Magic(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.xls, .doc)", _SAVE_AS_TEXT),
    _Magic(b"{\\rtf", "a rich text file (.rtf)", "save it as plain text, UTF-8"),
    _Magic(b"%PDF-", "a PDF file", "pdftotext -layout {file} NEW"),
    _Magic(b"%!PS", "a PostScript file", "give a text file"),
    _Magic(b"SQLite format 3\0", "an SQLite database", "sqlite3 -tabs {file} 'SELECT …' > NEW"),
    _Magic(b"PAR1", "a Parquet file", "write it as tab-separated text, UTF-8"),
    _Magic(b"ARROW1\0", "an Arrow file", "write it as tab-separated text, UTF-8"),
    _Magic(b"FEA1", "a Feather file", "write it as tab-separated text, UTF-8"),
    _Magic(b"\x89HDF\r\n\x1a\n", "an HDF5 file", "write it as tab-separated text, UTF-8"),
    _Magic(b"\x93NUMPY", "a NumPy array", "write it as tab-separated text, UTF-8"),
    _Magic(b"\x80\x04\x95", "a Python pickle", "write it as tab-separated text, UTF-8"),
    _Magic(b"\x80\x05\x95", "a Python pickle", "write it as tab-separated text, UTF-8"),
    _Magic(b"\x89PNG\r\n\x1a\n", "a picture (PNG)", "give a text file"),
    _Magic(b"\xff\xd8\xff", "a picture (JPEG)", "give a text file"),
    _Magic(b"GIF8", "a picture (GIF)", "give a text file"),
    _Magic(b"RIFF", "a sound or a picture (RIFF)", "give a text file"),
    _Magic(b"\x7fELF", "a program", "give a text file"),
)
# Beginnings that a text may have as well: some bytes must be no text then.
_WORD_STARTS = (b"BZh", b"GIF8", b"RIFF", b"PAR1", b"FEA1", b"ARROW1\0", b"Rar!\x1a\x07", b"ustar")
_OFFICE_PARTS = (b"[Content_Types].xml", b"xl/", b"word/")
# Mark, name of text that has it, name of text without, bytes a character. One of UTF-32 begins like one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32", "UTF-32LE", 4),
    (codecs.BOM_UTF32_BE, "UTF-32", "UTF-32BE", 4),
    (codecs.BOM_UTF16_LE, "UTF-16", "UTF-16LE", 2),
    (codecs.BOM_UTF16_BE, "UTF-16", "UTF-16BE", 2),
)
_TAKE_FILES = ("cut", "grep", "iconv", "jq", "perl", "sed", "tail")
_TEXT_CONTROLS = b"\t\n\v\f\r\x1b"


class ForeignKind(NamedTuple):
    """What a file is instead of UTF-8 text, and what to do."""

    kind: str
    remedy: str


def mending(path: str | os.PathLike[str], command: str, *others: str) -> str:
    """A command that reads a file and writes `NEW`, as people can paste it; of a `.gz` it reads the content.

    Args:
        path: The file.
        command: Takes the file.
        others: What its output goes through.

    Example:
        >>> mending("my pairs.tsv", "cut -f1,3"), mending("a.gz", "cut -f1,3"), mending("a", "tr x y", "cut -f1")
        ("cut -f1,3 'my pairs.tsv' > NEW", 'gzip -dc a.gz | cut -f1,3 > NEW', 'tr x y < a | cut -f1 > NEW')
    """
    name = _quote(path)
    if os.fspath(path).endswith(".gz"):
        return " | ".join([f"gzip -dc {name}", command, *others]) + " > NEW"
    between = "" if command.split()[0] in _TAKE_FILES else "< "
    return " | ".join([f"{command} {between}{name}", *others]) + " > NEW"


def _quote(path: str | os.PathLike[str]) -> str:
    """For a shell; a name that begins like an option is none."""
    name = os.fspath(path)
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def csv_command(delimiter: str = ",") -> str:
    """The command that makes columns between TABs, without quotes, of those that spreadsheets write."""
    escaped = delimiter.replace("\t", "\\t")
    how = "" if delimiter == "," else f', delimiter="{escaped}"'
    return f"python3 -c 'import csv, sys; [print(*row, sep=\"\\t\") for row in csv.reader(sys.stdin{how})]'"


def foreign_kind(head: bytes, path: str | os.PathLike[str]) -> ForeignKind | None:
    r"""What a file is, from its first bytes (after decompression, for `.gz`); None for what may be UTF-8 text.

    Args:
        head: Some hundred bytes at least, unless the file is shorter; more than HEAD_BYTES are not looked at.
        path: For the remedy.

    Example:
        >>> foreign_kind("a\tb\n".encode("utf-16"), "a.tsv")
        ForeignKind(kind='UTF-16 text', remedy='iconv -f UTF-16 -t UTF-8 a.tsv > NEW')
        >>> foreign_kind(b"PK\x03\x04", "a.xlsx").kind
        'a zip archive'
        >>> foreign_kind(b"a\tb\n", "a.tsv")
    """
    head = head[:HEAD_BYTES]
    encoding = _wide_encoding(head)
    if encoding:
        return ForeignKind(f"{encoding} text", mending(path, f"iconv -f {encoding} -t UTF-8"))
    is_text = b"\0" not in head and _invalid_share(head) == 0
    for magic in _MAGICS:
        if head.startswith(magic.start, magic.offset) and not (is_text and magic.start in _WORD_STARTS):
            return _describe(magic, head, path)
    if _is_binary(head):
        return ForeignKind("binary data", "give a text file")
    return None


def _describe(magic: _Magic, head: bytes, path: str | os.PathLike[str]) -> ForeignKind:
    if magic.kind == "a zip archive" and any(part in head for part in _OFFICE_PARTS):
        return ForeignKind("an Office file (.xlsx, .docx)", _SAVE_AS_TEXT)
    name = _quote(path)
    if os.fspath(path).endswith(".gz"):
        kind = "gzip data" if magic.start == b"\x1f\x8b" else magic.kind
        return ForeignKind(f"{kind} within gzip", f"gzip -dc {name} > NEW, and make text of that")
    return ForeignKind(magic.kind, magic.command.format(file=name))


def _wide_encoding(head: bytes) -> str | None:
    """The encoding of text whose characters take two or four bytes each, its byte order mark there or not."""
    if b"\0" not in head:
        return None
    for mark, name, encoding, width in _MARKS:
        if head.startswith(mark) and _reads_as(head, encoding, width):
            return name
    if b"\n" not in head and b"\t" not in head:
        return None
    # UTF-8 with a stray NUL is another matter: of two-byte Latin text every second byte is one.
    if 4 * head.count(0) < len(head) and _invalid_share(head) == 0:
        return None
    return next((encoding for _, _, encoding, width in _MARKS if _reads_as(head, encoding, width)), None)


def _reads_as(head: bytes, encoding: str, width: int) -> bool:
    """Whether it is text so, in which what ends lines and columns there ends them here too."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head[: len(head) // width * width])
    except UnicodeDecodeError:
        return False
    ends, bytes_of_ends = text.count("\t") + text.count("\n"), head.count(b"\t") + head.count(b"\n")
    return "\0" not in text and 4 * ends >= bytes_of_ends


def _invalid_share(head: bytes) -> float:
    """Which share of the bytes is no UTF-8; a character that the end cuts is no matter."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return head.decode("utf-8", errors="replace").count("\ufffd") / len(head)
    return 0.0


def _is_binary(head: bytes) -> bool:
    controls = sum(byte < 32 and byte not in _TEXT_CONTROLS for byte in head)
    return len(head) > FEW_BYTES and controls > 0.05 * len(head) and _invalid_share(head) > 0.15
