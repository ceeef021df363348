"""A folder's search by TensorFlow: what a converted model does, so that a folder can be compared without one."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.files.durable import checksum
from pipeline.plain_text.processor import PlainVocabulary
from pipeline.prediction.id_search import IdSearch
from pipeline.prediction.string_model import StringModel
from pipeline.runtime.engines import Arrays
from pipeline.runtime.folder import Folder
from pipeline.settings.text import TextConfiguration

IDS = tf.TensorSpec([1, None], tf.int32)


class SearchInTensorFlow:
    """An `Engine` of a network."""

    def __init__(self, model: StringModel) -> None:
        self.model, self.search = model, IdSearch(model.network, model.search, model.n_best)
        self.find = tf.function(self._find, [IDS, IDS], autograph=False)

    def run(self, source: np.ndarray, prefix: np.ndarray) -> Arrays:
        return {name: value.numpy()[0] for name, value in self.find(source, prefix).items()}

    def _find(self, source: tf.Tensor, prefix: tf.Tensor) -> dict[str, tf.Tensor]:
        lengths = tf.shape(source)[1:]
        found = self.search(source, lengths, prefix, True)
        arrays = {
            "tokens": found.tokens,
            "scores": found.scores,
            "rank_scores": found.rank_scores,
            "lengths": found.lengths,
            "limited": found.limited,
            "attention": found.attention_weights,
        }
        arrays |= self.model._look_again(source, lengths, found.tokens[:, 0])
        return arrays


def folder_of(model: StringModel, text: TextConfiguration, path: Path = Path("folder")) -> Folder:
    """What a folder of the model says."""
    vocabularies = [side.vocabulary for side in (model.source_text, model.target_text)]
    source, target = (PlainVocabulary(one.symbols, one.model) for one in vocabularies)
    return Folder(
        path=path,
        kind="litert",
        search=dataclasses.asdict(model.search),
        text=text,
        n_best=model.n_best,
        max_length=model.max_length,
        max_target_length=model.max_target_length,
        output_form=model.target_text.output_form,
        dictionary=None,
        source=source,
        target=target,
        copies=model.network.copies,
    )


def write_folder(place: Path, folder: Folder, kind: str = "litert", **changes: Any) -> Path:
    """The same on disk, with a model file that is none."""
    place.mkdir(parents=True)
    name = {"litert": "model.tflite", "onnx": "model.onnx"}[kind]
    (place / name).write_bytes(b"no model")
    symbols = {"source": list(folder.source.symbols), "target": list(folder.target.symbols)}
    (place / "vocabulary.json").write_text(json.dumps(symbols), encoding="utf-8")
    for side, vocabulary in (("source", folder.source), ("target", folder.target)):
        if vocabulary.model:
            (place / f"{side}.model").write_bytes(vocabulary.model)
    info = {
        "format": 3,
        "kind": kind,
        "attentif": "0.1.0",
        "beam_size": folder.search["beam_size"],
        "n_best": folder.n_best,
        "max_length": folder.max_length,
        "max_target_length": folder.max_target_length,
        "search": folder.search,
        "text": dataclasses.asdict(folder.text),
        "output_form": folder.output_form,
        "heads": 1,
        "copies": folder.copies,
        "model": {"file": name, "precision": "float32", "inputs": {}, "outputs": {}},
        "dictionary": folder.dictionary,
        "files": {path.name: checksum(path) for path in sorted(place.iterdir())},
        **changes,
    }
    (place / "attentif.json").write_text(json.dumps(info), encoding="utf-8")
    return place
