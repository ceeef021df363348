"""Targets from right to left: found from their end, shown as they are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.errors import UsageError
from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.portable.export import export_folder
from pipeline.portable.kinds import FolderKind
from pipeline.prediction.predictor import Predictor
from pipeline.prediction.string_model import StringModel
from pipeline.prediction.unknown_symbols import UnknownReplacement
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.export import describe_model, save_string_model
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.processor import make_texts
from pipeline.text.vocabulary import Vocabulary
from tests.tiny_task import TinyRun

SOURCES = ["ab", "b", "aabb", "c"]
RIGHT_TO_LEFT = TextConfiguration(direction="right_to_left")


@pytest.fixture(scope="module")
def models() -> tuple[StringModel, StringModel]:
    """The same network, in both directions; its search ends where the limit is."""
    vocabulary = Vocabulary(["a", "b", "ab"])
    kind: Any = {"attention": "multi_head_bahdanau", "attention_heads": 2, "attention_units": 4}
    settings = ModelConfiguration(units=4, embedding_units=3, **kind)
    network = SingleNetwork(build_model(settings, len(vocabulary), len(vocabulary)))
    search = SearchConfiguration(beam_size=3, min_length=2, max_length=5)
    both = (make_texts(text, vocabulary, vocabulary) for text in (TextConfiguration(), RIGHT_TO_LEFT))
    first, second = (StringModel(network, *texts, search, 3, 8, UnknownReplacement()) for texts in both)
    return first, second


def predictors(models: tuple[StringModel, StringModel]) -> tuple[Predictor, Predictor]:
    return Predictor(models[0], TextConfiguration(), 3), Predictor(models[1], RIGHT_TO_LEFT, 3)


def test_ids_stand_as_the_model_reads_them():
    vocabulary = Vocabulary(["a", "b"])
    source, target = make_texts(RIGHT_TO_LEFT, vocabulary, vocabulary)
    assert source.encode(["ab", "b"]).to_list() == [[4, 5, 2], [5, 2]]
    assert target.encode(["ab", "b"]).to_list() == [[5, 4, 2], [5, 2]]
    ids, lengths = target.to_ids(target.split(["abb", "a", ""]))
    assert ids.numpy().tolist() == [[5, 5, 4, 2], [4, 2, 0, 0], [2, 0, 0, 0]]
    assert lengths.numpy().tolist() == [4, 2, 1]
    assert target.decode(target.turn(ids, ids)).numpy().tolist() == [b"abb", b"a", b""]


def test_outputs_are_shown_as_they_are_read(models: tuple[StringModel, StringModel]):
    forward, backward = (one.predict(SOURCES, heads_apart=True) for one in predictors(models))
    for one, other in zip(forward, backward, strict=True):
        assert one.scores == other.scores
        for here, there in zip(one.hypotheses, other.hypotheses, strict=True):
            # The end symbol keeps its place, which an output that the limit ended has too.
            assert there.tokens == [*here.tokens[-2::-1], here.tokens[-1]]
            np.testing.assert_array_equal(there.attention[:-1], here.attention[-2::-1])
            np.testing.assert_array_equal(there.attention[-1], here.attention[-1])
            assert there.text == "".join(there.tokens[:-1])
        assert one.attention_heads is not None
        assert other.attention_heads is not None
        np.testing.assert_array_equal(other.attention_heads[:, :-1], one.attention_heads[:, -2::-1])


@pytest.mark.slow
def test_scores_are_of_what_the_search_found(models: tuple[StringModel, StringModel]):
    forward, backward = predictors(models)
    assert backward.score(["ab"] * 2, ["ab", "ba"]).score.tolist() == pytest.approx(
        forward.score(["ab"] * 2, ["ba", "ab"]).score.tolist()
    )
    assert backward.score_tokens(["ab"], [["b", "ab"]]).score.tolist() == pytest.approx(
        forward.score_tokens(["ab"], [["ab", "b"]]).score.tolist()
    )


def test_prefixes_are_refused(models: tuple[StringModel, StringModel]):
    with pytest.raises(UsageError, match=r"prefixes: impossible with text\.direction right_to_left"):
        predictors(models)[1].predict(["ab"], prefixes=["a"])


@pytest.mark.slow
def test_an_export_answers_as_the_model(models: tuple[StringModel, StringModel], tmp_path: Path):
    model = models[1]
    save_string_model(model, tmp_path / "export", describe_model(model, RIGHT_TO_LEFT))
    exported, live = load_predictor(tmp_path / "export", n_best=None), predictors(models)[1]
    for one, other in zip(exported.predict(SOURCES), live.predict(SOURCES), strict=True):
        assert one.texts == other.texts
        assert one.scores == pytest.approx(other.scores)
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-6)
    assert exported.score(["ab"], ["ba"]).score == pytest.approx(live.score(["ab"], ["ba"]).score)
    assert "complete" not in tf.saved_model.load(str(tmp_path / "export")).signatures


def test_folders_are_refused(tiny_run: TinyRun, tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    for file in ("config.yaml", "run.json"):
        if (tiny_run.path / file).is_file():
            (run.path / file).write_bytes((tiny_run.path / file).read_bytes())
    settings = run.config.read_text().replace("direction: left_to_right", "direction: right_to_left")
    run.config.write_text(settings)
    with pytest.raises(UsageError, match=r"--format onnx: impossible with text\.direction right_to_left"):
        export_folder(run.path, tmp_path / "folder", FolderKind("onnx"))
