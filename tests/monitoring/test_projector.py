"""Embeddings as TensorBoard's Projector reads them."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.model.sequence_to_sequence import build_model
from pipeline.monitoring import projector
from pipeline.monitoring.projector import metadata, write_embeddings
from pipeline.runs.directory import RunDirectory
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary
from tests.tiny_task import TinyRun, tiny_configuration


def read_labels(path: Path) -> list[str]:
    """The labels alone, without the header."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    assert header == "symbol\trank\tkind"
    return [row.split("\t")[0] for row in rows]


def test_a_finished_run_has_a_row_and_a_label_for_every_symbol(tiny_run: TinyRun):
    logs = RunDirectory(tiny_run.path).logs / "train"
    for side, some in (("source", {"東", "ß", "a"}), ("target", {"EAST", "S"})):
        rows = np.loadtxt(logs / f"{side}_embedding.tsv")
        labels = read_labels(logs / f"{side}_symbols.tsv")
        vocabulary = Vocabulary.load(RunDirectory(tiny_run.path).vocabulary / f"{side}.txt")
        assert rows.shape == (len(vocabulary), tiny_run.configuration.model.embedding_units)
        assert len(labels) == len(vocabulary)
        assert some <= set(labels)


def test_tensorboard_finds_it(tiny_run: TinyRun):
    from tensorboard.plugins.projector import projector_config_pb2

    text_format = pytest.importorskip("google.protobuf.text_format")
    logs = RunDirectory(tiny_run.path).logs / "train"
    configuration = projector_config_pb2.ProjectorConfig()
    text_format.Parse((logs / "projector_config.pbtxt").read_text(encoding="utf-8"), configuration)
    assert [part.tensor_name for part in configuration.embeddings] == ["source symbols", "target symbols"]
    for part in configuration.embeddings:
        assert (logs / part.tensor_path).is_file()
        assert (logs / part.metadata_path).is_file()


def test_white_space_and_large_vocabularies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(projector, "MOST_SYMBOLS", 7)
    source, target = Vocabulary([" ", "\t", "\u3000", "x"]), Vocabulary(["a"])
    run = RunDirectory(tmp_path)
    write_embeddings(run, build_model(tiny_configuration({}).model, len(source), len(target)), source, target)
    assert read_labels(run.logs / "train" / "source_symbols.tsv") == [*SPECIAL_SYMBOLS, "␣", "U+0009", "U+3000"]
    assert len(np.loadtxt(run.logs / "train" / "source_embedding.tsv")) == 7
    assert len(np.loadtxt(run.logs / "train" / "target_embedding.tsv")) == len(SPECIAL_SYMBOLS) + 1


def test_something_to_colour_by():
    rows = metadata(Vocabulary(["E", "ß", "東", "\u0301", "3", "ˈ", "!"])).splitlines()[1 + len(SPECIAL_SYMBOLS) :]
    kinds = ["capital letter", "lowercase letter", "letter", "mark", "digit", "letter", "punctuation"]
    assert [row.split("\t")[1:] for row in rows] == [[str(place), kind] for place, kind in enumerate(kinds, 1)]
