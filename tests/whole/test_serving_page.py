"""docs/serving.md says what an export has, and what Serving would answer."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow.core.protobuf import config_pb2

from benchmarks.export_loaders import KINDS, SIGNATURES, make_model
from benchmarks.serving_stand_in import RefusedError, StandIn
from pipeline.saved_models.export import save_string_model

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "serving.md").read_text(encoding="utf-8")
BLOCKS = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)]
EXAMPLES = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))


@pytest.fixture(scope="module")
def stand_in(tiny_export: Path) -> StandIn:
    return StandIn(tiny_export, fast=True)


def signature_of(request: dict[str, Any]) -> str:
    return str(request.get("signature_name", "serving_default"))


def columns(answer: dict[str, Any]) -> dict[str, Any]:
    if "outputs" in answer:
        return dict(answer["outputs"])
    return {name: [row[name] for row in answer["predictions"]] for name in answer["predictions"][0]}


def described(value: Any) -> tuple[int, type]:
    """Rank, and the type of what stands inside."""
    rank = 0
    while isinstance(value, list):
        rank, value = rank + 1, value[0]
    return rank, type(value)


def dimensions(text: str) -> dict[str, str]:
    """Shapes by name, of `a`, `b` `[B]`: a name has the next shape."""
    found: dict[str, str] = {}
    waiting: list[str] = []
    for part in re.findall(r"`([^`]+)`", text):
        if part.startswith("["):
            found |= dict.fromkeys(waiting, part)
            waiting = []
        else:
            waiting.append(part)
    return found


def rows_of_the_table() -> dict[str, str]:
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.partition("Scores and attention")[0], flags=re.MULTILINE))


def test_every_signature_has_an_example_in_both_formats():
    assert {signature_of(request) for request, _ in EXAMPLES} == set(SIGNATURES)
    assert {next(iter(answer)) for _, answer in EXAMPLES} == {"outputs", "predictions"}


@pytest.mark.parametrize(("request_", "answer"), EXAMPLES, ids=[signature_of(request) for request, _ in EXAMPLES])
def test_an_export_answers_so(stand_in: StandIn, request_: dict[str, Any], answer: dict[str, Any]):
    found = stand_in.rest(request_)
    assert list(found) == list(answer)
    here, there = columns(answer), columns(found)
    assert sorted(here) == list(here) == list(there)
    for name in here:
        assert (described(here[name]), len(here[name])) == (described(there[name]), len(there[name])), name


def test_lengths_tokens_and_flags_of_the_examples_fit():
    for request, answer in EXAMPLES:
        found = columns(answer)
        if signature_of(request) == "explain":
            assert np.array(found["attention"]).shape == (1, found["target_length"][0], found["source_length"][0])
            np.testing.assert_allclose(np.sum(found["attention"], -1), 1, atol=2e-4)
        sizes = {len(value) for value in found.values()}
        assert len(sizes) == 1


# Outputs that several heads have, and models that copy.
OF_SOME_MODELS = {"attention_heads", "copied"}


def test_the_table_has_names_and_shapes(stand_in: StandIn):
    rows = rows_of_the_table()
    assert list(rows) == list(SIGNATURES)
    rows["score_tokens"] = f"{rows['score'].partition(' of ')[0]} {rows['score_tokens']}"
    for name, text in rows.items():
        told = {"source": "[B]", **dimensions(text)}
        definition = stand_in.signatures[name]
        tensors = {**definition.inputs, **definition.outputs}
        flags = {key for key in tensors if key.rpartition("_")[2] in ("cut", "invalid", "unknown", "limited")}
        assert set(told) - OF_SOME_MODELS == set(tensors) - flags
        for key, shape in told.items():
            assert key in OF_SOME_MODELS or shape.count(",") + 1 == len(tensors[key].tensor_shape.dim), key


@pytest.mark.slow
def test_several_heads(tmp_path: Path):
    save_string_model(make_model(KINDS["multi_head_bahdanau"], tmp_path), tmp_path / "export", {})
    heads = StandIn(tmp_path / "export", fast=True).rest({"signature_name": "explain", "inputs": {"source": ["cat"]}})
    told = dimensions(rows_of_the_table()["explain"])
    assert set(told) - {"copied"} <= set(heads["outputs"])
    assert described(heads["outputs"]["attention_heads"])[0] == told["attention_heads"].count(",") + 1


def test_what_is_joined_is_answered_alike_and_padded(stand_in: StandIn):
    """So Serving may join requests, and hand each its rows."""
    words = ["ab", "é", "", "ßabßabßabßab"]
    for name in ("serving_default", "n_best", "explain"):
        joined = stand_in.ask(name, {"source": np.array([word.encode() for word in words], object)})
        for place, word in enumerate(words):
            alone = stand_in.ask(name, {"source": np.array([word.encode()], object)})
            for key, value in alone.items():
                here, there = np.asarray(joined[key][place]), np.asarray(value[0])
                both = tuple(slice(0, min(sizes)) for sizes in zip(here.shape, there.shape, strict=True))
                if value.dtype.kind == "f":
                    np.testing.assert_allclose(here[both], there[both], atol=1e-4)
                else:
                    assert np.array_equal(here[both], there[both]), (name, key, word)
                if key.endswith("tokens"):
                    assert sum(map(bool, here.tolist())) == sum(map(bool, there.tolist()))


def test_padding_with_the_first_element_would_give_other_scores(stand_in: StandIn):
    """Which is what Serving does with `pad_variable_length_inputs`."""

    def score(tokens: list[str]) -> float:
        inputs = {"source": ["ab"], "target_tokens": [tokens]}
        found = stand_in.rest({"signature_name": "score_tokens", "inputs": inputs})
        return float(found["outputs"]["score"][0])

    assert score(["A", "B", "", ""]) == pytest.approx(score(["A", "B"]), abs=1e-4)
    assert score(["A", "B", "A", "A"]) < score(["A", "B"]) - 1


def test_what_does_not_fit_is_refused(stand_in: StandIn):
    with pytest.raises(RefusedError, match="'target'"):
        stand_in.rest({"signature_name": "score", "inputs": {"source": ["a"]}})
    with pytest.raises(RefusedError, match="not found in signature def"):
        stand_in.rest({"signature_name": "nothing", "instances": ["a"]})


def test_the_session_leaves_graphs_as_they_are():
    text = (DOCS / "examples" / "session_config.txt").read_text(encoding="utf-8")
    config = text_format.Parse(text, config_pb2.ConfigProto())
    assert config.graph_options.rewrite_options.disable_meta_optimizer


def batching_parameters() -> Any:
    """As session_bundle_config.proto of TensorFlow Serving declares them; its package for clients lacks that file."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="tensorflow.serving", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message, kind = file.message_type.add(name="BatchingParameters"), descriptor_pb2.FieldDescriptorProto
    whole = ["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"]
    for number, name in enumerate(whole, 1):
        wrapped = ".google.protobuf.Int64Value"
        message.field.add(name=name, number=number, type=kind.TYPE_MESSAGE, label=1, type_name=wrapped)
    message.field.add(name="allowed_batch_sizes", number=6, type=kind.TYPE_INT64, label=3)
    message.field.add(name="pad_variable_length_inputs", number=7, type=kind.TYPE_BOOL, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters"))()


def test_batching_parameters_are_those_of_the_page():
    text = (DOCS / "examples" / "batching_parameters.txt").read_text(encoding="utf-8")
    parameters = text_format.Parse(text, batching_parameters())
    table = PAGE.partition("| parameter |")[2]
    told: dict[str, str] = dict(re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", table, re.MULTILINE))
    checks: dict[str, Callable[[], bool]] = {
        "none": lambda: not parameters.allowed_batch_sizes,
        "false": lambda: not parameters.pad_variable_length_inputs,
        "cores": lambda: parameters.num_batch_threads.value == 4,
        "left off": lambda: "enable_large_batch_splitting" not in text,
    }
    assert len(told) == 7
    for name, value in told.items():
        assert int(value) == getattr(parameters, name).value if value.isdigit() else checks[value]()
