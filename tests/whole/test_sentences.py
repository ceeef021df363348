"""Sentences from end to end: subwords learned, a model trained and measured by BLEU, exported, asked."""

import dataclasses
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipeline.evaluation.evaluate import evaluate_file
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.training.run import train
from tests.tiny_task import tiny_configuration

NOUNS = {"Hund": "dog", "Mann": "man", "Vogel": "bird", "Lehrer": "teacher", "König": "king", "Bär": "bear"}
VERBS = {"rennt": "runs", "schläft": "sleeps", "singt": "sings", "liest": "reads", "lacht": "laughs"}
PLACES = {"im Garten": "in the garden", "am Strand": "at the beach", "zu Hause": "at home", "hier": "here"}
TOKENIZERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("bpe", "wordpiece")]


def sentences() -> list[tuple[str, str]]:
    """Every noun does everything everywhere, in an order of no meaning."""
    pairs = [
        (f"Der {noun} {verb} {place}.", f"The {NOUNS[noun]} {VERBS[verb]} {PLACES[place]}.")
        for noun, verb, place in product(NOUNS, VERBS, PLACES)
    ]
    return [pairs[index] for index in np.random.default_rng(0).permutation(len(pairs))]


@pytest.fixture(scope="module", params=TOKENIZERS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Configuration, Path]:
    folder = tmp_path_factory.mktemp(f"sentences-{request.param}")
    pairs, locations = sentences(), {}
    for name, part in {"train": pairs[:90], "dev": pairs[90:105], "test": pairs[105:]}.items():
        for side in (0, 1):
            lines = [pair[side] for pair in part]
            if request.param == "wordpiece":  # tokenised text
                lines = [line.replace(".", " .") for line in lines]
            (folder / f"{name}.{side}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        locations[name] = f"{folder / name}.0,{folder / name}.1"
    configuration = tiny_configuration(
        locations,
        data={"max_length": 40},
        model={"units": 48, "embedding_units": 32, "tied_embeddings": request.param == "bpe"},
        train={"epochs": 15, "min_epoch_tokens": 15000, "learning_rate": 0.01, "attention_samples": 1},
    )
    text = TextConfiguration(
        source_tokenizer=request.param,
        target_tokenizer=request.param,
        vocabulary_size=400,
        shared_vocabulary=request.param == "bpe",
        sampling=0.1 if request.param == "bpe" else 0.0,
    )
    model = dataclasses.replace(configuration.model, shared_embeddings=text.shared_vocabulary)
    configuration = dataclasses.replace(configuration, text=text, model=model)
    train(configuration, folder / "run")
    return configuration, folder / "run"


def test_it_learns_and_says_how_well(trained: tuple[Configuration, Path]):
    _, run = trained
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    assert (result["split"], result["n"]) == ("test", 15)
    assert result["bleu"] > 80
    assert result["chrf"] > 80
    assert result["ter"] < 20
    assert "tok:13a" in result["signature"]
    assert "wer" not in result


def test_the_best_epoch_is_that_of_the_highest_bleu(trained: tuple[Configuration, Path]):
    _, run = trained
    epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    found = Checkpoints(RunDirectory(run).checkpoints).latest()
    assert found
    best = max(epochs, key=lambda epoch: (epoch["val_bleu"], epoch["val_chrf"], -epoch["val_loss"]))
    assert found[0].best_epoch == best["epoch"]


def test_export_says_the_same(trained: tuple[Configuration, Path], capfd: pytest.CaptureFixture[str]):
    configuration, run = trained
    sources = ["Der Bär schläft hier .", "Der König", "Überall 🐻"]
    live, exported = (load_predictor(path).predict(sources) for path in (run, run / "export"))
    assert "LOG(INFO)" not in capfd.readouterr().err
    assert [prediction.texts for prediction in live] == [prediction.texts for prediction in exported]
    known = [prediction.unknown for prediction in live]
    assert known == ([0, 0, 0] if configuration.text.source_tokenizer == "bpe" else [0, 0, 2])


def test_measured_with_given_tokens(trained: tuple[Configuration, Path]):
    configuration, run = trained
    assert isinstance(configuration.data.test, str)
    result = evaluate_file(load_predictor(run), configuration.data.test, "given")
    assert result["bleu"] > 80
    assert "tok:none" in result["signature"]


def test_attention_has_a_row_for_every_subword(trained: tuple[Configuration, Path]):
    _, run = trained
    [prediction] = load_predictor(run).predict(["Der Hund liest am Strand."])
    assert prediction.attention.shape == (len(prediction.target_tokens), len(prediction.source_tokens))
    tf.debugging.assert_near(prediction.attention.sum(axis=1), 1.0, atol=1e-4)
