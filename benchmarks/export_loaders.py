"""Is an export the same model in every loader? `python -m benchmarks.export_loaders [KIND …]`.

Makes an untrained model of every kind, exports it, and compares what all its signatures answer in a session of a
process of its own (`benchmarks.session_answers`), and a program in C where there is gcc (`benchmarks/answer.c`, one
string, all signatures), with what the model answers here. Prints a table of kinds and signatures: the largest
difference of a number, or "differs" where strings, counts or flags do.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import c_answers, session_answers
from pipeline.model.ensemble import Ensemble
from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.model.weights import WEIGHTS, load_mean_weights, save_variables
from pipeline.prediction.lexicon_table import LexiconTable
from pipeline.prediction.string_model import StringModel
from pipeline.prediction.unknown_symbols import UnknownReplacement
from pipeline.saved_models.export import save_string_model
from pipeline.saved_models.export_info import GRAPH
from pipeline.saved_models.saved_graph import require_harmless
from pipeline.settings.model import ModelConfiguration
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration, TokenizerName
from pipeline.text.learning import count_symbols
from pipeline.text.processor import make_texts
from pipeline.text.subwords import learn_sentence_pieces, learn_word_pieces
from pipeline.text.tokenizers import make_tokenizer
from pipeline.text.vocabulary import Vocabulary, copied_ids

SIGNATURES = ("serving_default", "n_best", "explain", "complete", "score", "score_tokens")
IN_C = "in C"
TOLERANCE = 1e-4
MAX_LENGTH = 12
TEXT = ["the cat sat on the mat", "a dog and a cat", "Straße über Ägypten", "東京 か 大阪", "don't stop — now!"] * 20
STRANGE = ["", " ", "zebra 🙂", "a\u0301", "x" * 40, "the\0cat", "ab\udcff"]
Answers = dict[str, list[dict[str, np.ndarray]]]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of model: what is set otherwise than usual."""

    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tokenizer: TokenizerName = "char"
    search: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Settings of `text` in which the sides differ."""
    others: tuple[Mapping[str, Any], ...] = ()
    """The settings of further members of an ensemble."""
    averaged: bool = False
    """Whether the weights are the mean of two checkpoints'."""
    dictionary: Mapping[str, str] | None = None
    lexicon: Mapping[str, Sequence[str]] | None = None

    @property
    def text(self) -> TextConfiguration:
        """How strings become symbols."""
        return TextConfiguration(self.tokenizer, self.tokenizer, **self.sides)


_LSTM = {"cell": "lstm"}
KINDS = {
    "bahdanau": Kind(),
    "multi_head_bahdanau": Kind({"attention": "multi_head_bahdanau"}),
    "luong_dot": Kind({"attention": "luong_dot"}),
    "luong_general": Kind({"attention": "luong_general"}),
    "monotonic": Kind({"attention": "monotonic"}),
    "none": Kind({"attention": "none"}),
    "lstm": Kind(_LSTM),
    "layer_norm_gru": Kind({"cell": "layer_norm_gru"}),
    "layer_norm_lstm": Kind({"cell": "layer_norm_lstm"}),
    "conditional_gru": Kind({"cell": "conditional_gru"}),
    "coverage": Kind({"coverage": True}, search={"coverage_penalty": 0.3}),
    "input_feeding": Kind({"input_feeding": True}),
    "tied_embeddings": Kind({"tied_embeddings": True}),
    "shared_embeddings": Kind({"shared_embeddings": True}),
    "one table for all": Kind({"shared_embeddings": True, "tied_embeddings": True}),
    "symbol_dropout": Kind({"symbol_dropout": 0.1}),
    "copy": Kind({"copy": True}, tokenizer="space"),
    "copy, tied": Kind({"copy": True, "tied_embeddings": True, "attention": "multi_head_bahdanau"}),
    "copy, monotonic": Kind({"copy": True, "attention": "monotonic"}),
    "copy, ensemble": Kind({"copy": True}, others=({}, {"copy": True, "cell": "lstm"})),
    "several layers": Kind({"encoder_layers": 2, "decoder_layers": 3}),
    "float64": Kind({"precision": "float64"}),
    "space": Kind(tokenizer="space"),
    "sides of their own": Kind(
        tokenizer="space", sides={"target_separator": "-", "normalization": "nfd", "target_normalization": "nfc"}
    ),
    "bpe": Kind(tokenizer="bpe"),
    "unigram": Kind(tokenizer="unigram"),
    "wordpiece": Kind(tokenizer="wordpiece"),
    "greedy": Kind(search={"beam_size": 1}),
    "sampling": Kind(search={"method": "sample", "temperature": 1.5}),
    "restricted": Kind(search={"min_length": 3, "max_length": 6, "block_ngrams": 2, "length_penalty": 1.0}),
    "replace_unknown": Kind(search={"replace_unknown": True}, tokenizer="space", dictionary={"zebra": "ZEBRA"}),
    "ensemble": Kind(others=(_LSTM, {"attention": "multi_head_bahdanau"})),
    "ensemble of twins": Kind(others=({},)),
    "averaged": Kind(averaged=True),
    "lexicon": Kind(
        {"copy": True, "attention": "multi_head_bahdanau"}, lexicon={"cat": ["C A T", "KAT"], "a dog": ["D"]}
    ),
}


def make_model(kind: Kind, folder: Path) -> StringModel:
    """A model of a kind, with random weights."""
    vocabulary = _vocabulary(kind.tokenizer)
    search = SearchConfiguration(**{"beam_size": 3, "length_offset": 5, **kind.search})
    networks = [_network(settings, len(vocabulary), seed, kind, folder) for seed, settings in enumerate(_members(kind))]
    texts = make_texts(kind.text, vocabulary, vocabulary)
    network = networks[0] if len(networks) == 1 else Ensemble(networks)
    copied = copied_ids(vocabulary, vocabulary) if network.copies else None
    replacing = search.replace_unknown or network.copies
    replacement = UnknownReplacement(kind.dictionary, copied, search.replace_unknown) if replacing else None
    model = StringModel(network, *texts, search, search.beam_size, MAX_LENGTH, replacement)
    model.lexicon = LexiconTable(kind.lexicon, model.n_best) if kind.lexicon else None
    return model


def _members(kind: Kind) -> list[Mapping[str, Any]]:
    return [kind.model, *kind.others]


def _network(settings: Mapping[str, Any], size: int, seed: int, kind: Kind, folder: Path) -> SingleNetwork:
    copied = [-1, -1, -1, *range(3, size)]
    model = build_model(ModelConfiguration(**{"units": 8, "embedding_units": 6, **settings}), size, size, copied=copied)
    paths = [folder / f"weights-{number}" for number in range(2)]
    for number, path in enumerate(paths):
        _randomize(model, 2 * seed + number)
        save_variables({WEIGHTS: model.weights}, path)
    load_mean_weights(model, paths if kind.averaged else paths[1:])
    return SingleNetwork(model, frozen=True)


def _randomize(model: keras.Model, seed: int) -> None:
    chance = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(chance.normal(scale=0.5, size=weight.shape))


def _vocabulary(tokenizer: str) -> Vocabulary:
    if TOKENIZER_KINDS[tokenizer].bytewise:
        model, pieces = learn_sentence_pieces(TEXT, tokenizer, 320)
        return Vocabulary(pieces, model)
    if TOKENIZER_KINDS[tokenizer].subwords:
        return Vocabulary(learn_word_pieces(TEXT, 60))
    return Vocabulary.from_counts(count_symbols(TEXT, make_tokenizer(tokenizer)))


def make_batches() -> list[session_answers.Batch]:
    """Nothing, one row, some, and more than are searched at once; as JSON has them."""
    many = [" ".join(text.split()[: number % 4]) for number, text in enumerate(TEXT * 3)]
    return [_batch(sources) for sources in ([], ["cat"], [*TEXT[:5], *STRANGE], many)]


def _batch(texts: list[str]) -> session_answers.Batch:
    sources = [text.encode("utf-8", "surrogateescape").decode("latin-1") for text in texts]
    targets = sources[::-1]
    tokens = [[*target.split(), "", "", ""][:3] for target in targets]
    return {"source": sources, "prefix": [text[:2] for text in sources], "target": targets, "target_tokens": tokens}


def answers_here(model: StringModel, batches: Iterable[session_answers.Batch]) -> Answers:
    """What the signatures have to answer, from the functions of which `predict` and `score` make use."""
    found: Answers = {name: [] for name in SIGNATURES}
    live = model.outside_graphs()
    for batch in batches:
        inputs = {name: _strings(values, name) for name, values in batch.items()}
        decoded = _arrays(live.decode(inputs["source"]))
        found["serving_default"].append({**decoded, **_best(decoded)})
        found["n_best"].append(decoded)
        explained = _arrays(live.explain(inputs["source"]))
        first = {name: explained[name][:, 0] for name in ("target_tokens", "attention", "target_length")}
        found["explain"].append({**explained, **first, **_best(explained)})
        completed = _arrays(live.complete(inputs["source"], inputs["prefix"]))
        found["complete"].append({**completed, **_best(completed)})
        found["score"].append(_arrays(live.score(inputs["source"], inputs["target"])))
        found["score_tokens"].append(_arrays(live.score_tokens(inputs["source"], inputs["target_tokens"])))
    return found


def _best(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = {"text": "texts", "score": "scores", "limited": "limited"}
    return {name: outputs[of_all][:, 0] for name, of_all in names.items()}


def _strings(values: list[Any], name: str) -> tf.Tensor:
    return tf.constant(session_answers.array(values, 2 if name == "target_tokens" else 1), tf.string)


def _arrays(outputs: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in outputs.items()}


def compare(expected: list[dict[str, np.ndarray]], found: list[dict[str, Any]]) -> float:
    """Largest difference of a number; infinite where anything else differs, or outputs are missing."""
    if len(expected) != len(found) or not all(found):
        return np.inf
    return max(
        _difference(here[name], there[name]) for here, there in zip(expected, found, strict=True) for name in there
    )


def _difference(here: np.ndarray, there: Mapping[str, Any]) -> float:
    if list(here.shape) != there["shape"]:
        return np.inf
    if here.dtype.kind != "f":
        return 0.0 if session_answers.plain(here.ravel().tolist()) == there["values"] else np.inf
    values = np.reshape(np.array(there["values"], here.dtype), here.shape)
    # Missing outputs have the score -inf.
    same = here == values
    return float(np.max(np.abs(np.where(same, 0, here) - np.where(same, 0, values)), initial=0.0))


def compare_in_c(
    program: Path, export: Path, batches: list[session_answers.Batch], expected: Answers, fast: bool = False
) -> float:
    """Largest difference of what the program in C prints for the batch of one row, of all signatures."""
    [place] = [place for place, batch in enumerate(batches) if len(batch["source"]) == 1]
    given = {name: str(np.ravel(values)[0]) for name, values in batches[place].items()}
    found = c_answers.answer(program, export, given, c_answers.libraries_named(export), fast)
    return max(
        c_answers.difference(expected[name][place][key].ravel().tolist()[0], line)
        for name, lines in found.items()
        for key, line in lines.items()
    )


def examine(
    kinds: Mapping[str, Kind], batches: list[session_answers.Batch], fast: bool = False, in_c: bool = False
) -> dict[str, dict[str, float]]:
    """Largest difference by kind and signature, and in C of all of them; `fast` leaves graphs as they are."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": fast})
    with tempfile.TemporaryDirectory() as name:
        folder, expected = Path(name) / "exports", {}
        folder.mkdir()
        for kind, settings in kinds.items():
            print(f"\r{kind:<40}", end="", file=sys.stderr, flush=True)
            model = make_model(settings, Path(name))
            save_string_model(model, folder / kind, {})
            require_harmless(folder / kind / GRAPH)
            expected[kind] = answers_here(model, batches)
        (folder / "inputs.json").write_text(json.dumps(batches), encoding="utf-8")
        print("\rin a session" + " " * 40, file=sys.stderr, flush=True)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [sys.executable, "-P", str(Path(session_answers.__file__).resolve()), str(folder), "fast" * fast]
        subprocess.run(command, check=True, cwd=name, env=environment)
        found = {kind: json.loads((folder / f"{kind}.json").read_text(encoding="utf-8")) for kind in kinds}
        results = {
            kind: {name: compare(expected[kind][name], found[kind].get(name, [])) for name in SIGNATURES}
            for kind in kinds
        }
        if in_c:
            program = c_answers.compile_program(Path(name))
            for kind, row in results.items():
                print(f"\r{kind}, in C{'':<40}", end="", file=sys.stderr, flush=True)
                row[IN_C] = compare_in_c(program, folder / kind, batches, expected[kind], fast)
            print(file=sys.stderr)
    return results


def main(argv: list[str] | None = None) -> None:
    """Examine and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export_loaders", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), help="all of them if none is given")
    kinds, in_c = {kind: KINDS[kind] for kind in parser.parse_args(argv).kinds}, shutil.which("gcc") is not None
    found = examine(kinds, make_batches(), in_c=in_c)
    print(f"{'':<20}" + "".join(f"{name:>17}" for name in (*SIGNATURES, *[IN_C] * in_c)))
    for kind, row in found.items():
        cells = ("differs" if value > TOLERANCE else f"equal ({value:.0e})" for value in row.values())
        print(f"{kind:<20}" + "".join(f"{cell:>17}" for cell in cells))
    sys.exit(any(value > TOLERANCE for row in found.values() for value in row.values()))


if __name__ == "__main__":
    main()
