import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the benchmarks need PyTorch: pip install -r requirements-bench.txt")

from benchmarks import training_speed  # noqa: E402
from benchmarks.torch_peer import TorchPeer, copy_weights, peer_loss  # noqa: E402
from benchmarks.training_speed import Batch, CpuSeconds, Settings, Times  # noqa: E402
from pipeline.configuration import ModelConfiguration  # noqa: E402
from pipeline.losses import token_cross_entropy  # noqa: E402
from pipeline.model import build_model  # noqa: E402
from pipeline.text import END, PAD, START  # noqa: E402

SOURCE_SIZE, TARGET_SIZE = 11, 13
SMALL = Settings(units=6, embedding_units=5, batch=7, length=8, vocabulary=SOURCE_SIZE, ragged=True)
UNEVEN = ModelConfiguration(units=6, embedding_units=5, attention_units=4, readout_units=3, dropout=0.0)


@pytest.fixture(scope="module")
def twins() -> tuple[Any, TorchPeer]:
    keras.utils.set_random_seed(3)
    model = build_model(UNEVEN, SOURCE_SIZE, TARGET_SIZE, seed=3)
    generator = np.random.default_rng(3)
    # Fresh biases are 0 and would hide a bias that is left out or put in another's place.
    for variable in model.trainable_variables:
        variable.assign(generator.normal(0, 0.7, variable.shape))
    peer = TorchPeer(UNEVEN, SOURCE_SIZE, TARGET_SIZE)
    copy_weights(model, peer)
    return model, peer


@pytest.fixture(params=[True, False], ids=["ragged", "full"])
def batch(request: pytest.FixtureRequest) -> Batch:
    return training_speed.random_batch(Settings(batch=7, length=8, vocabulary=SOURCE_SIZE, ragged=request.param))


def test_same_number_of_parameters(twins: tuple[Any, TorchPeer]):
    model, peer = twins
    assert model.count_params() == peer.parameter_count()
    default = Settings().model()
    assert build_model(default, 45, 45).count_params() == TorchPeer(default, 45, 45).parameter_count()


def test_same_logits_with_copied_weights(twins: tuple[Any, TorchPeer], batch: Batch):
    model, peer = twins
    assert np.std(model((batch.source, batch.target_inputs))[0]) > 0.1
    assert training_speed.logit_difference(model, peer, batch) < 1e-4


def test_logits_differ_without_copied_weights(twins: tuple[Any, TorchPeer], batch: Batch):
    fresh = TorchPeer(UNEVEN, SOURCE_SIZE, TARGET_SIZE)
    assert training_speed.logit_difference(twins[0], fresh, batch) > 0.1


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_same_loss(twins: tuple[Any, TorchPeer], batch: Batch, label_smoothing: float):
    logits = twins[0]((batch.source, batch.target_inputs))[0]
    total, tokens = token_cross_entropy(batch.targets, logits, label_smoothing)
    targets = torch.tensor(batch.targets, dtype=torch.int64)
    theirs = peer_loss(torch.tensor(logits.numpy()), targets, label_smoothing)
    assert float(theirs) == pytest.approx(float(total / tokens), rel=1e-5)


def test_copying_refuses_another_size(twins: tuple[Any, TorchPeer]):
    with pytest.raises(ValueError, match="shapes differ"):
        copy_weights(twins[0], TorchPeer(UNEVEN, SOURCE_SIZE + 1, TARGET_SIZE))


@pytest.mark.parametrize(
    "model",
    [ModelConfiguration(cell="lstm"), ModelConfiguration(attention="none"), ModelConfiguration(encoder_layers=2)],
)
def test_peer_refuses_what_it_is_not(model: ModelConfiguration):
    with pytest.raises(ValueError, match="the peer is"):
        TorchPeer(model, SOURCE_SIZE, TARGET_SIZE)


def test_both_learn_the_same(twins: tuple[Any, TorchPeer]):
    """Without dropout, steps of both routes make the same loss smaller alike."""
    settings = Settings(batch=7, length=8, vocabulary=SOURCE_SIZE, ragged=True)
    batch = training_speed.random_batch(settings)
    keras.utils.set_random_seed(4)
    model, peer = build_model(UNEVEN, SOURCE_SIZE, TARGET_SIZE), TorchPeer(UNEVEN, SOURCE_SIZE, TARGET_SIZE)
    copy_weights(model, peer)
    theirs = training_speed.torch_run(peer, batch)(5)
    ours = training_speed.keras_run(model, batch)(5)
    assert theirs[-1] < theirs[0]
    # Ours is the mean over the steps so far, as Keras keeps it.
    assert ours == pytest.approx(np.cumsum(theirs) / np.arange(1, 6), abs=0.02)


def test_random_batch_is_padded_ended_and_shifted():
    batch = training_speed.random_batch(SMALL)
    lengths = (batch.targets != PAD).sum(axis=1)
    assert lengths.max() == SMALL.length
    assert lengths.min() < SMALL.length
    assert (batch.targets[np.arange(SMALL.batch), lengths - 1] == END).all()
    assert (batch.target_inputs[:, 0] == START).all()
    assert (batch.target_inputs[:, 1:] == batch.targets[:, :-1]).all()


def test_summary_takes_ratios_turn_by_turn():
    summary = training_speed.summarize(Times(ours=[1.0, 10.0, 3.0], theirs=[2.0, 10.0, 4.0]), tokens=30)
    assert summary["ratio"]["median"] == 0.75
    assert summary["ours"] == {"ms": {"median": 3.0, "low": 2.0, "high": 6.5}, "tokens_per_second": 10000}


def test_share_of_others():
    assert training_speed.share_of_others(CpuSeconds(10, 5, 1), CpuSeconds(20, 8, 6)) == 0.2
    assert training_speed.share_of_others(None, CpuSeconds(20, 8, 6)) is None


def test_command_prints_a_table_and_a_json_line():
    options = "--units 6 --embedding-units 5 --batch 4 --length 4 --vocabulary 11 --repeats 2 --steps 1 --ragged"
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.training_speed", *options.split()],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(finished.stdout.splitlines()[-1])
    assert result["parameters"]["ours"] == result["parameters"]["theirs"]
    assert result["logit_difference"] < 1e-4
    assert result["settings"]["ragged"] is True
    assert result["ratio"]["median"] > 0
    assert "ours / PyTorch" in finished.stderr
