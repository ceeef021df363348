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
    [("", "blank line"), ("word\tW O", "a TAB, as in a file of pairs"), ("a\0", "is a NUL")],
)
def test_lines_that_are_no_sources(tmp_path: Path, line: str, words: str):
    file = tmp_path / "words.txt"
    file.write_text(f"level\n{line}\nradar\n")
    with pytest.raises(DataError, match=rf"words\.txt:2: .*{words}.*data\.skip_bad_lines true"):
        gather(tmp_path, str(file))
    found = gather(tmp_path, str(file), **{"data.skip_bad_lines": True})
    assert found.sources[-2:] == ["level", "radar"]


def test_pieces_are_recombined_where_there_is_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    found = gather(tmp_path, None)
    assert found.sources[:2] == ["anna", "otto"]
    assert "made of the training's pieces (2 wanted)" in caplog.text
    assert gather(tmp_path, None, 0).sources == ["anna", "otto"]
    with pytest.raises(UsageError, match="--recombined: -1 is impossible"):
        gather(tmp_path, None, -1)


def test_a_training_does_not_know_of_the_file():
    configuration, file = split_unlabeled(configure("cmudict", {"data.unlabeled": "words.txt"}))
    assert (configuration, file) == (configure("cmudict"), "words.txt")
