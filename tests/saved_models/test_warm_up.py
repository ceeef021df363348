import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from benchmarks.export_loaders import KINDS, SIGNATURES, make_model
from pipeline.saved_models.export_info import read_export_info
from pipeline.saved_models.loading import load_predictor
from pipeline.saved_models.warm_up import WARM_UP, prediction_log, write_warm_up

Requests = list[tuple[str, dict[str, tf.Tensor]]]


def declared() -> Any:
    """`PredictionLog` as the proto files of TensorFlow Serving declare it, as far as requests have its fields.

    https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis
    """
    file = descriptor_pb2.FileDescriptorProto(name="log.proto", package="tensorflow.serving", syntax="proto3")

    def message(name: str, fields: list[tuple[str, int, str]]) -> None:
        kind = descriptor_pb2.FieldDescriptorProto
        part = file.message_type.add(name=name)
        for field, number, of in fields:
            plain = {"string": kind.TYPE_STRING, "bytes": kind.TYPE_BYTES}.get(of)
            label = kind.LABEL_REPEATED if of == "InputsEntry" else kind.LABEL_OPTIONAL
            added = part.field.add(name=field, number=number, type=plain or kind.TYPE_MESSAGE, label=label)
            if plain is None:
                added.type_name = f".tensorflow.serving.{of}"

    message("InputsEntry", [("key", 1, "string"), ("value", 2, "bytes")])
    message("ModelSpec", [("name", 1, "string"), ("signature_name", 3, "string")])
    message("PredictRequest", [("model_spec", 1, "ModelSpec"), ("inputs", 2, "InputsEntry")])
    message("PredictLog", [("request", 1, "PredictRequest")])
    message("PredictionLog", [("predict_log", 6, "PredictLog")])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.PredictionLog"))


def records(export: Path) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset(str(export / WARM_UP))]


def requests(export: Path) -> Requests:
    kind = declared()
    found: Requests = []
    for record in records(export):
        log = kind.FromString(record)
        request = log.predict_log.request
        assert not request.model_spec.name
        inputs = {item.key: tensor_pb2.TensorProto.FromString(item.value) for item in request.inputs}
        tensors = {key: tf.constant(tf.make_ndarray(value)) for key, value in inputs.items()}
        found.append((request.model_spec.signature_name, tensors))
    return found


def test_every_signature_is_asked_for_one_source_and_for_several(tiny_export: Path):
    found = requests(tiny_export)
    assert [name for name, _ in found] == [*SIGNATURES, *SIGNATURES]
    assert [len(inputs["source"]) for _, inputs in found] == [1] * len(SIGNATURES) + [4] * len(SIGNATURES)
    # The lengths of sources are those that the data may have: at most 16 symbols here.
    assert [len(source.decode()) for source in found[-1][1]["source"].numpy()] == [4, 8, 12, 16]


def test_the_model_answers_them_and_lacks_no_symbol(tiny_export: Path):
    loaded = tf.saved_model.load(str(tiny_export))
    for name, inputs in requests(tiny_export):
        answer = loaded.signatures[name](**inputs)
        assert len(answer["cut"]) == len(inputs["source"])
        assert not any(tf.reduce_any(tf.cast(answer[flag], bool)) for flag in ("cut", "invalid", "unknown"))


def test_serving_reads_them(tiny_export: Path):
    """By its own classes, where tensorflow-serving-api is installed."""
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    for record, (name, inputs) in zip(records(tiny_export), requests(tiny_export), strict=True):
        request = logs.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.signature_name == name
        assert {key: tf.make_ndarray(value).tolist() for key, value in request.inputs.items()} == {
            key: value.numpy().tolist() for key, value in inputs.items()
        }
        again = logs.PredictionLog()
        again.predict_log.request.CopyFrom(request)
        assert logs.PredictionLog.FromString(prediction_log(name, inputs)) == again


def test_long_contents_have_their_lengths():
    for size in (0, 1, 100, 127, 128, 16_383, 16_384, 300_000):
        log = declared().FromString(prediction_log("s" * size, {"source": [b"x" * size]}))
        request = log.predict_log.request
        assert request.model_spec.signature_name == "s" * size
        assert tensor_pb2.TensorProto.FromString(request.inputs[0].value).string_val == [b"x" * size]


@pytest.mark.slow
def test_an_export_without_them_is_loaded_as_before(tiny_export: Path, tmp_path: Path):
    place = Path(shutil.copytree(tiny_export, tmp_path / "export"))
    shutil.rmtree(place / "assets.extra")
    info = json.loads((place / "attentif.json").read_text(encoding="utf-8"))
    del info["files"][WARM_UP], info["custom_operations"]
    (place / "attentif.json").write_text(json.dumps(info), encoding="utf-8")
    assert WARM_UP not in read_export_info(place).files
    assert load_predictor(place).predict("a")[0].texts == load_predictor(tiny_export).predict("a")[0].texts


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_strings_of_subwords(kind: str, tmp_path: Path):
    model = make_model(KINDS[kind], tmp_path)
    write_warm_up(model, tmp_path)
    assert (tmp_path / WARM_UP).is_file()
    for _, inputs in requests(tmp_path):
        assert all(source.decode().strip() for source in inputs["source"].numpy())
        read = model.source_text.read(inputs["source"], 100)
        assert not tf.reduce_any(read.invalid)
