"""A training that begins with the weights of an earlier run, and what stays frozen."""

import json
import logging
import signal
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.data.preparation import open_run
from pipeline.errors import UsageError
from pipeline.model.weights import read_named_weights
from pipeline.process.interruption import Interrupted
from pipeline.runs.best_epoch import best_weights
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.earlier_weights import begin_with_earlier
from pipeline.settings.changes import replace_settings
from pipeline.settings.train import TrainConfiguration
from pipeline.training.averaging import AdamW
from pipeline.training.optimization import compile_model, frozen_variables
from pipeline.training.run import train
from tests.tiny_task import TinyRun, write_pairs


def test_a_training_begins_with_the_best_weights(tiny_run: TinyRun, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    other = write_pairs(tmp_path / "other.tsv", [("aü", "A Ü"), ("bé", "B É")])
    changes = {"train.init_from": str(tiny_run.path), "data.train": other}
    configuration = replace_settings(tiny_run.configuration, changes)
    directory = RunDirectory(tmp_path / "run")
    data = open_run(configuration, directory)
    model = compile_model(configuration, data.vocabulary_sizes, 1, copied=data.copied)
    with caplog.at_level(logging.INFO):
        begin_with_earlier(model, configuration, directory, data)
    earlier = read_named_weights(best_weights(RunDirectory(tiny_run.path)))
    for variable in model.weights:
        if "output" not in variable.path and "embedding" not in variable.path:
            assert np.array_equal(variable, earlier[variable.path]), variable.path
    rows = np.array(model.get_layer("source_embedding").embeddings)
    assert np.array_equal(rows[:-1], earlier["source_embedding/embeddings"])
    assert "\n  source_embedding  1 of 1 weights, 9 of 10 symbols; the rest begins at random\n" in caplog.text
    kept = json.loads(directory.init_from.read_text())
    assert [of["layer"] for of in kept["layers"]] == ["source_embedding", "target_embedding", "encoder", "decoder"]
    directory.check()


@pytest.mark.parametrize(("frozen", "layers"), [("encoder", {"encoder"}), ("both", None), ("embeddings", None)])
def test_what_is_frozen(tiny_run: TinyRun, frozen: str, layers: set[str] | None):
    model = compile_model(tiny_run.configuration, (9, 10), 1)
    found = {variable.path.partition("/")[0] for variable in frozen_variables(model, frozen)}
    tables = {"source_embedding", "target_embedding"}
    assert found == (layers or (tables if frozen == "embeddings" else tables | {"encoder"}))


@pytest.mark.parametrize("compiled", [False, True])
def test_frozen_weights_stay_until_their_step_and_keep_their_moments(compiled: bool):
    weights = [keras.Variable(np.ones(3, np.float32)) for _ in range(2)]
    optimizer = AdamW(0.1, weight_decay=0.1, use_ema=True, ema_overwrite_frequency=None)
    optimizer.build(weights)
    optimizer.freeze(weights[:1], 2)

    def step() -> None:
        optimizer.apply([tf.fill([3], 0.5)] * 2, weights)

    run = tf.function(step, jit_compile=True, autograph=False) if compiled else step
    for _ in range(2):
        run()
        assert np.array_equal(weights[0], np.ones(3))
    before = np.array(weights[1])
    assert (before < 1).all()
    run()
    # The same gradients give both a step of the same length, and decay.
    assert np.allclose(1 - np.array(weights[0]), 0.1 + 0.1 * 0.1, atol=1e-4)
    assert (np.array(weights[1]) < before).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"frozen": "encoder", "frozen_epochs": 1}, r"train\.frozen: .*null without train\.init_from"),
        ({"init_from": "a", "frozen": "encoder"}, r"train\.frozen_epochs: 0 .*at least 1 and below train\.epochs"),
        ({"init_from": "a", "frozen_epochs": 2}, r"train\.frozen_epochs: 2 .*0 without train\.frozen"),
        ({"init_from": " "}, r"train\.init_from: .*a run"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        TrainConfiguration(**settings)


@pytest.mark.slow
def test_a_killed_run_goes_on_bit_for_bit_frozen_or_not(tiny_run: TinyRun, tmp_path: Path, monkeypatch: Any):
    changes = {"train.init_from": str(tiny_run.path), "train.frozen": "both", "train.frozen_epochs": 1}
    configuration = replace_settings(
        tiny_run.configuration, {**changes, "train.epochs": 2, "train.checkpoint_steps": 5}
    )
    train(configuration, tmp_path / "whole", export=False)
    from pipeline.training.saving import SaveAndStop

    save, steps = SaveAndStop.on_train_batch_end, 0

    def stop(self: SaveAndStop, batch: int, logs: Any = None) -> None:
        nonlocal steps
        save(self, batch, logs)
        steps += 1
        if steps in (7, 14, 21):
            raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(SaveAndStop, "on_train_batch_end", stop)
    for _ in range(4):
        try:
            train(configuration, tmp_path / "parts", export=False)
        except Interrupted:
            continue
        break
    weights = [read_named_weights(best_weights(RunDirectory(tmp_path / name))) for name in ("whole", "parts")]
    assert all(np.array_equal(weights[0][path], weights[1][path]) for path in weights[0])
    assert steps > 21
