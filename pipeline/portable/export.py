"""A run as a folder that needs no TensorFlow: a model file, its words, and what reads them."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import DataError, UsageError
from pipeline.portable.converters import FORMATS
from pipeline.portable.kinds import FolderKind, require_offered
from pipeline.portable.page import find_onnxruntime_web, require_readable, write_page
from pipeline.portable.search_graph import SearchGraph
from pipeline.prediction.string_model import StringModel
from pipeline.prediction.unknown_symbols import read_dictionary
from pipeline.runs.directory import load_configuration
from pipeline.runtime.engines import ENGINES
from pipeline.runtime.folder import INFO, RUNTIME, SOURCE_PIECES, TARGET_PIECES, VOCABULARY
from pipeline.runtime.single_file import join_runtime
from pipeline.saved_models.ensemble_runs import require_runs
from pipeline.saved_models.export import describe_model
from pipeline.saved_models.export_info import checksums
from pipeline.saved_models.loading import load_string_model
from pipeline.saved_models.places import replace_export, require_export_place
from pipeline.settings.text import TextConfiguration
from pipeline.text.symbols import END, UNKNOWN
from pipeline.text.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


def export_folder(
    run: Path,
    directory: Path,
    kind: FolderKind,
    beam_size: int | None = None,
    n_best: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
) -> None:
    """Export a run, or several of them as an ensemble; docs/runtime.md says what comes of it.

    Args:
        run: See `pipeline.saved_models.export.export_run`, as of all but `kind`.
        directory: Where the folder goes; an earlier export there is replaced.
        kind: Which.
        beam_size: Fixed in the folder.
        n_best: Outputs per input.
        search: Other settings of the search.
        average: The mean of the last epochs.

    Raises:
        UsageError: As there; or the kind cannot be had, by its name; or the runtime does not answer as the run does.
        DataError: The run has no checkpoint yet.
    """
    runs = require_runs(Path(run))
    directory, text = require_export_place(directory), load_configuration(runs[0]).text
    text.require_left_to_right(f"--format {kind.format}", "--format savedmodel takes it")
    require_offered(*kind)
    web = None
    if kind.page:
        if text.feature_separator is not None:
            raise UsageError("--page: impossible with features, which it has no field for; leave --page out")
        require_readable(text.source_tokenizer, text.target_tokenizer)
        web = find_onnxruntime_web(None)
    # The runtimes compute in nothing else.
    model = load_string_model(runs, beam_size, n_best, search, average, precision="float32")
    if text.feature_separator is not None and kind.precision == "int8":
        raise UsageError("--precision int8: not with features, beside whose padding others would be 0; give float16")
    save_folder(model, text, directory, kind, web)


def save_folder(
    model: StringModel, text: TextConfiguration, directory: Path, kind: FolderKind, web: Path | None = None
) -> None:
    """Write the folder beside its place, then put it there.

    Args:
        model: What is exported; it computes in float32.
        text: How its strings become symbols.
        directory: Where the folder goes.
        kind: Which.
        web: The package onnxruntime-web, for a page.

    Raises:
        OSError: It cannot be written; what was there before is as it was.
    """
    graph = SearchGraph(model)
    with model.network.without_padding():
        content = FORMATS[kind.format](graph, kind.precision)
    file = ENGINES[kind.format].file
    shapes = {"file": file, "precision": kind.precision, **_shapes(graph)}
    dictionary = read_dictionary(model.search.dictionary, text) if model.search.dictionary else None
    with replace_export(directory) as unfinished:
        (unfinished / file).write_bytes(content)
        _try(graph, model.source_text.vocabulary, unfinished / file, kind)
        _write_words(model, unfinished)
        (unfinished / RUNTIME).write_text(join_runtime(), encoding="utf-8")
        (unfinished / "README.md").write_text(_explain(directory, kind), encoding="utf-8")
        if web:
            write_page(unfinished, web)
        info = {
            **describe_model(model, text),
            "kind": kind.format,
            "output_form": model.target_text.output_form,
            "heads": model.network.heads,
            "model": shapes,
            "dictionary": dictionary,
            **({"page": {"name": directory.name}} if web else {}),
            "files": checksums(unfinished),
        }
        (unfinished / INFO).write_text(json.dumps(info, ensure_ascii=False, indent=1), encoding="utf-8")


def _try(graph: SearchGraph, vocabulary: Vocabulary, path: Path, kind: FolderKind) -> None:
    """Let the runtime answer once as the graph does, where it is installed.

    Raises:
        UsageError: It cannot run the file, or finds something else.
    """
    try:
        engine = ENGINES[kind.format].open(path, 1)
    except UsageError as error:
        logger.warning("the exported model was not tried here: %s", error)
        return
    except DataError as error:
        raise UsageError(
            f"--format {kind.format} cannot run this model ({error}); --format savedmodel takes it"
        ) from error
    # The last symbol is a feature, where there are some.
    features = [len(vocabulary) - 1] if vocabulary.features else []
    source, prefix = np.array([[UNKNOWN, UNKNOWN, *features, END]], np.int32), np.zeros((1, 1), np.int32)
    expected, found = graph.find(source, prefix), engine.run(source, prefix)
    if kind.precision == "float32" and not np.allclose(found["scores"][0], expected["scores"][0], atol=1e-3):
        raise UsageError(
            f"--format {kind.format}: the converted model does not answer as the run does "
            f"(log p {found['scores'][0]:.4f}, not {float(expected['scores'][0]):.4f}); --format savedmodel takes it"
        )


def _shapes(graph: SearchGraph) -> dict[str, Any]:
    """The tensors that go in and out, as other programs must know them."""
    function = graph.find.get_concrete_function()
    given = {spec.name: spec for spec in graph.find.input_signature}
    return {"inputs": _describe(given), "outputs": _describe(function.structured_outputs)}


def _describe(tensors: Mapping[str, Any]) -> dict[str, Any]:
    shapes = {name: tf.TensorShape(tensor.shape).as_list() for name, tensor in tensors.items()}
    return {name: {"dtype": tensors[name].dtype.name, "shape": shape} for name, shape in shapes.items()}


def _write_words(model: StringModel, folder: Path) -> None:
    """The symbols by id, and the SentencePiece models where there are some."""
    sides = {"source": model.source_text.vocabulary, "target": model.target_text.vocabulary}
    symbols = {side: list(vocabulary.symbols) for side, vocabulary in sides.items()}
    (folder / VOCABULARY).write_text(json.dumps(symbols, ensure_ascii=False), encoding="utf-8")
    for side, file in (("source", SOURCE_PIECES), ("target", TARGET_PIECES)):
        pieces = sides[side].model
        if pieces:
            (folder / file).write_bytes(pieces)


def _explain(directory: Path, kind: FolderKind) -> str:
    """The README of a folder."""
    package = ENGINES[kind.format].package
    page = """
## In the browser

    python -m http.server --directory .

and open the address that it prints. Everything stands here; nothing is sent anywhere.
"""
    return f"""# {directory.name}

A model that answers strings, without TensorFlow. It needs Python 3.11, NumPy and {package}
(`python -m pip install {package}`; with subwords of SentencePiece also `sentencepiece`).

## As a command

    echo word | python attentif_runtime.py .
    python attentif_runtime.py . words.txt --n-best 3 --json

## In Python

    from attentif_runtime import Model

    [prediction] = Model(".").predict(["word"], n_best=3)
    prediction.texts, prediction.scores, prediction.attention
    Model(".").score(["word"], ["what it may become"]).score  # log p of given outputs
{page if kind.page else ""}
`attentif.json` says how strings become ids, how outputs are searched, and the model's inputs and outputs; weights are
{kind.precision}.
"""
