"""From a path to something that predicts: a run directory or an exported SavedModel."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.configuration import Configuration, TextConfiguration
from pipeline.errors import DataError, UsageError
from pipeline.model import SequenceToSequence, build_model
from pipeline.network import SingleNetwork
from pipeline.predictor import Predictor, StringModel
from pipeline.run_directory import FORMAT, Checkpoints, RunDirectory, load_configuration
from pipeline.text import TextProcessor, Vocabulary

EXPORT_INFO = "attentif.json"


def make_texts(
    text: TextConfiguration, source_vocabulary: Vocabulary, target_vocabulary: Vocabulary
) -> tuple[TextProcessor, TextProcessor]:
    """The text processors of both sides."""
    return (
        TextProcessor(source_vocabulary, text.source_tokenizer, text.normalization, text.lowercase),
        TextProcessor(target_vocabulary, text.target_tokenizer, text.normalization, text.lowercase),
    )


def load_vocabularies(run: RunDirectory) -> tuple[Vocabulary, Vocabulary]:
    """Source and target vocabulary of a run."""
    return Vocabulary.load(run.vocabulary / "source.txt"), Vocabulary.load(run.vocabulary / "target.txt")


def load_weights(model: SequenceToSequence, path: Path) -> None:
    """Load a checkpoint's weights, and its optimizer if the model is compiled and its optimizer built.

    Raises:
        DataError: The file is damaged or belongs to another model.
    """
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(
            f"{path}: the weights cannot be loaded ({reason}); delete that checkpoint's folder to use the one before"
        ) from error


def load_string_model(run: RunDirectory, beam_size: int | None = None, n_best: int | None = None) -> StringModel:
    """The best checkpoint of a run as a function from strings to strings.

    Args:
        run: The run.
        beam_size: Hypotheses kept per input; None takes the run's `search.beam_size`.
        n_best: Outputs per input; None takes the beam size.

    Raises:
        UsageError: `n_best` above `beam_size`, or no usable run.
        DataError: The run has no checkpoint yet.
    """
    run.check_version()
    configuration = load_configuration(run)
    beam_size = beam_size or configuration.search.beam_size
    n_best = n_best or beam_size
    if n_best > beam_size:
        raise UsageError(f"--n-best {n_best}: more than the beam keeps; give --beam {n_best} or larger")
    found = Checkpoints(run.checkpoints).best()
    if found is None:
        raise DataError(f"{run.path}: no epoch has ended yet, there is no checkpoint to load; train on")
    source_vocabulary, target_vocabulary = load_vocabularies(run)
    model = build_model(configuration.model, len(source_vocabulary), len(target_vocabulary))
    load_weights(model, found[1])
    return live_string_model(model, configuration, source_vocabulary, target_vocabulary, beam_size, n_best)


def live_string_model(
    model: SequenceToSequence,
    configuration: Configuration,
    source_vocabulary: Vocabulary,
    target_vocabulary: Vocabulary,
    beam_size: int,
    n_best: int,
) -> StringModel:
    """A model in memory as a function from strings to strings."""
    source_text, target_text = make_texts(configuration.text, source_vocabulary, target_vocabulary)
    search = dataclasses.replace(configuration.search, beam_size=beam_size)
    return StringModel(SingleNetwork(model), source_text, target_text, search, n_best, configuration.data.max_length)


def load_predictor(path: Path, beam_size: int | None = None, n_best: int | None = 1) -> Predictor:
    """Open a run directory or an exported SavedModel.

    Args:
        path: The directory.
        beam_size: None takes what the run or the export was made with.
        n_best: Outputs per input; None takes all that the beam or the export keeps.

    Raises:
        UsageError: Neither run nor export; a beam other than the export's; more outputs than it keeps.
        DataError: A run without a checkpoint, or a damaged file.
    """
    path = Path(path)
    run = RunDirectory(path)
    if run.exists():
        model = load_string_model(run, beam_size, n_best)
        return Predictor(model, load_configuration(run).text, model.n_best)
    if (path / "saved_model.pb").is_file() and (path / EXPORT_INFO).is_file():
        return _load_export(path, beam_size, n_best)
    wrong = "is neither a run directory nor an exported model" if path.exists() else "no such run or exported model"
    raise UsageError(f"{path}: {wrong}; give what `train --run` or `export` wrote")


def _load_export(path: Path, beam_size: int | None, n_best: int | None) -> Predictor:
    info = _read_export_info(path)
    if beam_size not in (None, info["beam_size"]):
        raise UsageError(
            f"{path}: exported with --beam {info['beam_size']}, which is fixed; "
            f"give the run directory, or export again with --beam {beam_size}"
        )
    n_best = n_best or info["n_best"]
    if n_best > info["n_best"]:
        raise UsageError(f"{path}: exported with --n-best {info['n_best']}; export again with --n-best {n_best}")
    try:
        loaded = tf.saved_model.load(str(path))
    except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: the exported model is damaged ({reason}); export it again") from error
    if not hasattr(loaded, "complete"):
        raise UsageError(f"{path}: exported by an earlier version, which could do less; export it again")
    return Predictor(loaded, TextConfiguration(**info["text"]), n_best)


def _read_export_info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads((path / EXPORT_INFO).read_text(encoding="utf-8"))
        if info["format"] != FORMAT:
            raise UsageError(f"{path}: exported by Attentif {info['attentif']}, another version; export it again")
        return {name: info[name] for name in ("beam_size", "n_best", "text")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path / EXPORT_INFO}: damaged, this is not a usable export ({error})") from error
