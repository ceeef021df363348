"""The moving average of the weights: its values, its comings and goings, and that it is what a run gives out."""

from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from benchmarks.averages import mean, read_epochs
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.loading import load_predictor
from pipeline.text.vocabulary import load_vocabularies
from pipeline.training.averaging import AdamW, AveragedWeights, swap_averages
from pipeline.training.optimization import compile_model
from pipeline.training.run import train
from tests.tiny_task import tiny_configuration

MOMENTUM = 0.75


def make_model(momentum: float = MOMENTUM) -> keras.Model:
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    # With always the same gradient Adam moves by the learning rate, nearly.
    optimizer = AdamW(1.0, weight_decay=0.0, epsilon=0.0, use_ema=momentum > 0, ema_momentum=momentum)
    model.compile(optimizer)
    optimizer.build(model.trainable_variables)
    return model


def kernel(model: keras.Model) -> float:
    return round(float(np.asarray(model.layers[0].kernel)[0, 0]), 3)


def test_values_by_hand():
    model = make_model()
    for _ in range(3):
        model.optimizer.apply([np.array([[-1.0]], "float32")], model.trainable_variables)
    # Weights 1, 2, 3; the first is the average of itself, and at first little is kept.
    average = 2 / 11 * (1 / 10 * 1 + 9 / 10 * 2) + 9 / 11 * 3
    assert kernel(model) == 3
    swap_averages(model)
    assert kernel(model) == pytest.approx(average)
    swap_averages(model)
    assert kernel(model) == 3


@pytest.mark.parametrize("momentum", [0.75, 0.999])
def test_the_start_is_forgotten_and_the_momentum_reached(momentum: float):
    model = make_model(momentum)
    model.layers[0].kernel.assign([[1e6]])
    gradient, average = np.array([[-1.0]], "float32"), 0.0
    for step in range(60):
        model.optimizer.apply([gradient], model.trainable_variables)
        kept = min(momentum, step / (9 + step))
        average = kept * average + (1 - kept) * (1e6 + step + 1)
    model.layers[0].kernel.assign([[5.0]])
    for step in range(60, 200):
        model.optimizer.apply([np.zeros([1, 1], "float32")], model.trainable_variables)
        kept = min(momentum, step / (9 + step))
        average = kept * average + (1 - kept) * kernel(model)
    swap_averages(model)
    assert kernel(model) == pytest.approx(average, rel=1e-4)
    # With a momentum of 0.999 throughout, 0.87 of the million would be left.
    assert kernel(model) < 100


def test_comes_at_an_epochs_end_and_goes_before_the_next():
    model, part = make_model(), AveragedWeights()
    part.set_model(model)
    for gradient in (-1.0, -1.0):
        model.optimizer.apply([np.array([[gradient]], "float32")], model.trainable_variables)
    part.on_epoch_begin(0)
    assert (kernel(model), part.in_model) == (2, False)
    part.on_epoch_end(0)
    part.on_epoch_end(0)  # twice is once
    assert (kernel(model), part.in_model) == (pytest.approx(1.9), True)
    part.on_epoch_begin(1)
    assert (kernel(model), part.in_model) == (2, False)


def test_without_an_average_nothing_happens():
    model = make_model(momentum=0.0)
    model.optimizer.apply([np.array([[-1.0]], "float32")], model.trainable_variables)
    swap_averages(model)
    assert kernel(model) == 1


@pytest.mark.slow
def test_a_run_gives_out_the_average(tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tiny_configuration(tiny_splits, train={"epochs": 2, "attention_samples": 0, "ema_momentum": 0.9})
    result = train(configuration, tmp_path / "run")
    found = Checkpoints(RunDirectory(tmp_path / "run").checkpoints).best()
    assert found is not None
    assert found[0].averaged
    arrays = load_file(found[1])
    # Model and optimizer hold two sets of the same shapes, and they differ.
    groups = {group: [v for name, v in arrays.items() if name.startswith(group)] for group in ("weights", "optimizer")}
    embeddings = [value for value in groups["weights"] if value.ndim == 2][:1]
    kept = [value for value in groups["optimizer"] if value.shape == embeddings[0].shape]
    assert len(kept) >= 3  # Adam's two, and the weights while the average is in their place
    assert all((value != embeddings[0]).any() for value in kept)
    live, exported = (load_predictor(path) for path in (tmp_path / "run", tmp_path / "run" / "export"))
    texts = [[found.texts for found in predictor.predict(["aé", "ß"])] for predictor in (live, exported)]
    assert texts[0] == texts[1]
    assert result["split"] == "test"
    # What the benchmark of averages compares: both sets of every epoch, the newest first.
    directory = RunDirectory(tmp_path / "run")
    source, target = load_vocabularies(directory.vocabulary)
    model = compile_model(configuration, (len(source), len(target)), steps_per_epoch=1)
    trained, averages = read_epochs(model, Checkpoints(directory.checkpoints), last=5)
    assert len(trained) == len(averages) == 2
    assert (averages[0][0] != trained[0][0]).any()
    np.testing.assert_array_equal(averages[2 - found[0].epoch][0], embeddings[0])
    np.testing.assert_allclose(mean([[np.array([1.0])], [np.array([4.0])]])[0], [2.5])
