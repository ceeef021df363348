"""Strings decoded per second, next to PyTorch: `python -m benchmarks.search_speed [--size g2p]`.

Ours is the exported SavedModel, loaded from disk; the peer is the same network with the same weights and batched
search written in PyTorch (`benchmarks.torch_search`). Both take strings and give strings and scores, in turns, and
must give the same. Weights are random, so no output would end where a trained one does: all go on to the source's
length. A table goes to stderr, a JSON object to the last line of stdout.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks.sizes import SIZES, Size
from benchmarks.training_speed import twins
from benchmarks.turns import (
    complain_of_others,
    cpu_seconds,
    quartiles,
    ratios,
    set_threads,
    share_of_others,
    take_turns,
)
from pipeline.model.network import SingleNetwork
from pipeline.prediction.string_model import StringModel
from pipeline.saved_models.export import save_string_model
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.processor import make_texts
from pipeline.text.symbols import END, SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary

BATCHES, BEAMS = (1, 32, 256), (1, 5, 10)
LIMIT = (1.0, 0)  # outputs are as long as their sources at most
FIRST_LETTER = 0x4E00  # enough characters for the largest vocabulary
SHARPER = 4.0  # fresh weights hardly tell symbols apart: a tie would be decided by rounding
END_BIAS = -10.0  # and would end at once, or anywhere
LARGEST_SCORE_DIFFERENCE = 1e-3
SMALLEST_EQUAL_SHARE = 0.95
SHORTEST_TURN = 0.3  # seconds


def vocabulary(size: Size) -> Vocabulary:
    """As many symbols as the size says, of one character each."""
    letters = (chr(FIRST_LETTER + index) for index in range(size.vocabulary - len(SPECIAL_SYMBOLS)))
    return Vocabulary(letters)


def random_sources(size: Size, count: int) -> list[str]:
    """Strings of full length, without the end symbol."""
    letters = vocabulary(size).symbols[len(SPECIAL_SYMBOLS) :]
    chosen = np.random.default_rng(2).integers(len(letters), size=(count, size.length - 1))
    return ["".join(letters[index] for index in row) for row in chosen]


def sharpened_twins(size: Size) -> tuple[Any, Any]:
    """Our model and the peer with the same weights, larger ones than a fresh model's in the last layer."""
    from benchmarks.torch_peer import copy_weights

    model, peer = twins(size)
    projection = model.get_layer("decoder").output_projection
    projection.kernel.assign(projection.kernel * SHARPER)
    projection.bias.assign(tf.one_hot(END, size.vocabulary) * END_BIAS)
    copy_weights(model, peer)
    return model, peer


def exported(model: Any, size: Size, beam_size: int, directory: Path) -> Callable[[list[str]], list[tuple[str, float]]]:
    """The model as a SavedModel, written, loaded, and called by its default signature."""
    symbols, text = vocabulary(size), TextConfiguration(source_tokenizer="char", target_tokenizer="space")
    source, target = make_texts(text, symbols, symbols)
    search = SearchConfiguration(beam_size=beam_size, length_ratio=LIMIT[0], length_offset=LIMIT[1])
    strings = StringModel(SingleNetwork(model, frozen=True), source, target, search, n_best=1, max_length=size.length)
    place = directory / f"beam-{beam_size}"
    save_string_model(strings, place, {})
    loaded = tf.saved_model.load(str(place))
    serve = loaded.signatures["serving_default"]

    def decode(sources: list[str]) -> list[tuple[str, float]]:
        assert loaded is not None  # the signature alone would not keep it alive
        found = serve(source=tf.constant(sources))
        texts = [text.decode() for text in found["text"].numpy()]
        return list(zip(texts, found["score"].numpy().tolist(), strict=True))

    return decode


def measure(size: Size, repeats: int, batches: Sequence[int] = BATCHES, beams: Sequence[int] = BEAMS) -> dict[str, Any]:
    """Everything that is printed; call `set_threads` first.

    Raises:
        RuntimeError: The two give different outputs.
    """
    from benchmarks.torch_search import TorchStrings

    model, peer = sharpened_twins(size)
    symbols, sources = vocabulary(size).symbols, random_sources(size, max(batches))
    results: dict[str, Any] = {"size": dataclasses.asdict(size), "repeats": repeats, "beams": {}}
    before = cpu_seconds()
    for beam_size in beams:
        with tempfile.TemporaryDirectory() as folder:
            ours = exported(model, size, beam_size, Path(folder))
        theirs = TorchStrings(peer, symbols, symbols, LIMIT)
        equal = _compare(ours(sources), theirs.decode(sources, beam_size))
        rows = {}
        for batch in batches:
            chosen = sources[:batch]
            sides = {"attentif": _call(ours, chosen), "pytorch": _call(theirs.decode, chosen, beam_size)}
            times = take_turns(sides, repeats, SHORTEST_TURN)
            rows[batch] = {
                "ms": {name: quartiles([1000 * value for value in values]) for name, values in times.items()},
                "speed_over_pytorch": ratios(times, "pytorch", "attentif"),
            }
        results["beams"][beam_size] = {"same_texts": equal, "batches": rows}
    results["others_share"] = share_of_others(before, cpu_seconds())
    return results


def _call(function: Callable[..., object], *arguments: Any) -> Callable[[], object]:
    return lambda: function(*arguments)


def _compare(ours: list[tuple[str, float]], theirs: list[tuple[str, float]]) -> float:
    """The share of equal texts, whose log p must be equal too; rounding may decide between hypotheses that tie."""
    pairs = list(zip(ours, theirs, strict=True))
    difference = max((abs(mine[1] - other[1]) for mine, other in pairs if mine[0] == other[0]), default=0.0)
    if difference > LARGEST_SCORE_DIFFERENCE:
        raise RuntimeError(f"different scores with the same weights: log p differs by {difference:.1e}")
    equal = sum(mine[0] == other[0] for mine, other in pairs) / len(pairs)
    if equal < SMALLEST_EQUAL_SHARE:
        raise RuntimeError(f"different outputs with the same weights: only {equal:.1%} of the texts are the same")
    return equal


def table(name: str, result: dict[str, Any]) -> str:
    """The result for people."""
    size = result["size"]
    lines = [
        f"search, {name}: units {size['units']}, {size['length']} symbols, vocabulary {size['vocabulary']:,}",
        f"  {'':<18}{'attentif ms':>13}{'PyTorch ms':>13}{'ours/s':>10}{'ours is faster by':>19}  same texts",
    ]
    for beam_size, found in result["beams"].items():
        for batch, row in found["batches"].items():
            what = f"{'greedy' if beam_size == 1 else f'beam {beam_size}'}, batch {batch}"
            ms, ratio = row["ms"], row["speed_over_pytorch"]["median"]
            ours, theirs = ms["attentif"]["median"], ms["pytorch"]["median"]
            lines.append(
                f"  {what:<18}{ours:>13.1f}{theirs:>13.1f}{1000 * batch / ours:>10,.0f}{ratio:>19.2f}"
                f"  {found['same_texts']:.1%}"
            )
    return "\n".join(lines) + "\n" + complain_of_others(result["others_share"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_speed", description=__doc__)
    parser.add_argument("--size", choices=[*SIZES, "all"], default="all")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each side (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    set_threads(options.threads)
    results = {}
    for name in SIZES if options.size == "all" else [options.size]:
        results[name] = measure(SIZES[name], options.repeats)
        print(table(name, results[name]), file=sys.stderr)
    print(json.dumps({"search": results}))


if __name__ == "__main__":
    main()
