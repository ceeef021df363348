"""The pairs of a student: a dev set that stays what it is, real pairs and labels with weights."""

from pathlib import Path

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


def test_columns_become_files_without_them(tmp_path: Path):
    table = tmp_path / "a.tsv"
    table.write_text("".join(f"w{n}\tx\tW{n}\n" for n in range(9)))
    changes = {"data.train": str(table), "data.dev": str(table), "data.columns": {"source": 1, "target": 3}}
    configuration = configure("cmudict", changes)
    splits = open_splits(configuration.data, 1)
    data = fix_splits(configuration, splits, tmp_path / "data").data
    assert data.columns is None
    assert {name: list(split()) for name, split in open_splits(data, 1).items()} == {
        name: list(split()) for name, split in splits.items()
    }
