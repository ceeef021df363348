"""What is labelled: checked line by line, without what is measured on."""

import gzip
import logging
from pathlib import Path

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.improvement.inputs import Inputs, gather_inputs, split_unlabeled
from pipeline.pairs.splits import open_splits
from pipeline.settings.configure import configure


def gather(folder: Path, unlabeled: str | None, recombined: int | None = None, **settings: object) -> Inputs:
    for name, words in (("train", "anna otto anna"), ("dev", "Hannah"), ("test", "noon")):
        (folder / f"{name}.tsv").write_text("".join(f"{word}\tx\n" for word in words.split()))
    places = {f"data.{name}": folder / f"{name}.tsv" for name in ("train", "dev", "test")}
    configuration = configure("cmudict", {**places, **settings})
    splits = open_splits(configuration.data, 1, configuration.text, looks=False)
    return gather_inputs(configuration, splits, unlabeled, recombined)


def test_a_file_of_sources(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    file = tmp_path / "words.gz"
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.write("level\n otto \nhannah\nnoon\nlevel\nradar\n")
    found = gather(tmp_path, str(file), **{"text.lowercase": True})
    assert found.sources == ["anna", "otto", "level", "radar"]
    assert "2 lines are sources of dev or test: taken out" in caplog.text
    assert "2 to label, besides 2 that the training or the file itself has" in caplog.text
    assert found.fingerprint != Inputs(["anna"]).fingerprint


@pytest.mark.parametrize(
    ("line", "words"),
    [("", "blank line"), ("\t", "blank line"), ("word\tW O", "a TAB, as in a file of pairs"), ("a\0", "is a NUL")],
)
def test_lines_that_are_no_sources(tmp_path: Path, line: str, words: str):
    file = tmp_path / "words.txt"
    file.write_text(f"level\n{line}\nradar\n")
    with pytest.raises(DataError, match=rf"words\.txt:2: .*{words}.*data\.skip_bad_lines true"):
        gather(tmp_path, str(file))
    found = gather(tmp_path, str(file), **{"data.skip_bad_lines": True})
    assert found.sources[-2:] == ["level", "radar"]
    file.write_text("\tlevel\t\n")
    assert gather(tmp_path, str(file)).sources[-1] == "level"


def test_pieces_are_recombined_where_there_is_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    found = gather(tmp_path, None)
    assert found.sources[:2] == ["anna", "otto"]
    assert "made of the training's pieces (8 wanted)" in caplog.text
    assert gather(tmp_path, None, 0).sources == ["anna", "otto"]
    with pytest.raises(UsageError, match="--recombined: -1 is impossible"):
        gather(tmp_path, None, -1)


def gather_inflected(folder: Path, unlabeled: str | None, recombined: int | None = None) -> Inputs:
    rows = {
        "train": ["walking V;PST walked", "talking V;3;SG talks", "walk N;PL walks"],
        "dev": ["walking V;3;SG walks"],
    }
    for name, lines in rows.items():
        (folder / f"{name}.tsv").write_text("".join(line.replace(" ", "\t") + "\n" for line in lines))
    places = {f"data.{name}": folder / f"{name}.tsv" for name in rows}
    columns = {"source": 1, "features": 2, "target": 3}
    configuration = configure("cmudict", {**places, "data.columns": columns})
    return gather_inputs(configuration, open_splits(configuration.data, 1, configuration.text), unlabeled, recombined)


def test_sources_with_features(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    file = tmp_path / "lemmas.tsv"
    file.write_text("walking \t V; 3;;SG\njumping\tV;PST\t\njumping\nwalk\tN;PL\n")
    # What dev has, and what the training has, is not labelled, however it is spaced; a source may have no features.
    found = gather_inflected(tmp_path, str(file)).sources
    assert "1 line has no features, which the sources of the training have" in caplog.text
    assert found == ["walking\tV;PST", "talking\tV;3;SG", "walk\tN;PL", "jumping\tV;PST", "jumping"]
    # One feature in two normal forms is one, in two cases it is two, as models read them.
    file.write_text("go\tV;e\u0301\ngo\tV;\u00e9\ngo\tV;\u00c9\n")
    assert len(gather_inflected(tmp_path, str(file)).sources) == 5
    file.write_text("jumping\tV;PST\tjumped\n")
    with pytest.raises(DataError, match=r"lemmas\.tsv:1: 3 columns.*SOURCE TAB FEATURES"):
        gather_inflected(tmp_path, str(file))
    file.write_text("\tV;PST\n")
    with pytest.raises(DataError, match=r"lemmas\.tsv:1: no source before the TAB"):
        gather_inflected(tmp_path, str(file))


def test_features_are_exchanged_and_stay_with_the_ends(tmp_path: Path):
    made = gather_inflected(tmp_path, None, 40).sources[3:]
    # "walking V;3;SG" stands in dev; a noun's features are no verb's.
    assert "talking\tV;PST" in made
    assert "walking\tV;3;SG" not in made
    assert all("\t" in source for source in made)
    assert {source.split("\t")[1][0] for source in made if source.split("\t")[0].endswith("ing")} == {"V"}


def test_a_source_with_a_tab_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name, lines in (("in.txt", "a\tb\nccc\n"), ("out.txt", "A\nC\n")):
        (tmp_path / name).write_text(lines)
    places = ",".join(str(tmp_path / name) for name in ("in.txt", "out.txt"))
    configuration = configure("cmudict", {"data.train": places, "data.dev": places})
    splits = open_splits(configuration.data, 1, configuration.text, looks=False)
    assert gather_inputs(configuration, {"train": splits["train"]}, None, 0).sources == ["ccc"]
    assert "1 source has a TAB" in caplog.text


def test_a_training_does_not_know_of_the_file():
    configuration, file = split_unlabeled(configure("cmudict", {"data.unlabeled": "words.txt"}))
    assert (configuration, file) == (configure("cmudict"), "words.txt")
