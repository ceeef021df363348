import logging
import tempfile
from pathlib import Path

import pytest

from pipeline.data.inspection import inspect
from pipeline.errors import DataError
from tests.tiny_task import capitals, tiny_configuration, write_pairs


def report(folder: Path, sources: list[str], **data: object) -> str:
    train = write_pairs(folder / "train.tsv", [(source, capitals(source)) for source in sources])
    dev = write_pairs(folder / "dev.tsv", [("é", "É"), ("é", "E"), ("b", "B")])
    return inspect(tiny_configuration({"train": train, "dev": dev}, data={"batch_tokens": 33, **data}))


def find(text: str, start: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith(start)]
    return " ".join(line.split())


def test_sizes_and_vocabularies(tmp_path: Path):
    text = report(tmp_path, ["a", "ab", "ab", "aß"])
    assert find(text, "train") == "train 4 3"
    assert find(text, "dev") == "dev 3 2"
    assert find(text, "source vocabulary") == (
        "source vocabulary: 7 with 4 special symbols, most frequent first: a b ß"
    )
    assert find(text, "target vocabulary") == (
        "target vocabulary: 7 with 4 special symbols, most frequent first: A B S"
    )


def test_what_is_taken_of_every_file(tmp_path: Path):
    (tmp_path / "train.tsv").write_text("a\tA\tN;SG\nb\tB\tN;PL\n")
    sides = [str(tmp_path / "dev.en"), str(tmp_path / "dev.de")]
    for side in sides:
        Path(side).write_text("a\nb\n")
    text = inspect(tiny_configuration({"train": str(tmp_path / "train.tsv"), "dev": ",".join(sides)}))
    assert text.splitlines()[:3] == [
        "files",
        f"  {tmp_path}/train.tsv: 3 columns; source is column 1 ('a'), target column 2 ('A'); "
        "column 3 ('N;SG') is left out",
        f"  {','.join(sides)}: source is a line of the first ('a'), target the same line of the second ('a')",
    ]


def test_a_large_vocabulary_is_shortened(tmp_path: Path):
    pairs = [(chr(0x4E00 + index), "A") for index in range(1050)]
    train = write_pairs(tmp_path / "train.tsv", pairs)
    text = inspect(tiny_configuration({"train": train, "dev": train}))
    line = find(text, "source vocabulary")
    assert line.startswith("source vocabulary: 1,054 with")
    assert line.endswith("… and 1,010 more")


def test_percentiles(tmp_path: Path):
    # With the end symbol: 90 sources of 2, 9 of 3 and 1 of 5 symbols; ß makes two of one in the target.
    text = report(tmp_path, ["a"] * 90 + ["ab"] * 9 + ["ßaaa"])
    assert find(text, "percentile") == "percentile 0 25 50 75 90 95 99 100"
    assert find(text, "source  ") == "source 2 2 2 2 2 3 3 5"
    assert find(text, "target  ") == "target 2 2 2 2 2 3 3 6"


def test_padding(tmp_path: Path):
    sources = ["a"] * 8 + ["abé"] * 8
    text = report(tmp_path, sources, buckets=1)
    # Two batches of 8 rows and 4 + 4 columns hold 8 pairs of 2 + 2 symbols and 8 of 4 + 4.
    assert find(text, "1 ") == "1 8 × 4 × 4 16 2 25.0%"
    assert find(text, "all") == "all 16 2 25.0%"
    assert find(text, "an epoch") == "an epoch: 1 × all, 2 steps (train.min_epoch_tokens 0)"
    text = report(tmp_path, sources, buckets=2)
    assert find(text, "1 ") == "1 16 × 2 × 2 8 1 50.0%"
    assert find(text, "2 ") == "2 8 × 4 × 4 8 1 0.0%"
    assert find(text, "all") == "all 16 2 25.0%"
    assert find(text, "an epoch") == "an epoch: 1 × all, 2 steps (train.min_epoch_tokens 0)"


def test_what_is_dropped_and_why(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    text = report(tmp_path, ["a", "ab" * 9, "ß" * 9, "éa" * 12], max_length=16)
    assert find(text, "dropped pairs") == (
        "dropped pairs (data.max_length 16): 2 source too long (first on line 2); 1 target too long (first on line 3)"
    )
    assert find(text, "all").startswith("all 1 1")
    assert "train: 2 pairs left out of training, first on line 2" in caplog.text
    assert find(report(tmp_path, ["a"]), "dropped pairs") == "dropped pairs: none (data.max_length 16)"


def test_what_is_changed_of_the_text(tmp_path: Path):
    train = write_pairs(tmp_path / "t.tsv", [("각", "A"), ("cafe\u0301", "B"), ("b", "é"), ("c", "e\u0301e\u0301")])
    locations = {"train": train, "dev": write_pairs(tmp_path / "d.tsv", [("b", "B")])}
    configuration = tiny_configuration(locations, text={"normalization": "nfd", "lowercase": True})
    assert (
        "text.normalization nfd changes 1 of 4 sources and 1 of 4 targets\n"
        "text.lowercase changes 0 of 4 sources and 2 of 4 targets\n"
        "outputs are given in nfc, in which 3 of 4 targets stand\n"
    ) in inspect(configuration)
    text = inspect(tiny_configuration(locations, text={"normalization": "none"}))
    assert "text.normalization none: outputs have the code points that the model writes\n" in text


def test_several_corpora(tmp_path: Path):
    places = [write_pairs(tmp_path / f"{name}.tsv", [(name, "A")] * count) for name, count in (("a", 8), ("b", 3))]
    dev = write_pairs(tmp_path / "dev.tsv", [("a", "A")])
    text = inspect(tiny_configuration({"train": dict(zip(places, (0.5, 2.0), strict=True)), "dev": dev}))
    assert find(text, "2 ") == f"2 3 6 {places[1]}"
    assert find(text, "0.5") == f"0.5 8 4 {places[0]}"
    assert find(text, "train") == "train 11 2"
    # The bucket's pairs are those of a pass: 10 rows of 2 + 2 symbols in a batch of 128 rows.
    assert find(text, "all") == "all 10 1 92.2%"


def test_every_rule_is_named(tmp_path: Path):
    text = report(tmp_path, ["ab", "ab", "a"], drop_duplicates=True, min_length=2)
    assert find(text, "dropped pairs") == (
        "dropped pairs (data.max_length 16, data.min_length 2, data.drop_duplicates true): "
        "1 source too short (first on line 3); 1 the same pair again (first on line 2)"
    )


def test_first_batches(tmp_path: Path):
    text = report(tmp_path, ["aß"])
    batches = text[text.index("first batches") :]
    assert "source [8, 3], target_inputs [8, 4], targets [8, 4]" in batches
    assert [" ".join(line.split()) for line in batches.splitlines()[2:5]] == [
        "source a ß </s>",
        "target_inputs <s> A S S",
        "targets A S S </s>",
    ]
    # An empty row, and the next epoch's batch.
    assert "  source         </s> <pad> <pad>" in batches
    assert batches.count("source [8, 3]") == 2


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    report(tmp_path, ["a", "b"])
    assert list((tmp_path / "temporary").iterdir()) == []


def test_bad_data(tmp_path: Path):
    (tmp_path / "bad.tsv").write_text("a\tA\nb\n")
    with pytest.raises(DataError, match=r"bad\.tsv:2: no TAB"):
        inspect(tiny_configuration({"train": str(tmp_path / "bad.tsv")}))
    assert logging.getLogger("pipeline.data.preparation").isEnabledFor(logging.WARNING)
