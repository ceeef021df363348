import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from benchmarks.export_loaders import KINDS, SIGNATURES, make_model
from pipeline.saved_models.export_info import read_export_info
from pipeline.saved_models.loading import load_predictor
from pipeline.saved_models.warm_up import WARM_UP, prediction_log, write_warm_up

Requests = list[tuple[str, dict[str, tf.Tensor]]]


def records(export: Path) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset(str(export / WARM_UP))]


def requests(export: Path) -> Requests:
    """As TensorFlow Serving reads them, by its own classes."""
    found: Requests = []
    for record in records(export):
        request = PredictionLog.FromString(record).predict_log.request
        assert not request.model_spec.name
        tensors = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        found.append((request.model_spec.signature_name, tensors))
    return found


def test_every_signature_is_asked_for_one_source(tiny_export: Path):
    found = requests(tiny_export)
    assert [name for name, _ in found] == list(SIGNATURES)
    assert {len(inputs["source"]) for _, inputs in found} == {1}
    assert {len(source.decode()) for _, inputs in found for source in inputs["source"].numpy()} == {16}


@pytest.mark.slow
def test_the_model_answers_them_and_lacks_no_symbol(tiny_export: Path):
    loaded = tf.saved_model.load(str(tiny_export))
    for name, inputs in requests(tiny_export):
        answer = loaded.signatures[name](**inputs)
        assert len(answer["cut"]) == len(inputs["source"])
        assert not any(tf.reduce_any(tf.cast(answer[flag], bool)) for flag in ("cut", "invalid", "unknown"))


def test_they_hold_nothing_else(tiny_export: Path):
    for record, (name, inputs) in zip(records(tiny_export), requests(tiny_export), strict=True):
        again = PredictionLog()
        again.predict_log.request.CopyFrom(PredictionLog.FromString(record).predict_log.request)
        assert PredictionLog.FromString(record) == again == PredictionLog.FromString(prediction_log(name, inputs))


def test_long_contents_have_their_lengths():
    for size in (0, 1, 100, 127, 128, 16_383, 16_384, 300_000):
        log = PredictionLog.FromString(prediction_log("s" * size, {"source": [b"x" * size]}))
        request = log.predict_log.request
        assert request.model_spec.signature_name == "s" * size
        assert request.inputs["source"].string_val == [b"x" * size]


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
