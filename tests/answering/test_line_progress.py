"""A bar over a file's lines, and none where it would be in the way."""

import gzip
import io
import logging
import os
import sys
from pathlib import Path

import pytest

from pipeline.answering import line_progress
from pipeline.answering.line_progress import count_lines, show_pair_progress, show_progress


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\n\nb", 3), (b"a\n" * 5000, 5000)]
)
def test_lines_are_counted_and_then_read(tmp_path: Path, content: bytes, lines: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(line_progress, "COUNTED_BYTES", 4)
    (tmp_path / "words").write_bytes(content)
    with (tmp_path / "words").open("rb") as stream:
        assert count_lines(stream) == lines
        assert stream.read() == content
    with (tmp_path / "words").open("rb", buffering=0) as stream:
        stream.seek(min(2, len(content)))
        assert count_lines(stream) == max(0, lines - 1)


def test_what_cannot_be_counted(tmp_path: Path):
    (tmp_path / "words.gz").write_bytes(gzip.compress(b"a\n"))
    with gzip.open(tmp_path / "words.gz") as stream:
        assert count_lines(stream) is None
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert count_lines(pipe) is None
    assert count_lines(io.BytesIO(b"a\n")) is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_messages_go_above_the_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TQDM_MININTERVAL", "0")
    handler = logging.StreamHandler(terminal)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    (tmp_path / "words").write_bytes(b"a\n" * 8)
    with (tmp_path / "words").open("rb") as stream, show_progress(stream) as on_progress:
        assert on_progress
        on_progress(4)
        logging.getLogger("pipeline").warning("line 4: odd")
        on_progress(4)
    shown = terminal.getvalue()
    assert "predicting:  50%" in shown
    assert "line 4: odd\n" in shown
    last = shown.split("\r")[-1]
    assert last.strip() == ""  # the bar is wiped


def test_in_a_log_a_short_file_has_no_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TQDM_MININTERVAL", "10")
    (tmp_path / "words").write_bytes(b"a\n" * 8)
    with (tmp_path / "words").open("rb") as stream, show_progress(stream) as on_progress:
        assert on_progress
        on_progress(4)
        logging.getLogger("pipeline").warning("line 4: odd")
        on_progress(4)
    assert "predicting" not in capsys.readouterr().err


def test_no_bar_in_the_way_or_over_a_pipe(tmp_path: Path):
    (tmp_path / "words").write_bytes(b"a\n")
    with (tmp_path / "words").open("rb") as stream, show_progress(stream, in_the_way=True) as on_progress:
        assert on_progress is None
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, show_progress(pipe) as on_progress:
        assert on_progress is None


def test_pairs_have_a_bar_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    (tmp_path / "a.tsv").write_bytes(b"a\tb\n" * 8)
    with show_pair_progress(str(tmp_path / "a.tsv")) as on_progress:
        assert on_progress
        on_progress(2)
    with show_pair_progress("cmudict") as on_progress:
        assert on_progress
        on_progress(3)
    assert "scoring:   0%|          | 0/8" in terminal.getvalue()
    assert "scoring: 0 pairs" in terminal.getvalue()
    with show_pair_progress(str(tmp_path / "a.tsv"), in_the_way=True) as on_progress:
        assert on_progress is None
