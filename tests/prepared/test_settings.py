"""A prepared corpus in the place of files: which settings it decides, and what it cannot do."""

import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.inspection import inspect
from pipeline.data.preparation import open_run
from pipeline.data.prepared.corpus import open_prepared
from pipeline.data.prepared.vocabularies import take_prepared_vocabularies
from pipeline.defaults.configure import configure
from pipeline.defaults.reverse import reverse
from pipeline.errors import DataError, UsageError
from pipeline.improvement.improve import Improvement, improve
from pipeline.pairs.data_files import compare_data, contents_of_data, read_data_files
from pipeline.pairs.reading import read_pairs
from pipeline.prepared.manifest import read_manifest
from pipeline.prepared.settings import settings_from_corpus
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.training_counts import count_training_symbols
from pipeline.suspects.search import find_suspects
from pipeline.text.vocabulary import load_vocabularies
from pipeline.training.together.leading import require_same_corpus
from tests.tiny_corpus import prepare_tiny, settings


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(prepare_tiny(tmp_path_factory.mktemp("decided"), data__max_length=12))


def test_auto_takes_what_was_decided_and_counted(corpus: str, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        found = configure(changes={"data.train": corpus})
    assert found.data.max_length == 12
    assert found.text.target_tokenizer == "space"
    assert found.data.dev == [f"{corpus}/dev.source", f"{corpus}/dev.target"]
    assert (
        "vocabularies, how strings are cut and which pairs are left out are those it was prepared with" in caplog.text
    )
    pairs = read_manifest(Path(corpus)).pairs
    assert f"settings that follow from {pairs:,} training pairs" in caplog.text
    # A few thousand symbols: the smallest network of the table.
    assert found.model.units == 192 or found.model.units == 128


def test_a_preset_takes_what_it_does_not_give(corpus: str):
    found = configure("cmudict", {"data.train": corpus})
    assert (found.data.max_length, found.data.dev) == (12, [f"{corpus}/dev.source", f"{corpus}/dev.target"])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("text.lowercase", True, "text.lowercase: true is impossible, .* was prepared with false; leave it out"),
        ("data.max_length", 9, "data.max_length: 9 is impossible, .* was prepared with 12"),
        ("data.columns", {"source": 2, "target": 1}, "data.columns: .* is impossible, .* was prepared with null"),
    ],
)
def test_other_settings_are_refused_by_name(corpus: str, key: str, value: Any, said: str, tmp_path: Path):
    with pytest.raises(UsageError, match=said):
        settings_from_corpus({"data.train": corpus, key: value})
    configuration = settings(corpus, **{"data__max_length": 12, "data__dev": f"{corpus}/dev.source", key: value})
    with pytest.raises(UsageError, match=said):
        open_run(configuration, RunDirectory(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data__train_size": 0.5}, "data.train_size: 0.5 is impossible with the prepared corpus"),
        ({"train__teacher": "runs/other"}, "train.teacher: runs/other is impossible with the prepared corpus"),
        ({"data__dev": None}, "data.dev: is missing; give .*dev.source"),
    ],
)
def test_what_it_cannot_do_is_refused(corpus: str, changes: dict[str, Any], said: str, tmp_path: Path):
    given = {"data__max_length": 12, "data__dev": [f"{corpus}/dev.source", f"{corpus}/dev.target"], **changes}
    with pytest.raises(UsageError, match=said):
        open_run(settings(corpus, **given), RunDirectory(tmp_path / "run"))


def test_what_has_no_batches_is_refused_before_it_begins(corpus: str, tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(UsageError, match=r"data.batch_tokens: 30 is too small"):
        open_run(configure("cmudict", {"data.train": corpus, "data.batch_tokens": 30}), run)
    with pytest.raises(UsageError, match="3 workers cannot share evenly"):
        open_run(configure("cmudict", {"data.train": corpus}), run, workers=3)
    assert not run.path.exists()


def test_it_has_no_text(corpus: str):
    said = "is a prepared corpus, which holds no text: it is data.train of trainings, alone and without a weight"
    with pytest.raises(UsageError, match=said):
        next(read_pairs(corpus, "train"))
    with pytest.raises(UsageError, match=said):
        list(read_pairs({corpus: 2.0}, "train"))


def test_its_manifest_stands_for_all_of_it(corpus: str, tmp_path: Path):
    here = configure("cmudict", {"data.train": corpus})
    files = read_data_files(here)
    assert {Path(path).name for path in files.checksums} == {"prepared.json", "dev.source", "dev.target"}
    moved = tmp_path / "moved"
    moved.symlink_to(corpus)
    there = read_data_files(configure("cmudict", {"data.train": str(moved)}))
    assert contents_of_data(files) == contents_of_data(there)
    assert not compare_data(files, there).other


def test_a_run_has_its_vocabularies_and_no_ids_of_training(
    corpus: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    configuration = configure("cmudict", {"data.train": corpus})
    data = open_run(configuration, RunDirectory(tmp_path / "run"))
    assert len(data.train) == read_manifest(Path(corpus)).pairs
    assert {path.name for path in (tmp_path / "run" / "data").iterdir()} == {"dev"}
    # Opened again, it is the same run.
    assert open_run(configuration, RunDirectory(tmp_path / "run")).buckets == data.buckets


def test_inspect_says_what_the_manifest_knows(corpus: str):
    text = inspect(configure("cmudict", {"data.train": corpus}))
    pairs = read_manifest(Path(corpus)).pairs
    assert f"prepared corpus: {pairs} pairs of 3 files" in text
    assert f"train   {pairs}       not counted" in text
    assert "an epoch: " in text
    assert "first batches, their first rows" in text


def test_a_damaged_manifest_is_named(corpus: str, tmp_path: Path):
    (tmp_path / "prepared.json").write_text("{")
    with pytest.raises(DataError, match=r"prepared.json: cannot be read .*; the same `prepare` command mends it"):
        read_manifest(tmp_path)
    (tmp_path / "prepared.json").write_text('{"format": 99}')
    with pytest.raises(DataError, match="of format 99, this version reads 1"):
        read_manifest(tmp_path)


def test_a_worker_with_another_corpus_is_refused(corpus: str, tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    configuration = configure("cmudict", {"data.train": corpus})
    open_run(configuration, run)
    require_same_corpus(configuration, run)
    copied = tmp_path / "copied"
    shutil.copytree(corpus, copied)
    there = configure("cmudict", {"data.train": str(copied)})
    require_same_corpus(there, run)
    (copied / "prepared.json").write_text((copied / "prepared.json").read_text() + " ")
    with pytest.raises(UsageError, match="of other content: all workers must have what worker 0 has"):
        require_same_corpus(there, run)


def test_both_directions_are_refused(corpus: str):
    with pytest.raises(UsageError, match="was prepared for one direction"):
        reverse(configure("cmudict", {"data.train": corpus}))


def test_who_reads_the_text_is_refused_at_once(corpus: str, tmp_path: Path):
    configuration = configure("cmudict", {"data.train": corpus})
    with pytest.raises(UsageError, match="is a prepared corpus, which holds no text"):
        improve(configuration, tmp_path / "run", Improvement())
    with pytest.raises(UsageError, match="is a prepared corpus, which holds no text"):
        find_suspects(configuration, tmp_path / "run")


def test_trials_share_it_and_tokenise_dev_alone(corpus: str, tmp_path: Path):
    configuration = configure("cmudict", {"data.train": corpus})
    for seed in (1, 2):
        own = configure("cmudict", {"data.train": corpus, "train.seed": seed})
        data = open_run(own, RunDirectory(tmp_path / str(seed)), looks=False, cache=tmp_path / "cache")
        assert len(data.train) == read_manifest(Path(corpus)).pairs
        assert not (tmp_path / str(seed) / "data").exists()
    assert {path.name for path in (tmp_path / "cache").glob("*/*")} == {"dev"}
    assert configuration.data.dev == own.data.dev


def test_an_earlier_run_with_other_symbols_is_refused(corpus: str, tmp_path: Path):
    """It is met by a corpus that is prepared with it."""
    (tmp_path / "pairs.tsv").write_text("".join(f"{word}\t{word[0]} {word[1]}\n" for word in ("xy", "yx", "ax", "bx")))
    earlier = settings(str(tmp_path / "pairs.tsv"), data__dev=str(tmp_path / "pairs.tsv"))
    run = RunDirectory(tmp_path / "earlier")
    open_run(earlier, run)
    configuration = configure("cmudict", {"data.train": corpus, "train.init_from": str(run.path)})
    with pytest.raises(UsageError, match=r"knows source symbols that .* lacks; prepare it with --train.init_from"):
        take_prepared_vocabularies(configuration, RunDirectory(tmp_path / "run"))
    (tmp_path / "other").mkdir()
    own = str(prepare_tiny(tmp_path / "other", train__init_from=str(run.path)))
    symbols = load_vocabularies(Path(own) / "vocabulary")[0].symbols
    assert symbols[4:8] == load_vocabularies(run.vocabulary)[0].symbols[4:]
    configuration = configure("cmudict", {"data.train": own, "train.init_from": str(run.path)})
    directory = RunDirectory(tmp_path / "run")
    directory.begin(configuration)
    take_prepared_vocabularies(configuration, directory)
    assert load_vocabularies(directory.vocabulary)[0].symbols == symbols


def test_symbols_of_training_are_counted_in_its_ids(corpus: str, tmp_path: Path):
    configuration = configure("cmudict", {"data.train": corpus})
    open_run(configuration, RunDirectory(tmp_path / "run"))
    counts = count_training_symbols(tmp_path / "run")
    assert isinstance(counts, Counter)
    found = open_prepared(Path(corpus))
    lengths = int(((found.lengths["source"] - 1) * found.lengths["count"]).sum())
    assert counts.total() == lengths
