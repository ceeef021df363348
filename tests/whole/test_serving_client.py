"""The client of docs/serving.md asks an export behind Serving's own messages, over a socket."""

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.serving_stand_in import StandIn, serve
from pipeline.prediction.predictor import Predictor
from pipeline.saved_models.loading import load_predictor

FILE = Path(__file__).parents[2] / "docs" / "examples" / "serving_client.py"
SOURCES = ["ab", "ß東", "", "éab zebra"]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serving_client", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def address(tiny_export: Path) -> Iterator[str]:
    with serve(StandIn(tiny_export, fast=True), "attentif") as found:
        yield found


@pytest.fixture(scope="module")
def predictor(tiny_export: Path) -> Predictor:
    return load_predictor(tiny_export)


def test_outputs_and_scores(example: ModuleType, address: str, predictor: Predictor):
    expected = predictor.predict(SOURCES)
    found = example.Client(address).predict(SOURCES)
    assert [text for text, _ in found] == [prediction.texts[0] for prediction in expected]
    np.testing.assert_allclose([score for _, score in found], [one.scores[0] for one in expected], atol=1e-4)


def test_alignments_are_without_padding(example: ModuleType, address: str, predictor: Predictor):
    expected = predictor.predict(["ß東"])[0]
    sources, targets, attention = example.Client(address).explain("ß東")
    assert (sources, targets) == (expected.source_tokens, expected.hypotheses[0].tokens)
    np.testing.assert_allclose(attention, expected.hypotheses[0].attention, atol=1e-4)


def test_it_is_a_command(example: ModuleType, address: str, monkeypatch: Any, capsys: Any):
    monkeypatch.setattr(example.sys, "argv", ["serving_client.py", address, "ab"])
    example.main()
    assert capsys.readouterr().out.startswith("ab\tA B\t-")
    monkeypatch.setattr(example.sys, "argv", ["serving_client.py", address])
    with pytest.raises(SystemExit, match="HOST:PORT STRING"):
        example.main()


def test_what_does_not_fit_is_said(example: ModuleType, address: str):
    client = example.Client(address)
    with pytest.raises(example.ServingError, match=r'does not fit the model.* "nothing" not found'):
        client.ask("nothing", source=["a"])
    with pytest.raises(example.ServingError, match=r"does not fit .*source.* not .*prefix"):
        client.ask("complete", source=["a"])
    with pytest.raises(example.ServingError, match="inputs of different numbers of rows"):
        client.ask("complete", source=["a", "b"], prefix=["a"])
    with pytest.raises(example.ServingError, match=f"^{address}, other: the server has no model of this name"):
        example.Client(address, model="other").predict(["a"])


def test_no_server_is_said(example: ModuleType):
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(example.ServingError, match="no server answers there"):
            example.Client(nobody, seconds=20).predict(["a"])


def test_a_slow_server_is_not_waited_for(example: ModuleType):
    import threading

    go_on = threading.Event()
    slow = SimpleNamespace(ask=lambda signature, inputs: go_on.wait(30) and {})
    with serve(slow, "attentif") as address:  # type: ignore[arg-type]
        with pytest.raises(example.ServingError, match="no answer in time"):
            example.Client(address, seconds=0.3).predict(["a"])
        go_on.set()


def test_large_answers_come_through(example: ModuleType):
    attention = np.zeros([2000, 30, 30], np.float32)
    assert attention.nbytes > 4 * 2**20  # what gRPC takes by itself
    large = SimpleNamespace(ask=lambda signature, inputs: {"attention": attention})
    with serve(large, "attentif") as address:  # type: ignore[arg-type]
        found = example.Client(address).ask("explain", source=["a"])
    assert found["attention"].shape == attention.shape
