"""A folder answers as the model that it was made of, by the real LiteRT and ONNX Runtime."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.export_loaders import KINDS, STRANGE, TEXT, Kind, make_model
from pipeline.commands.main import main
from pipeline.errors import UsageError
from pipeline.portable.converters import FORMATS
from pipeline.portable.export import export_folder, save_folder
from pipeline.portable.kinds import FolderKind
from pipeline.portable.search_graph import SearchGraph
from pipeline.prediction.predictor import Predictor
from pipeline.prediction.string_model import StringModel
from pipeline.runtime.model import Model
from pipeline.saved_models.loading import load_predictor
from tests.export_kinds import GROUPS, together
from tests.tiny_task import TinyRun, tiny_configuration

SOURCES = [*TEXT[:5], "cat", "the cat", "a", *STRANGE]
PREFIXES = ["", "the", "a c", "zebra"] * 4
TARGETS = ["a cat", "a-cat", "", "the the the", "zebra", "cat a " * 6, "t"] * 3
# Refused (`export --lexicon` is, too), of a dictionary in a file, and computed in float32: see below.
APART = ("sampling", "lexicon", "replace_unknown", "float64")
NAMES = [names for group in GROUPS if (names := [name for name in group if name not in APART])]
# Every option that a search takes, together with others. Greedy search alone is among the kinds.
SEARCHES = {
    "greedy with coverage_penalty": {"beam_size": 1, "coverage_penalty": 0.4},
    "greedy with block_ngrams": {"beam_size": 1, "block_ngrams": 1, "min_length": 2},
    "length_ratio": {"length_ratio": 0.7, "length_offset": 0},
    "all of them": {
        "length_penalty": 1.0,
        "coverage_penalty": 0.2,
        "min_length": 2,
        "max_length": 7,
        "block_ngrams": 3,
    },
}


def make_folder(kind: Kind, model: StringModel, place: Path, name: str, precision: str = "float32") -> Model:
    save_folder(model, kind.text, place, FolderKind(name, precision))
    return Model(place)


def assert_same_answers(kind: Kind, folder: Model, model: StringModel) -> None:
    """Of a folder and of the model itself, with prefixes and without, each head's attention and scores of targets."""
    predictor = Predictor(model, kind.text, model.n_best)
    sources = [source.encode("utf-8", "surrogateescape") for source in SOURCES]
    for prefixes in (None, PREFIXES[: len(sources)]):
        how = {"prefixes": prefixes, "heads_apart": prefixes is None}
        expected = predictor.predict(sources, **how)
        for mine, its in zip(folder.predict(sources, n_best=model.n_best, **how), expected, strict=True):
            assert (mine.attention_heads is None) == (its.attention_heads is None)
            if mine.attention_heads is not None:
                np.testing.assert_allclose(mine.attention_heads, its.attention_heads, atol=1e-4)
            assert mine.texts == its.texts
            np.testing.assert_allclose(mine.scores, its.scores, atol=1e-4)
            np.testing.assert_allclose(mine.rank_scores, its.rank_scores, atol=1e-4)
            assert mine.limited_outputs == its.limited_outputs
            assert (mine.cut, mine.invalid, mine.unknown) == (its.cut, its.invalid, its.unknown)
            for one, other in zip(mine.hypotheses, its.hypotheses, strict=True):
                assert one.tokens == other.tokens
                np.testing.assert_allclose(one.attention, other.attention, atol=1e-4)

    scores = [one.score(sources, TARGETS[: len(sources)]) for one in (folder, predictor)]
    np.testing.assert_allclose(scores[0].score, scores[1].score, atol=1e-4)
    assert scores[0].target_unknown.tolist() == scores[1].target_unknown.tolist()


def assert_every_format_answers_alike(kind: Kind, place: Path) -> None:
    """The model is made and traced once for all of them, which takes longer than they do."""
    model = make_model(kind, place)
    for name in FORMATS:
        assert_same_answers(kind, make_folder(kind, model, place / name, name), model)


@pytest.mark.slow
@pytest.mark.parametrize("names", NAMES, ids=", ".join)
def test_every_kind_answers_alike(names: list[str], tmp_path: Path):
    assert_every_format_answers_alike(together(names), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("search", SEARCHES)
def test_every_search_finds_the_same(search: str, tmp_path: Path):
    assert_every_format_answers_alike(Kind(search={"length_offset": 3, **SEARCHES[search]}), tmp_path)


@pytest.mark.parametrize(("name", "search"), [("litert", {"beam_size": 3}), ("onnx", {"beam_size": 1})])
def test_a_folder_answers_as_its_model(name: str, search: dict[str, int], tmp_path: Path):
    kind = Kind(search={"length_offset": 3, **search})
    model = make_model(kind, tmp_path)
    folder = make_folder(kind, model, tmp_path / "folder", name)
    assert_same_answers(kind, folder, model)
    info = json.loads((tmp_path / "folder" / "attentif.json").read_text(encoding="utf-8"))
    assert info["model"]["inputs"]["source"] == {"dtype": "int32", "shape": [1, None]}
    assert info["model"]["outputs"]["attention"] == {"dtype": "float32", "shape": [search["beam_size"], None, None]}


@pytest.mark.parametrize("precision", [pytest.param("float16", marks=pytest.mark.slow), "int8"])
def test_smaller_weights_score_nearly_the_same(precision: str, tmp_path: Path):
    kind = Kind({"units": 64, "embedding_units": 32}, search={"beam_size": 1, "length_offset": 3})
    model = make_model(kind, tmp_path)
    for weights in [model.network.decoder.weights, model.network.encoder.weights]:
        for weight in weights:
            weight.assign(weight * 0.2)
    whole = make_folder(kind, model, tmp_path / "whole", "litert")
    small = make_folder(kind, model, tmp_path / "small", "litert", precision)
    sizes = [(tmp_path / name / "model.tflite").stat().st_size for name in ("whole", "small")]
    assert sizes[1] < 0.7 * sizes[0]
    expected, found = whole.predict(TEXT[:5]), small.predict(TEXT[:5])
    scores = [[one.scores[0] for one in answers] for answers in (expected, found)]
    np.testing.assert_allclose(scores[1], scores[0], rtol=0.05)


def test_what_cannot_be_converted_is_refused_by_name(tmp_path: Path):
    kind = Kind(search={"method": "sample"})
    with pytest.raises(UsageError, match=r"search\.method sample: .*--search\.method best"):
        make_folder(kind, make_model(kind, tmp_path), tmp_path / "folder", "litert")
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "onnx", "--precision", "int8"], "--precision int8: --format onnx has float32"),
        (["--format", "litert", "--page"], "--page needs --format onnx"),
        (["--page"], "--page: not of a SavedModel; give --format onnx too"),
        (["--precision", "int8"], "--precision int8: not of a SavedModel; give --format litert too"),
    ],
)
def test_formats_refuse_what_they_lack(
    options: list[str], message: str, tiny_run: TinyRun, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    assert main(["export", str(tiny_run.path), str(tmp_path / "folder"), *options]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "folder").exists()


@pytest.mark.slow
def test_a_dictionary_goes_along(tmp_path: Path):
    (tmp_path / "words.tsv").write_text("zebra\tZEBRA\n", encoding="utf-8")
    kind = dataclasses.replace(KINDS["replace_unknown"], search={"beam_size": 2, "replace_unknown": True})
    model = make_model(kind, tmp_path)
    model.search = dataclasses.replace(model.search, dictionary=str(tmp_path / "words.tsv"))
    folder = make_folder(kind, model, tmp_path / "folder", "litert")
    assert folder.folder.dictionary == {"zebra": "ZEBRA"}
    assert_same_answers(kind, folder, model)


@pytest.mark.slow
def test_a_run_of_another_precision_is_computed_in_float32(tiny_splits: dict[str, str], tmp_path: Path):
    from pipeline.training.run import train

    configuration = tiny_configuration(tiny_splits, model={"precision": "float64"}, train={"epochs": 2})
    train(configuration, tmp_path / "run", export=False)
    words = ["aßé", "abba", "é"]
    expected = load_predictor(tmp_path / "run", beam_size=2, n_best=2).predict(words)
    for name in FORMATS:
        export_folder(tmp_path / "run", tmp_path / name, FolderKind(name), beam_size=2)
        for mine, its in zip(Model(tmp_path / name).predict(words, n_best=2), expected, strict=True):
            assert mine.texts == its.texts
            np.testing.assert_allclose(mine.scores, its.scores, atol=1e-4)


def test_a_model_that_was_converted_wrongly_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As when a runtime computes an operation in another way."""
    kind, other = Kind(search={"beam_size": 1, "length_offset": 3}), Kind({"units": 4}, search={"beam_size": 1})
    wrong = FORMATS["litert"](SearchGraph(make_model(other, tmp_path)), "float32")
    monkeypatch.setitem(FORMATS, "litert", lambda graph, precision: wrong)
    with pytest.raises(UsageError, match=r"does not answer as the run does .*--format savedmodel takes it"):
        make_folder(kind, make_model(kind, tmp_path), tmp_path / "folder", "litert")
    monkeypatch.setitem(FORMATS, "litert", lambda graph, precision: b"no model")
    with pytest.raises(UsageError, match="--format litert cannot run this model"):
        make_folder(kind, make_model(kind, tmp_path), tmp_path / "folder", "litert")
    assert not (tmp_path / "folder").exists()


def test_an_operation_that_a_runtime_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = make_model(Kind(search={"beam_size": 1}), tmp_path)
    begin = model.network.begin

    def begin_oddly(source: tf.Tensor, lengths: tf.Tensor) -> tuple:
        state, memory = begin(source, lengths)
        return [part * tf.math.bessel_i0(part * 0) for part in state], memory

    monkeypatch.setattr(model.network, "begin", begin_oddly)
    with pytest.raises(UsageError, match=r"cannot be converted for LiteRT .*--format savedmodel takes it"):
        make_folder(Kind(), model, tmp_path / "folder", "litert")
