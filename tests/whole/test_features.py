"""Features beside sources, from a table to the outputs, without a training."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.answering.answer_lines import describe
from pipeline.data.inspection import inspect
from pipeline.defaults.configure import configure
from pipeline.errors import DataError, UsageError
from pipeline.evaluation.evaluate import evaluate_file
from pipeline.model.network import SingleNetwork
from pipeline.prediction.building import live_string_model
from pipeline.prediction.string_model import WITH_TARGET
from pipeline.saved_models.export import _with_features, describe_model, save_string_model
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.configuration import Configuration
from pipeline.text.vocabulary import load_vocabularies
from pipeline.training.workbench import Workbench, prepare
from tests.layer_contract import randomize

ROWS = [("walk", "V;PST", "walked"), ("walk", "V;PRS;3", "walks"), ("cow", "N;PL", "cows"), ("cow", "N;SG", "cow")]
COLUMNS = {"source": 1, "target": 3, "features": 2}


def table(folder: Path) -> str:
    path = folder / "forms.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in ROWS * 3))
    return str(path)


def settings(path: str, **changes: Any) -> Configuration:
    given = {"data.train": path, "data.dev": path, "data.columns": COLUMNS, "model.units": 8, "data.buckets": 1}
    return configure("cmudict", {**given, "model.embedding_units": 4, "text.target_tokenizer": "char", **changes})


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    folder = tmp_path_factory.mktemp("features")
    made = prepare(settings(table(folder), **{"model.features": "attended"}), folder / "run")
    randomize(made.model)
    return made


def test_features_have_a_vocabulary_of_their_own(bench: Workbench, tmp_path: Path):
    vocabulary = bench.data.source_vocabulary
    assert vocabulary.features == 8
    assert vocabulary.symbols[-8:] == ["\t", "\tN", "\tV", "\t3", "\tPL", "\tPRS", "\tPST", "\tSG"]
    assert not any("\t" in symbol for symbol in vocabulary.symbols[4:-8])
    assert -1 in bench.data.copied
    assert set(bench.data.copied[-8:]) == {-1}
    run = tmp_path / "run"
    prepare(settings(table(tmp_path)), run)
    assert (run / "vocabulary" / "features.txt").read_text().split()[4:] == ["N", "V", "3", "PL", "PRS", "PST", "SG"]
    assert load_vocabularies(run / "vocabulary")[0].symbols == vocabulary.symbols
    said = inspect(settings(table(tmp_path)))
    assert "features: 7, most frequent first: [N] [V] [3] [PL] [PRS] [PST] [SG]" in said
    assert "source is column 1 ('walk'), target is column 3 ('walked'), features is column 2 ('V;PST')" in said


@pytest.mark.parametrize("features", ["attended", "encoded"])
def test_search_and_training_see_the_same(tmp_path: Path, features: str):
    made = prepare(settings(table(tmp_path), **{"model.features": features}))
    randomize(made.model)
    [((source, inputs), targets)] = made.batches()
    logits, weights = made.model([source, inputs])
    lengths = np.sum(source != 0, axis=1).astype("int32")
    for network in (SingleNetwork(made.model), SingleNetwork(made.model, frozen=True)):
        found = network.log_probabilities(tf.constant(source), tf.constant(lengths), tf.constant(targets))
        real = targets != 0
        np.testing.assert_allclose(found.numpy()[real], tf.nn.log_softmax(logits).numpy()[real], atol=2e-5)
    # Every position of a source is looked at, features too, and padding is not.
    looked = weights.numpy()[:, 0]
    np.testing.assert_array_equal(looked > 0, source != 0)


def test_the_order_of_attended_features_is_of_no_account_that_of_encoded_ones_is(bench: Workbench, tmp_path: Path):
    targets = ["walks"] * 2
    one, other = bench.predictor().score(["walk\tV;PRS;3", "walk\t3;V;PRS"], targets).score
    assert one == pytest.approx(other, abs=1e-5)
    encoded = prepare(settings(table(tmp_path), **{"model.features": "encoded"}))
    randomize(encoded.model)
    one, other = encoded.predictor().score(["walk\tV;PRS;3", "walk\t3;V;PRS"], targets).score
    assert abs(one - other) > 1e-3


def test_answers_name_features(bench: Workbench):
    predictor = bench.predictor()
    [found, without] = predictor.predict(["walk\tV; XX", "walk"])
    assert found.source_tokens == ["w", "a", "l", "k", "\tV", "\tXX", "</s>"]
    assert (found.features, found.source, found.unknown) == (["V", "XX"], "walk V XX", 1)
    assert predictor.known.lacking_in_source([*found.source_tokens[:-1], "é"]) == ["\tXX", "é"]
    assert (without.features, without.source, without.unknown) == ([], "walk", 0)
    assert found.attention.shape[1] == 7
    assert found.hypotheses[0].features == 2
    answer = json.loads(describe("walk\tV;XX", found, 1, ["\tXX"]))
    assert answer["source_tokens"] == ["w", "a", "l", "k", "V", "XX", "</s>"]
    assert (answer["features"], answer["unknown_symbols"]) == (["V", "XX"], ["XX"])
    assert "features" not in json.loads(describe("walk", without, 1))


def test_signatures_take_features_beside_sources():
    echo = _with_features(lambda source, target: {"source": source, "target": target}, WITH_TARGET)
    found = echo(tf.constant(["go", "cow"]), tf.constant(["x", "y"]), tf.constant(["V;PST", ""]))
    assert found["source"].numpy().tolist() == [b"go\tV;PST", b"cow"]
    assert found["target"].numpy().tolist() == [b"x", b"y"]


def test_pairs_are_measured_with_their_features(bench: Workbench, tmp_path: Path):
    predictor = bench.predictor()
    with pytest.raises(UsageError, match=r"say which columns hold what, as in --data.columns '{source: 1, target: 2"):
        evaluate_file(predictor, table(tmp_path))
    assert evaluate_file(predictor, table(tmp_path), columns=COLUMNS)["n"] == 4


@pytest.mark.slow
def test_an_export_takes_features_beside_sources(bench: Workbench, tmp_path: Path):
    vocabularies = bench.data.source_vocabulary, bench.data.target_vocabulary
    model = live_string_model(bench.model, bench.configuration, *vocabularies, 2, 2)
    save_string_model(model, tmp_path / "export", describe_model(model, bench.configuration.text))
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    sources, features = tf.constant(["walk", "cow", "cow"]), tf.constant(["V;PST", "N;PL", ""])
    joined = ["walk\tV;PST", "cow\tN;PL", "cow"]
    expected = model.decode(tf.constant(joined))
    for name in ("serving_default", "explain"):
        found = loaded.signatures[name](source=sources, features=features)
        np.testing.assert_array_equal(found["text"], expected["texts"][:, 0])
    prefix = loaded.signatures["complete"](source=sources, features=features, prefix=tf.constant(["w", "c", "c"]))
    assert all(text.startswith(begun) for text, begun in zip(prefix["text"].numpy(), (b"w", b"c", b"c"), strict=True))
    score = loaded.signatures["score"](source=sources, features=features, target=tf.constant(["walked", "cows", "cow"]))
    wanted = model.score(tf.constant(joined), tf.constant(["walked", "cows", "cow"]))["score"]
    np.testing.assert_allclose(score["score"], wanted, atol=1e-5)
    answers = load_predictor(tmp_path / "export").predict(joined)
    assert [answer.texts[0].encode() for answer in answers] == expected["texts"].numpy()[:, 0].tolist()


def test_what_does_not_go_together_is_refused(tmp_path: Path):
    path = table(tmp_path)
    with pytest.raises(UsageError, match=r"model.features: 'attended' is impossible, it must be encoded with"):
        settings(path, **{"model.attention": "monotonic", "model.features": "attended"})
    with pytest.raises(UsageError, match=r"text.shared_vocabulary: True is impossible"):
        settings(path, **{"text.shared_vocabulary": True})
    with pytest.raises(UsageError, match=r"data.feature_separator: '' is impossible"):
        settings(path, **{"data.feature_separator": ""})
    Path(path).write_text("".join(f"{row[0]}\t\t{row[2]}\n" for row in ROWS))
    with pytest.raises(DataError, match=r"data.columns: no feature occurs 1 times in the training data"):
        prepare(settings(path))


def test_monotonic_attention_takes_encoded_features(tmp_path: Path):
    changes = {"model.attention": "monotonic", "model.features": "encoded", "model.copy": True}
    made = prepare(settings(table(tmp_path), **changes))
    [prediction] = made.predictor().predict(["walk\tV;PST"], heads_apart=True)
    assert prediction.copied is not None
    assert len(prediction.copied) == len(prediction.attention)
    assert ((prediction.copied >= 0) & (prediction.copied <= 1)).all()
    assert (prediction.copied > 0.01).any()


def test_auto_finds_the_column(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    path = table(tmp_path)
    found = configure("auto", {"data.train": path, "data.dev": path})
    assert found.data.columns == COLUMNS
    assert found.text.source_tokenizer == "char"
    assert "data.columns {'source': 1, 'target': 3, 'features': 2}: column 2 holds features" in caplog.text
    # What is given stays.
    given = {"source": 1, "target": 3}
    assert configure("auto", {"data.train": path, "data.columns": given}).data.columns == given


def test_features_of_dev_that_training_lacks_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    dev = tmp_path / "dev.tsv"
    dev.write_text("cow\tN;SG\tcow\nwalk\tV;FUT\twalk\n")
    prepare(settings(table(tmp_path), **{"data.dev": str(dev)}))
    assert "dev: 1 source symbol that training lacks (feature FUT), first on line 2" in caplog.text
