"""The pairs of a student: a dev set that stays what it is, real pairs and labels with weights."""

from pathlib import Path

import pytest

from pipeline.improvement.mixture import fix_splits, mix
from pipeline.pairs.splits import open_splits
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import configure


def fixed(configuration: Configuration, folder: Path) -> Configuration:
    return fix_splits(configuration, open_splits(configuration.data, 1, configuration.text, looks=False), folder)


def pairs(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_files_of_the_user_stay_where_they_are(tmp_path: Path):
    for name in ("train", "dev"):
        (tmp_path / f"{name}.tsv").write_text("a\tA\n")
    places = {"data.train": tmp_path / "train.tsv", "data.dev": tmp_path / "dev.tsv"}
    configuration = configure("cmudict", places)
    assert fixed(configuration, tmp_path / "data") == configuration
    assert not (tmp_path / "data").exists()
    made_up = configure("cmudict", {**places, "text.target_tokenizer": "char", "data.hallucinated": 4})
    assert mix(made_up, tmp_path / "labels.tsv", 0.5).data.hallucinated == 0
    mixed = mix(configuration, tmp_path / "labels.tsv", 0.5).data
    assert mixed.train == {str(tmp_path / "train.tsv"): 1.0, str(tmp_path / "labels.tsv"): 0.5}


def test_what_a_setting_chooses_is_written(tmp_path: Path):
    train = {}
    for name, letters in (("one", "abcde"), ("two", "fghij")):
        (tmp_path / name).write_text("".join(f"{letter}\t{letter.upper()}\n" for letter in letters))
        train[str(tmp_path / name)] = 1.0 if name == "one" else 2.0
    configuration = configure("cmudict", {"data.train": train, "data.dev_size": 2, "data.train_size": 6})
    found = fixed(configuration, tmp_path / "data").data
    assert found.dev == str(tmp_path / "data" / "dev.tsv")
    assert found.train_size is None
    # Those with the highest weight come first, and keep it.
    assert found.train == {str(tmp_path / "data" / "train-1.tsv"): 2.0, str(tmp_path / "data" / "train-2.tsv"): 1.0}
    dev = pairs(tmp_path / "data" / "dev.tsv")
    parts = [pairs(tmp_path / "data" / f"train-{number}.tsv") for number in (1, 2)]
    assert len(dev) == 2
    assert len(parts[0]) + len(parts[1]) == 6
    assert set(parts[0]) < {f"{letter}\t{letter.upper()}" for letter in "fghij"}
    assert not set(dev) & {*parts[0], *parts[1]}


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ({"source": 1, "target": 3}, "source\t-\ttarget"),
        ({"source": 1, "target": 3, "features": 2}, "source\tfeatures\ttarget"),
        ({"target": "form", "source": "lemma"}, "form\tlemma"),
        ({"target": "form", "source": "lemma", "features": "told"}, "form\tlemma\ttold"),
    ],
)
def test_chosen_columns_are_those_of_the_files(tmp_path: Path, columns: dict[str, int | str], first: str):
    table = tmp_path / "a.tsv"
    names = "lemma\ttold\tform\n" if "form" in columns.values() else "source\tnote\ttarget\n"
    # The first pair looks like names of columns, and is none.
    rows = ["word\tN;SG\tform\n", *(f"w{n}\tN;PL\tW{n}\n" for n in range(9))]
    table.write_text(names + "".join(rows))
    configuration = configure(
        "cmudict", {"data.train": str(table), "data.dev": str(table), "data.test": str(table), "data.columns": columns}
    )
    splits = open_splits(configuration.data, 1)
    data = fix_splits(configuration, splits, tmp_path / "data").data
    assert data.columns == columns
    assert pairs(tmp_path / "data" / "train-1.tsv")[0] == first
    found = {name: [pair[:2] for pair in split()] for name, split in open_splits(data, 1).items()}
    assert found == {name: [pair[:2] for pair in split()] for name, split in splits.items()}
    assert found["train"][0][1] == "form"


def test_a_tab_within_a_source_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name, lines in (("in.txt", "a\tb\nc\nd\n"), ("out.txt", "A\nC\nD\tE\n")):
        (tmp_path / name).write_text(lines)
    places = ",".join(str(tmp_path / name) for name in ("in.txt", "out.txt"))
    configuration = configure("cmudict", {"data.train": places, "data.dev": places, "data.train_size": 3})
    fixed(configuration, tmp_path / "data")
    assert pairs(tmp_path / "data" / "train-1.tsv") == ["c\tC"]
    assert "2 pairs with a TAB, left out" in caplog.text
