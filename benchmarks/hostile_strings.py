"""Strings that nobody should send: `python -m benchmarks.hostile_strings EXPORT [--inputs 5000] [--seed 1]`.

Empty, endless and invalid strings, control characters, scripts that no training had, NUL: in batches of 0, 1, many and
once 10,000, through every signature of an export, loaded as a server does. Counts as a finding: an error, an answer
that differs from the one that a string gets alone, and a flag (`cut`, `invalid`) that is not what Python says of the
string. A call that takes longer than --patience ends the process with the stack of what hangs. A table goes to stderr,
a JSON object to the last line of stdout; the exit code is 1 if anything was found.
"""

import argparse
import faulthandler
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401, its operations are in the graph

from benchmarks.memory import peak_memory
from pipeline.unicode.normal_forms import normalize_string

SIZES = (0, 1, 2, 7, 32, 100)
LARGEST = 10_000
LONGEST = 100_000
TOLERANCE = 1e-3
CHARACTERS_PER_SYMBOL = 32
BROKEN = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe3\x81", b"\x80\x80", b"\xf8\x88\x80\x80\x80")
OTHER = {"complete": "prefix", "score": "target", "score_tokens": "target_tokens"}


def make_string(chance: random.Random, longest: int = LONGEST) -> bytes:
    """One of them; a hundredth is of the longest."""
    kinds: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: bytes(chance.choices(range(256), k=chance.randint(1, 30))),
        lambda: "".join(chance.choices("abcdefghij '-", k=chance.randint(1, 20))).encode(),
        lambda: "".join(map(chr, chance.choices(range(32), k=chance.randint(1, 10)))).encode(),
        lambda: b"a\0b" * chance.randint(1, 9),
        lambda: "".join(_character(chance) for _ in range(chance.randint(1, 40))).encode(),
        lambda: b"ab" + chance.choice(BROKEN) + b"cd",
        lambda: chance.choice(["\ufeff", "\ufffd", "\uffff", "\u202e", "\u0301", " \t\n", "🏳️‍🌈", "ﷺ"]).encode() * 5,
    ]
    if chance.random() < 0.01:
        part = chance.choice(["a", " ", "\u0301\u0323", "東 ", "\0", "ab cd "]).encode()
        return (part * longest)[: chance.randint(longest // 2, longest)]
    return chance.choice(kinds)()


def _character(chance: random.Random) -> str:
    code = chance.randrange(0x110000 - 0x800)
    return chr(code if code < 0xD800 else code + 0x800)


def expected_flags(string: bytes, info: dict[str, Any]) -> tuple[bool, bool | None]:
    """Whether a source is invalid and whether it is cut, None where that is the tokenizer's matter.

    Example:
        >>> info = {"max_length": 2, "text": {"source_tokenizer": "char", "normalization": "nfc", "lowercase": False}}
        >>> expected_flags(b"abc", info), expected_flags(b" ab ", info), expected_flags(b"\\xffa", info)
        ((False, True), (False, False), (True, False))
    """
    try:
        text, invalid = string.decode(), False
    except UnicodeDecodeError:
        text, invalid = string.decode(errors="replace"), True
    if len(text) > info["max_length"] * CHARACTERS_PER_SYMBOL:
        return invalid, True
    settings = info["text"]
    if settings["source_tokenizer"] != "char" or settings["lowercase"]:
        return invalid, None
    return invalid, len(normalize_string(text, settings["normalization"], lowercase=False)) > info["max_length"]


class Examiner:
    """Calls signatures and keeps what is wrong.

    Args:
        path: An export.
        patience: Seconds that a call may take.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self.info = json.loads((path / "attentif.json").read_text(encoding="utf-8"))
        self.loaded = tf.saved_model.load(str(path))  # the signatures alone would not keep it alive
        self.patience = patience
        self.findings: list[str] = []
        self.calls, self.inputs = Counter[str](), Counter[str]()
        self.seconds: dict[str, float] = defaultdict(float)

    def examine(self, name: str, sources: list[bytes], others: list[Any], alone: list[int]) -> None:
        """A batch through a signature, and some of its strings alone."""
        try:
            found = self._call(name, sources, others)
            self._check_flags(name, sources, found)
            for row in alone:
                single = self._call(name, sources[row : row + 1], others[row : row + 1])
                self._compare(f"{name}, {sources[row][:40]!r}", found, single, row)
        except tf.errors.OpError as error:
            self.findings.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")

    def _call(self, name: str, sources: list[bytes], others: list[Any]) -> dict[str, np.ndarray]:
        inputs = {"source": tf.constant(sources, tf.string)}
        if name == "score_tokens":
            longest = max(map(len, others), default=0)
            rows = [[*other, *[b""] * (longest - len(other))] for other in others]
            inputs[OTHER[name]] = tf.reshape(tf.constant(rows, tf.string), [len(others), longest])
        elif name in OTHER:
            inputs[OTHER[name]] = tf.constant(others, tf.string)
        faulthandler.dump_traceback_later(self.patience, exit=True, file=sys.__stderr__ or sys.stderr)
        began = time.perf_counter()
        found = {key: value.numpy() for key, value in self.loaded.signatures[name](**inputs).items()}
        faulthandler.cancel_dump_traceback_later()
        self.seconds[name] += time.perf_counter() - began
        self.calls[name] += 1
        self.inputs[name] += len(sources)
        for key, value in found.items():
            if len(value) != len(sources):
                self.findings.append(f"{name}: {key} has {len(value)} rows, not {len(sources)}")
        return found

    def _check_flags(self, name: str, sources: list[bytes], found: dict[str, np.ndarray]) -> None:
        for row, source in enumerate(sources):
            for key, expected in zip(("invalid", "cut"), expected_flags(source, self.info), strict=True):
                if expected is not None and bool(found[key][row]) != expected:
                    self.findings.append(f"{name}: {key} of {source[:40]!r} ({len(source)} bytes) is not {expected}")

    def _compare(self, what: str, found: dict[str, np.ndarray], single: dict[str, np.ndarray], row: int) -> None:
        ranks = ("scores", "rank_scores") if "scores" in single else ("score",)
        for key in ranks:
            if not np.allclose(found[key][row], single[key][0], rtol=TOLERANCE, atol=TOLERANCE):
                self.findings.append(f"{what}: {key} is {found[key][row]}, alone {single[key][0]}")
        # Hypotheses that tie may change places: then the scores above are equal.
        for key in set(single) - {"text", "texts", "target_tokens", "attention", "attention_heads", *ranks}:
            together = found[key][row]
            if single[key].ndim > 1:
                together = together[: single[key].shape[1]]
            if not np.array_equal(together, single[key][0]) and not key.startswith("target_length"):
                self.findings.append(f"{what}: {key} is {together!r}, alone {single[key][0]!r}")


def examine(path: Path, inputs: int, seed: int, patience: float, largest: int = LARGEST) -> tuple[Examiner, dict]:
    """Everything that is printed."""
    chance, examiner = random.Random(seed), Examiner(path, patience)
    names = sorted(name for name in examiner.loaded.signatures if not name.startswith("_"))
    batches = 0
    while sum(examiner.inputs.values()) < inputs or batches < len(names) * len(SIZES):
        name, size = names[batches % len(names)], SIZES[batches // len(names) % len(SIZES)]
        batches += 1
        sources = [make_string(chance) for _ in range(size)]
        # Long prefixes and targets are cut late, and take as many steps.
        others: list[Any] = [make_string(chance, 2000) for _ in range(size)]
        if name == "score_tokens":
            others = [[part for part in other.split(b" ")[:50] if part] for other in others]
        examiner.examine(name, sources, others, chance.sample(range(size), min(size, 3)))
        if batches % len(names) == 0:
            print(f"\r{sum(examiner.inputs.values()):,} inputs", end="", file=sys.stderr, flush=True)
    sources = [make_string(chance) for _ in range(largest)]
    examiner.examine("serving_default", sources, sources, chance.sample(range(largest), min(20, largest)))
    result = {
        "inputs": sum(examiner.inputs.values()),
        "calls": dict(examiner.calls),
        "seconds": {name: round(value, 2) for name, value in examiner.seconds.items()},
        "peak_mib": peak_memory(),
        "findings": examiner.findings,
    }
    return examiner, result


def main(argv: list[str] | None = None) -> None:
    """Examine and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile_strings", description=__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=300, help="seconds that a call may take (%(default)s)")
    parser.add_argument("--largest", type=int, default=LARGEST, help="strings of the largest batch (%(default)s)")
    arguments = parser.parse_args(argv)
    how = (arguments.inputs, arguments.seed, arguments.patience, arguments.largest)
    examiner, result = examine(arguments.export, *how)
    for name, calls in examiner.calls.items():
        shown = f"{name:<16}{calls:>6} calls{examiner.inputs[name]:>8} inputs{examiner.seconds[name]:>9.1f} s"
        print(f"\n{shown}", end="", file=sys.stderr)
    print("", *examiner.findings[:50], sep="\n", file=sys.stderr)
    print(json.dumps(result))
    sys.exit(bool(examiner.findings))


if __name__ == "__main__":
    main()
