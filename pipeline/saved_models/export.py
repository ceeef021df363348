"""One SavedModel that takes strings and returns strings, scores and alignments."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.answering.lexicon import Lexicon, read_lexicon
from pipeline.errors import DataError, count_of
from pipeline.files.durable import readable_name
from pipeline.prediction.lexicon_table import LexiconTable
from pipeline.prediction.string_model import (
    SOURCE,
    WITH_PREFIX,
    WITH_TARGET,
    WITH_TARGET_TOKENS,
    Outputs,
    StringModel,
)
from pipeline.runs.directory import load_configuration
from pipeline.saved_models.custom_operations import needed_libraries
from pipeline.saved_models.ensemble_runs import require_runs
from pipeline.saved_models.export_info import EXPORT_INFO, FORMAT, GRAPH, checksums
from pipeline.saved_models.loading import load_string_model
from pipeline.saved_models.places import replace_export, require_export_place
from pipeline.saved_models.warm_up import write_warm_up
from pipeline.settings.text import TextConfiguration
from pipeline.text.chunks import CHUNK, in_chunks
from pipeline.text.symbols import FEATURE_MARK
from pipeline.version import __version__

FLAGS = ("cut", "invalid", "unknown", "answered_by")


def export_run(
    run: Path,
    directory: Path,
    beam_size: int | None = None,
    n_best: int | None = None,
    search: Mapping[str, Any] | None = None,
    average: int | None = None,
    lexicon: Path | None = None,
) -> None:
    """Export a run, or several of them as an ensemble.

    Signatures, each from `source` `[B]` strings (any B, 0 too; any bytes, of any length):

    - `serving_default`: `text`, `score` `[B]`
    - `n_best`: `texts`, `scores`, `rank_scores` (the penalised scores that order them), `limited` `[B, K]`, best
      first; '' and -inf where missing
    - `explain`: `text`, `score`, `source_tokens` `[B, S]`, `target_tokens` `[B, T]`, `attention`
      `[B, T, S]`, `source_length`, `target_length`; tokens hold the end symbol where the model sees it;
      of several heads, whose mean `attention` is, also `attention_heads` `[B, heads, T, S]`; of a model that copies
      also `copied` `[B, T]`: which share of a symbol's probability came of copying
    - `complete`: from `source` and `prefix` `[B]`: `text`, `score` of the best output that begins so; not of
      `text.direction` right_to_left
    - `score`: from `source` and `target` `[B]`: `score`, log p of the target, and `target_length`
    - `score_tokens`: the same from `target_tokens` `[B, T]`, '' on the right

    Where sources have features, all of them take `features` `[B]` besides, '' for none; of a source that holds a TAB
    itself, what follows it are its features.

    `limited` (bool; `serving_default`, `explain` and `complete` tell it of the best output, `[B]`): that the search's
    limit ended an output where the model would have gone on.

    All of them also tell of each source: `cut` (bool), that it is longer than the model takes, `max_length` symbols or
    32 times as many characters, and was cut there; `invalid` (bool), that it is not UTF-8, and what is none was read
    as U+FFFD; `unknown` (int32), how many of its symbols training lacks. `complete` tells the same of prefixes
    (`prefix_cut`, …), `score` and `score_tokens` of targets (`target_cut`, …), which are cut after `max_target_length`
    symbols, 1,024 or as many as the longest output has; the score is of what is left. Both limits stand in the info.

    Large batches are searched in parts, so that memory grows with the answers alone. Those of `explain` are large:
    4 bytes times B, times the longest output, times the longest source.

    Loading it takes only `tensorflow` and `tensorflow_text`; in C, Go or Java, those libraries of tensorflow-text that
    the info names as `custom_operations`. Serving has them, and answers the requests in `assets.extra` as it loads.

    Args:
        run: A run directory, or those of an ensemble's members with commas between them.
        directory: Where the SavedModel goes; an earlier export there is replaced.
        beam_size: Fixed in the export; None takes the run's `search.beam_size`.
        n_best: K; None takes the beam size.
        search: Other settings of `SearchConfiguration` in the place of the run's, by key; fixed in the export.
        average: Take the mean of the weights of each run's last epochs' checkpoints, as many as this; None takes the
            best checkpoint.
        lexicon: A file of exceptions, see `pipeline.answering.lexicon.read_lexicon`: its targets are the answers of
            `serving_default`, `n_best` and `explain`, with the score 0, without symbols and attention; these tell
            `answered_by` `[B]`, "lexicon" or "model". `complete` and the scores are the model's.

    Raises:
        UsageError: Not a run, runs that cannot vote together, `n_best` above `beam_size`, settings that are
            impossible, fewer checkpoints than `average`, or the directory holds something else.
        DataError: The run has no checkpoint yet, or the lexicon cannot be used.
    """
    runs = require_runs(Path(run))
    directory = require_export_place(directory)
    model = load_string_model(runs, beam_size, n_best, search, average)
    text = load_configuration(runs[0]).text
    info = describe_model(model, text)
    if lexicon is not None:
        entries = read_lexicon(lexicon, text)
        _require_readable(entries, model, lexicon)
        model.lexicon = LexiconTable(entries, model.n_best)
        info["lexicon"] = len(entries)
    save_string_model(model, directory, info)


def _require_readable(lexicon: Lexicon, model: StringModel, path: Path) -> None:
    """Refuse sources of a lexicon that a model cuts: nobody would ever look them up.

    Raises:
        DataError: There are any.
    """
    for sources in in_chunks(lexicon, CHUNK, len):
        cut = model.source_text.read(tf.constant(sources), model.max_length).cut.numpy()
        long = next((source for source, is_cut in zip(sources, cut, strict=True) if is_cut), None)
        if long is not None:
            raise DataError(
                f"{path}: {long!r} is longer than the {count_of(model.max_length, 'symbol')} that the model reads: "
                "leave it out"
            )


def describe_model(model: StringModel, text: TextConfiguration) -> dict[str, object]:
    """What every kind of export says in its info."""
    return {
        "format": FORMAT,
        "attentif": __version__,
        "beam_size": model.search.beam_size,
        "n_best": model.n_best,
        "max_length": model.max_length,
        "max_target_length": model.max_target_length,
        "copies": model.network.copies,
        "search": dataclasses.asdict(model.search),
        "text": dataclasses.asdict(text),
    }


def save_string_model(model: StringModel, directory: Path, info: dict[str, object]) -> None:
    """Write the SavedModel and its info beside its place, then put them there, so that no half of one is ever found.

    Raises:
        OSError: They cannot be written; what was there before is as it was.
    """
    with replace_export(directory) as unfinished:
        with readable_name(unfinished) as name:
            tf.saved_model.save(model, str(name), signatures=_signatures(model))
        info = {**info, **_accompany(model, unfinished), "files": checksums(unfinished)}
        (unfinished / EXPORT_INFO).write_text(json.dumps(info, indent=1), encoding="utf-8")


def _accompany(model: StringModel, export: Path) -> dict[str, object]:
    """Write what other programs find beside a graph; returns what the info tells them of it."""
    write_warm_up(model, export)
    return {"custom_operations": needed_libraries(export / GRAPH)}


def _signatures(model: StringModel) -> dict[str, Callable[..., Outputs]]:
    def serving_default(source: tf.Tensor) -> Outputs:
        return model.search_strings(_best_text, source, wanted="best")

    def n_best(source: tf.Tensor) -> Outputs:
        names = ("texts", "scores", "rank_scores", "limited", *FLAGS)
        return model.search_strings(lambda outputs: _take(outputs, names), source, wanted="answers")

    def explain(source: tf.Tensor) -> Outputs:
        return model.search_strings(_explanation, source, wanted="explanation")

    def complete(source: tf.Tensor, prefix: tf.Tensor) -> Outputs:
        return model.search_strings(_best_text, source, prefix)

    functions = {"serving_default": serving_default, "n_best": n_best, "explain": explain}
    asked: list[tuple[str, Callable[..., Outputs], list[tf.TensorSpec]]] = [
        (name, function, SOURCE) for name, function in functions.items()
    ]
    if not model.target_text.right_to_left:
        asked.append(("complete", complete, WITH_PREFIX))
    if model.source_text.vocabulary.features:
        asked += [("score", model.score, WITH_TARGET), ("score_tokens", model.score_tokens, WITH_TARGET_TOKENS)]
        return {name: _with_features(function, specs) for name, function, specs in asked}
    signatures = {name: tf.function(function, specs, autograph=False) for name, function, specs in asked}
    return {**signatures, "score": model.score, "score_tokens": model.score_tokens}


def _with_features(function: Callable[..., Outputs], specs: list[tf.TensorSpec]) -> Callable[..., Outputs]:
    """A function of sources and what else it takes, as one that takes their features as its last argument."""

    def joined(source: tf.Tensor, *others: tf.Tensor) -> Outputs:
        features = others[-1]
        both = tf.where(features == "", source, tf.strings.join([source, FEATURE_MARK, features]))
        return function(both, *others[:-1])

    return tf.function(joined, [*specs, tf.TensorSpec([None], tf.string, "features")], autograph=False)


def _best_text(outputs: Outputs) -> Outputs:
    flags = _take(outputs, (*FLAGS, *(f"prefix_{name}" for name in FLAGS)))
    best = {"text": outputs["texts"][:, 0], "score": outputs["scores"][:, 0], "limited": outputs["limited"][:, 0]}
    return {**best, **flags}


def _explanation(outputs: Outputs) -> Outputs:
    best = {name: outputs[name][:, 0] for name in ("target_tokens", "attention", "target_length")}
    names = ("source_tokens", "source_length", "attention_heads", "copied")
    return {**_best_text(outputs), **best, **_take(outputs, names)}


def _take(outputs: Outputs, names: Iterable[str]) -> Outputs:
    return {name: outputs[name] for name in names if name in outputs}
