"""Line streaming with a fake predictor: one answer a line, in order, in time."""

import gzip
import io
import itertools
import json
import logging
import os
import random
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.answering.answer_lines import describe
from pipeline.answering.line_stream import BATCH_LINES, open_input, predict_lines, read_batches
from pipeline.answering.predictions import Hypothesis, Prediction
from pipeline.errors import DataError
from pipeline.files.lines import LONGEST_LINE


class FakeKnown:
    """A model that lacks capitals, and TABs if it is said so."""

    def __init__(self, reads_tab: bool) -> None:
        self.reads_tab = reads_tab

    def lacking_in_source(self, symbols: list[str]) -> list[str]:
        return [symbol for symbol in dict.fromkeys(symbols) if symbol.isupper()]

    def hint_at_source(self, lacking: list[str]) -> str:
        return f"; lower {''.join(lacking)}"


class FakePredictor:
    """Answers with the source in upper case, then reversed; sources over 20 symbols are cut."""

    def __init__(self, reads_tab: bool = False) -> None:
        self.batches: list[list[str]] = []
        self.looked_at: list[bool] = []
        self.known = FakeKnown(reads_tab)

    def predict(
        self,
        sources: list[str],
        prefixes: list[str] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
    ) -> list[Prediction]:
        assert sources
        self.batches.append(sources)
        self.looked_at.append(attention)
        if prefixes is not None:
            pairs = zip(sources, prefixes, strict=True)
            return [self.answer(f"{prefix}({source})" if prefix else source) for source, prefix in pairs]
        return [self.answer(source) for source in sources]

    def answer(self, source: str) -> Prediction:
        kept = source[:20]
        attention = np.full((2, len(kept)), 1 / 3, dtype=np.float32)
        hypotheses = [
            Hypothesis(text, score, ["x", "y"], attention, rank_score)
            for text, score, rank_score in [(kept.upper(), -0.12345678, -0.5), (kept[::-1], -2.0, -1.5)]
        ]
        unknown = sum(map(str.isupper, kept))
        return Prediction(hypotheses, [*kept, "</s>"], len(source) > 20, unknown=unknown)


def answers(content: bytes, reads_tab: bool = False, **options: object) -> list[str]:
    written: list[str] = []
    predict_lines(FakePredictor(reads_tab), io.BytesIO(content), written.append, **options)
    text = "".join(written)
    assert text.endswith("\n") or not text
    return text.split("\n")[:-1]


def test_one_answer_a_line_in_order_over_many_batches():
    sources = [f"word{number}" for number in range(3 * BATCH_LINES + 5)]
    assert answers("\n".join(sources).encode()) == [source.upper() for source in sources]


def test_attention_is_computed_for_those_alone_who_look_at_it():
    for options, wanted in (({}, False), ({"n_best": 2}, False), ({"as_json": True}, True)):
        predictor = FakePredictor()
        predict_lines(predictor, io.BytesIO(b"a\n"), lambda text: None, **options)
        assert predictor.looked_at == [wanted]


def test_no_input_gives_no_output():
    assert answers(b"") == []


def test_lines_end_at_newlines_only():
    text = "a\x0bb\x0cc\x85d\u2028e"
    assert answers(f"{text}\r\nzwei\tdrei".encode(), reads_tab=True, n_best=1) == [text.upper(), "ZWEI DREI"]


def test_a_carriage_return_within_a_line_is_told(caplog: pytest.LogCaptureFixture):
    assert answers(b"a\rb\r\nc\r\n\rd\r") == ["", "C", " D"]
    assert [message.split(",")[0] for message in caplog.messages] == ["line 1: a lone carriage return within the line"]


def test_unusable_lines_are_empty_and_warned_of(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        assert answers(b"a\n\n \t\r\nb\xff\nc\n", reads_tab=True) == ["A", "", "", "", "C"]
    messages = [record.getMessage() for record in caplog.records]
    assert [message.split(":")[0] for message in messages] == ["line 2", "line 3", "line 4"]
    assert "not UTF-8 at byte 2" in messages[2]


def test_only_unusable_lines_never_reach_the_predictor():
    assert answers(b"\n\xff\n") == ["", ""]


def test_line_numbers_go_on_over_batches(caplog: pytest.LogCaptureFixture):
    answers(b"a\n" * (BATCH_LINES + 10) + b"\nb")
    assert caplog.records[0].getMessage().startswith(f"line {BATCH_LINES + 11}:")


def test_n_best_always_has_that_many_fields():
    assert answers(b"ab\n\ncd\n", n_best=2) == ["AB\tba", "", "CD\tdc"]
    assert answers(b"ab\n", n_best=4) == ["AB\tba\t\t"]


def test_tabs_and_newlines_inside_a_text_become_spaces():
    assert answers(b"a\tb\n", reads_tab=True, n_best=2) == ["A B\tb a"]


def test_a_byte_order_mark_before_the_first_line_is_no_symbol():
    assert answers(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n") == ["A", "\ufeffB"]


def test_json():
    lines = answers("é\n\n".encode() + b"b\xff\n", n_best=2, as_json=True)
    assert "é" in lines[0]
    assert json.loads(lines[0]) == {
        "source": "é",
        "predictions": [
            {"text": "É", "score": -0.123457, "rank_score": -0.5},
            {"text": "é", "score": -2.0, "rank_score": -1.5},
        ],
        "source_tokens": ["é", "</s>"],
        "target_tokens": ["x", "y"],
        "attention": [[0.333333], [0.333333]],
    }
    for line, source in zip(lines[1:], ["", "b\ufffd"], strict=True):
        answer = json.loads(line)
        assert (answer["source"], answer["predictions"]) == (source, [])
        assert answer["error"]


def test_json_names_the_symbols_that_training_lacks():
    known, unknown = map(json.loads, answers(b"ab\nBaAB\n", as_json=True))
    assert not {"unknown", "unknown_symbols"} & set(known)
    assert (unknown["unknown"], unknown["unknown_symbols"]) == (3, ["B", "A"])


def test_json_has_heads_where_there_are_several():
    heads = np.array([[[0.25, 0.75]], [[1.0, 0.0]]], np.float32)
    prediction = FakePredictor().answer("ab")._replace(attention_heads=heads)
    assert json.loads(describe("ab", prediction, 1))["attention_heads"] == heads.tolist()


def test_json_has_what_an_output_skips_or_repeats():
    looks = [np.eye(6, dtype="float32")[places] for places in ([0, 1, 2, 3, 4, 5], [0, 4, 0, 5])]
    outputs = [Hypothesis("X", -1.0, ["X"] * len(rows), rows) for rows in looks]
    first, second = json.loads(describe("abcde", Prediction(outputs, [*"abcde", "</s>"]), 2))["predictions"]
    assert not {"skipped_source", "repeated_source"} & set(first)
    assert (second["skipped_source"], second["repeated_source"]) == ([[1, 3]], [[0, 0]])


def test_prefixes_stand_after_a_tab(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        content = b"\xef\xbb\xbfa\tx y\r\nb\nc\t\nd\te\tf\n\tx\n\nend\tz"
        assert answers(content, prefixes=True) == ["X Y(A)", "B", "C", "", "", "", "Z(END)"]
    assert [record.getMessage() for record in caplog.records] == [
        "line 4: 2 TABs, where SOURCE TAB PREFIX has one; it gets no prediction",
        "line 5: the source is empty; it gets no prediction",
        "line 6: the line is empty; it gets no prediction",
    ]
    assert json.loads(answers(b"a\tx\n", prefixes=True, as_json=True)[0])["source"] == "a"


def test_cut_sources_are_warned_of_and_flagged(caplog: pytest.LogCaptureFixture):
    lines = answers(b"short\n" + b"l" * 21 + b"\n", as_json=True)
    assert [json.loads(line).get("cut") for line in lines] == [None, True]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["line 2"]


def test_batches_are_full_when_the_input_is_fast():
    sizes = [len(batch) for batch in read_batches(io.BytesIO(b"a\n" * 3 * BATCH_LINES))]
    assert sum(sizes) == 3 * BATCH_LINES
    assert sizes[0] == BATCH_LINES


def test_of_a_file_more_lines_are_answered_at_once(tmp_path: Path):
    """Nobody waits for the answer to a line of it; among many lines more have the same length."""
    sizes: dict[str, list[int]] = {"file": [], "memory": []}

    def counting(name: str) -> FakePredictor:
        predictor = FakePredictor()
        predict = predictor.predict
        predictor.predict = lambda sources, **how: sizes[name].append(len(sources)) or predict(sources, **how)
        return predictor

    content = b"a\n" * 40_000
    (tmp_path / "lines.txt").write_bytes(content)
    written: list[str] = []
    predict_lines(counting("file"), open_input(str(tmp_path / "lines.txt")), written.append)
    predict_lines(counting("memory"), io.BytesIO(content), lambda text: None)
    assert "".join(written) == "A\n" * 40_000
    assert max(sizes["memory"]) <= BATCH_LINES < max(sizes["file"])


def test_a_slow_pipe_gets_its_answers_while_it_is_open():
    reading, writing = os.pipe()
    written: list[str] = []
    arguments = (FakePredictor(), os.fdopen(reading, "rb"), written.append)
    worker = threading.Thread(target=predict_lines, args=arguments, daemon=True)
    worker.start()
    for count, word in enumerate([b"one\n", b"two\n", b"three\n"], start=1):
        os.write(writing, word)
        deadline = time.monotonic() + 1
        while len(written) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "".join(written).split() == ["ONE", "TWO", "THREE"][:count]
    os.write(writing, b"half")
    time.sleep(0.4)
    assert len(written) == 3
    os.close(writing)
    worker.join(timeout=2)
    assert not worker.is_alive()
    assert "".join(written).endswith("THREE\nHALF\n")


def test_a_steady_drip_does_not_hold_answers_back():
    reading, writing = os.pipe()
    written: list[float] = []
    arguments = (FakePredictor(), os.fdopen(reading, "rb"), lambda _: written.append(time.monotonic()))
    worker = threading.Thread(target=predict_lines, args=arguments, daemon=True)
    worker.start()
    begin = time.monotonic()
    while time.monotonic() < begin + 1.5:
        os.write(writing, b"x\n")
        time.sleep(0.05)
    os.close(writing)
    worker.join(timeout=2)
    assert written[0] - begin < 1
    assert max(later - earlier for earlier, later in itertools.pairwise(written)) < 1


def test_a_read_error_is_raised_after_what_came_before():
    class Broken(io.BytesIO):
        def readline(self, *arguments: int) -> bytes:
            line = super().readline(*arguments)
            if not line:
                raise OSError(5, "Input/output error")
            return line

    batches = read_batches(Broken(b"a\n"))
    assert next(batches) == [b"a\n"]
    with pytest.raises(OSError, match="Input/output error"):
        next(batches)


# What is said of lines


def test_a_tab_that_the_model_never_saw_is_refused(caplog: pytest.LogCaptureFixture):
    content = b"ab\nab\tA B\nc\n"
    assert answers(content) == ["AB", "", "C"]
    said = "it holds a TAB, which no source of the training does (cut -f1 keeps the first column)"
    assert caplog.messages == [f"line 2: {said}; it gets no prediction"]
    assert json.loads(answers(content, as_json=True)[1]) == {"source": "ab\tA B", "predictions": [], "error": said}
    assert answers(content, reads_tab=True)[1] == "AB A B"


def test_five_lines_are_named_and_all_are_counted(caplog: pytest.LogCaptureFixture):
    answers(b"a\tb\n" * 7 + b"c\n" * 93)
    assert [message.split(":")[0] for message in caplog.messages[:5]] == [f"line {number}" for number in range(1, 6)]
    assert caplog.messages[5:] == ["7 of 100 lines got no prediction (first on line 1)"]


def test_blank_lines_at_the_end_are_nobodys_mistake(caplog: pytest.LogCaptureFixture):
    assert answers(b"a\nb\n\n \n") == ["A", "B", "", ""]
    assert not caplog.messages
    assert answers(b"\n\na\n\n") == ["", "", "A", ""]
    assert [message.split(":")[0] for message in caplog.messages] == ["line 1", "line 2"]


def test_symbols_that_training_lacks_are_named(caplog: pytest.LogCaptureFixture):
    answers(b"x\nABA\ny\nzA\nBc\n")
    assert caplog.messages == [
        "line 2: symbols that training lacks: 'A' ×2, 'B'; lower AB",
        "line 4: symbols that training lacks: 'A'",
        "line 5: symbols that training lacks: 'B'",
        "3 of 5 lines have symbols that training lacks ('A' ×3, 'B' ×2); first on line 2; lower AB",
    ]
    caplog.clear()
    answers(b"A\n" * 5000)
    assert len(caplog.messages) == 6
    assert caplog.messages[5].startswith("5,000 of 5,000 lines have symbols that training lacks ('A' ×5,000)")
    caplog.clear()
    answers(b"A\n")
    assert len(caplog.messages) == 1


def test_progress_is_told_in_lines():
    done: list[int] = []
    assert len(answers(b"a\n\n" * 500, on_progress=done.append)) == sum(done) == 1000
    assert len(done) > 1


# Files


def test_a_compressed_file(tmp_path: Path):
    (tmp_path / "words.gz").write_bytes(gzip.compress(b"one\n" * 3000 + b"two"))
    written: list[str] = []
    predict_lines(FakePredictor(), open_input(str(tmp_path / "words.gz")), written.append)
    assert "".join(written) == "ONE\n" * 3000 + "TWO\n"


@pytest.mark.parametrize("damage", ["truncated", "plain", "sum", "stream"])
def test_a_damaged_compressed_file_is_named(tmp_path: Path, damage: str):
    generator = random.Random(0)
    content = "".join(f"{generator.getrandbits(64):x}\n" for _ in range(5000)).encode()
    whole = gzip.compress(content)
    bad = {
        "truncated": whole[:-10000],
        "plain": content,
        "sum": whole[:-8] + b"\0\0\0\0" + whole[-4:],
        "stream": whole[:10] + b"\xff" * 50,
    }
    path = tmp_path / "words.gz"
    path.write_bytes(bad[damage])
    written: list[str] = []
    with pytest.raises(DataError, match="^" + re.escape(str(path)) + r":\d+: truncated or corrupt gzip") as error:
        predict_lines(FakePredictor(), open_input(str(path)), written.append)
    # Every whole line before has its answer.
    answered = "".join(written).splitlines()
    assert str(error.value).startswith(f"{path}:{len(answered) + 1}:")
    assert answered == content.decode().upper().splitlines()[: len(answered)]
    assert bool(answered) == (damage in ("truncated", "sum"))


def test_a_missing_file_shows_when_it_is_opened(tmp_path: Path):
    for name in ("none", "none.gz"):
        with pytest.raises(FileNotFoundError):
            open_input(str(tmp_path / name))


def test_overlong_lines_and_heaps_of_marks_are_unusable(caplog: pytest.LogCaptureFixture):
    heap = ("e" + "\u0301" * 1001).encode()
    content = b"a\n" + b"x" * 3_000_000 + b"\n" + heap + b"\nb\n" + b"y" * (LONGEST_LINE + 1)
    assert answers(content) == ["A", "", "", "B", ""]
    assert caplog.messages == [
        "line 2: more than 1048576 bytes; it gets no prediction",
        "line 3: more than 1000 combining marks in a row; it gets no prediction",
        "line 5: more than 1048576 bytes; it gets no prediction",
    ]
    found = [json.loads(answer) for answer in answers(content, as_json=True)]
    assert [len(answer["source"]) for answer in found] == [1, 1000, 1000, 1, 1000]


def test_long_lines_come_in_small_batches():
    line = b"x" * 1_000_000 + b"\n"
    batches = list(read_batches(io.BytesIO(line * 12), limit=100, seconds=5))
    assert sum(map(len, batches)) == 12
    assert max(map(len, batches)) == 5  # of 4 MiB, and what reaches beyond them


class Inexhaustible(io.RawIOBase):
    """Long lines without end, counted."""

    given = 0

    def readline(self, size: int = -1) -> bytes:
        self.given += 1
        return b"x" * 100_000 + b"\n"


def test_a_huge_input_waits_for_a_slow_model():
    stream = Inexhaustible()
    next(batches := read_batches(stream, limit=8, seconds=0.01))  # type: ignore[arg-type]
    time.sleep(0.3)
    # Not the 32 lines that a queue of short ones would hold.
    assert stream.given <= 12
    batches.close()


def test_whatever_breaks_the_reading_is_raised():
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            raise RuntimeError("nobody knows")

    with pytest.raises(RuntimeError, match="nobody knows"):
        list(read_batches(Broken(b"a\n")))


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=80), prefixes=st.booleans())
def test_any_bytes_get_as_many_answers_as_lines(content: bytes, prefixes: bool):
    count = content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert len(answers(content, prefixes=prefixes)) == count
    for answer in answers(content, as_json=True, prefixes=prefixes):
        assert "source" in json.loads(answer)


def test_outputs_that_the_limit_ended_are_flagged_and_counted(caplog: pytest.LogCaptureFixture):
    class Limited(FakePredictor):
        def answer(self, source: str) -> Prediction:
            flags = (source.startswith("l"), source.endswith("l"))
            made = super().answer(source)
            limited = [one._replace(limited=flag) for one, flag in zip(made.hypotheses, flags, strict=True)]
            return made._replace(hypotheses=limited)

    found = [json.loads(describe(text, Limited().answer(text), 2)) for text in ("la", "al", "aa")]
    assert [answer.get("limited") for answer in found] == [True, None, None]
    flags = [[output.get("limited") for output in answer["predictions"]] for answer in found]
    assert flags == [[True, None], [None, True], [None, None]]
    predict_lines(Limited(), io.BytesIO(b"la\nal\n" + b"lo\n" * 8), lambda text: None)
    assert (
        "line 1: its output was ended by the search's limit (see --search.length_ratio and --search.max_length)"
        in caplog.text
    )
    assert "9 of 10 lines had outputs that the search's limit ended" in caplog.text
    assert "line 2" not in caplog.text.replace("(first on line 1)", "")
