"""Whether the data path survives anything: `python -m benchmarks.hostile_data [--inputs 20000] [--seed 1]`.

Every input is a generated file (or several) of a format, mixing pairs with invalid UTF-8, control characters, odd TABs
and line ends, overlong lines and damaged gzip; or a file of one of the kinds that people give for pairs
(`benchmarks.hostile_kinds`): other encodings, compressed ones, other separators, other columns, headers, quotes.
It goes through the real path, once refusing bad lines and once leaving them out: splits, filter, ids, and for a share
of the inputs the whole `prepare_data`. Findings are exceptions that are no UsageError or DataError, inputs that take
longer than a limit, refusals that do not name the place, pairs that differ from those of an oracle that knows the
formats on its own (`benchmarks.hostile_oracle`), kinds that are not named, and right files of which anything is said. A
table goes to stderr, a JSON object to the last line of stdout; with findings the exit code is 1.
"""

import argparse
import contextlib
import dataclasses
import faulthandler
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tqdm import tqdm

from benchmarks.hostile_files import FORMATS, HostileFile, make_input
from benchmarks.hostile_kinds import make_kind
from benchmarks.hostile_oracle import Expected
from benchmarks.memory import peak_memory
from pipeline.data.pair_filter import BAD_LINE, training_filter
from pipeline.data.preparation import prepare_data
from pipeline.data.tokenized_corpus import TokenizedCorpus, tokenize_corpus
from pipeline.errors import DataError, UsageError
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.cmudict import read_cmudict
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.splits import open_splits
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.processor import TextProcessor
from pipeline.text.vocabulary import Vocabulary

MODES = ("strict", "skipping")
INPUTS = (*FORMATS, "kinds")
MAX_LENGTH = 12
SECONDS = 20.0
ARMED = 100
"""Compiled code that hangs listens to no signal: so many inputs in ten seconds each, or the process ends."""
WHOLE = 40
"""One input in this many goes through the whole of `prepare_data`."""
TEXT = TextConfiguration(target_tokenizer="space")
# Of settings, which several files together can make impossible: these name the setting.
OF_SETTINGS = ("data.dev_size: cannot hold out", "train: no pair is left", "dev: no pair is left")


class Slow(Exception):
    """The limit was reached."""


class Finding(Exception):
    """Something is not as it should be."""


class Said(logging.Handler):
    """The warnings about an input, which are kept instead of shown."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def listening() -> Iterator[Said]:
    """What is said of the columns of files; no other warnings, there is one for almost every input."""
    said = Said()
    everything = logging.getLogger("pipeline")
    columns = [logging.getLogger(f"pipeline.{name}") for name in ("pairs.reading", "pairs.pair_file")]
    before = everything.level
    everything.setLevel(logging.ERROR)
    for logger in columns:
        logger.addHandler(said)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    try:
        yield said
    finally:
        everything.setLevel(before)
        for logger in columns:
            logger.removeHandler(said)
            logger.setLevel(logging.NOTSET)
            logger.propagate = True


@contextlib.contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise `Slow` after so long."""

    def stop(number: int, frame: object) -> None:
        raise Slow(f"more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclasses.dataclass
class DataPath:
    """The real data path, in a folder of its own."""

    folder: Path
    dev: str
    source: TextProcessor = dataclasses.field(
        default_factory=lambda: TextProcessor(Vocabulary(["a", "b", "é", "東", "\0", "\ufeff"]), "char")
    )
    target: TextProcessor = dataclasses.field(
        default_factory=lambda: TextProcessor(Vocabulary(["A", "B", "É", "\0"]), "space")
    )

    def run(self, hostile: HostileFile, skip: bool, whole: bool) -> tuple[list[Pair], list[int], int]:
        """All pairs, the lines that are left of them, and how many pairs were left out as bad lines."""
        if hostile.format == "cmudict":
            return self._run_cmudict(hostile, skip)
        dev = None if hostile.holds_out else self.dev
        data = DataConfiguration(
            train=hostile.location, dev=dev, dev_size=0.3, max_length=MAX_LENGTH, skip_bad_lines=skip
        )
        splits = open_splits(data, seed=1, text=TEXT)
        pairs = list(splits["train"]()) + (list(splits["dev"]()) if dev is None else [])
        left = [*self._tokenize("train", splits["train"](), data, splits["train"].bad_lines)]
        count = splits["train"].bad_lines.count() if skip and splits["train"].bad_lines else 0
        if whole:
            self._prepare(data, splits, left)
        if dev is None:
            left += self._tokenize("dev", splits["dev"](), data, None)
        return sorted(pairs, key=lambda pair: (pair.corpus, pair.line)), sorted(left), count

    def _run_cmudict(self, hostile: HostileFile, skip: bool) -> tuple[list[Pair], list[int], int]:
        bad = BadLines() if skip else None
        path = Path(str(hostile.location))
        pairs = [Pair(*entry) for entry in read_cmudict(path, bad)]
        data = DataConfiguration(train="cmudict", max_length=MAX_LENGTH, skip_bad_lines=skip)
        left = self._tokenize("train", (Pair(*entry) for entry in read_cmudict(path, bad)), data, bad)
        return pairs, left, bad.count() if bad else 0

    def _tokenize(self, name: str, pairs: Iterator[Pair], data: DataConfiguration, bad: BadLines | None) -> list[int]:
        place = self.folder / "ids" / name
        shutil.rmtree(place, ignore_errors=True)
        corpus = tokenize_corpus(pairs, self.source, self.target, training_filter(data), place, "hostile", bad)
        if corpus.dropped.get(BAD_LINE, 0) != (bad.count() if bad else 0):
            raise Finding(f"{corpus.dropped} has another number of bad lines than was read")
        return corpus.lines.tolist()

    def _prepare(self, data: DataConfiguration, splits: Any, left: list[int]) -> None:
        configuration = Configuration(data=data, text=TEXT)
        run = RunDirectory(self.folder / "run")
        shutil.rmtree(run.path, ignore_errors=True)
        run.begin(configuration)
        prepared = prepare_data(configuration, run, splits)
        assert isinstance(prepared.train, TokenizedCorpus)
        if prepared.train.lines.tolist() != left:
            raise Finding("prepare_data keeps other lines than the same filter alone")


def check(path: DataPath, hostile: HostileFile, expected: Expected, skip: bool, whole: bool, said: Said) -> str:
    """Run an input and compare; "pairs" or "refused".

    Raises:
        Finding: It is not as the oracle says.
    """
    refusal = expected.refusal(skip)
    said.messages.clear()
    try:
        pairs, left, count = path.run(hostile, skip, whole)
    except (UsageError, DataError) as error:
        message = str(error)
        if message.startswith(OF_SETTINGS):
            if expected.is_enough(skip, hostile.holds_out, MAX_LENGTH):
                raise Finding(f"refused for a setting without reason: {message}") from None
        elif expected.doubtful and str(hostile.folder) in message:
            pass
        elif refusal is None:
            raise Finding(f"refused, but nothing is wrong: {message}") from None
        elif not any(place in message for place in refusal):
            raise Finding(f"names none of {refusal}: {message}") from None
        elif expected.kind not in message:
            raise Finding(f"says nothing of {expected.kind}: {message}") from None
        return "refused"
    if refusal is not None:
        raise Finding(f"not refused, though {refusal[0]} is bad")
    if [tuple(pair) for pair in pairs] != expected.pairs:
        raise Finding(f"{len(pairs)} pairs, the oracle has {len(expected.pairs)}, or others")
    if left != expected.short_lines(MAX_LENGTH):
        raise Finding(f"lines {left} are left, the oracle has {expected.short_lines(MAX_LENGTH)}")
    if skip and count != expected.bad_pairs:
        raise Finding(f"{count} bad pairs counted, the oracle has {expected.bad_pairs}")
    if expected.kind and not any(expected.kind in message for message in said.messages):
        raise Finding(f"says nothing of {expected.kind}: {said.messages}")
    if expected.is_quiet and said.messages:
        raise Finding(f"says without reason: {said.messages}")
    return "pairs"


def measure(inputs: int, seed: int, seconds: float = SECONDS) -> tuple[dict[str, Any], list[str]]:
    """Run all inputs in both modes; figures, and what was found."""
    counts: Counter[tuple[str, str, str]] = Counter()
    found: list[str] = []
    slowest, bad, wholes = 0.0, 0, 0
    began = time.monotonic()
    with listening() as said, tempfile.TemporaryDirectory(prefix="hostile ünd ") as name:
        folder = Path(name)
        (folder / "dev.tsv").write_text("dev\tD\n", encoding="utf-8")
        path = DataPath(folder, str(folder / "dev.tsv"))
        for number in tqdm(range(inputs), unit=" inputs", file=sys.stderr):
            if number % ARMED == 0:
                faulthandler.dump_traceback_later(10 * ARMED + 10 * seconds, exit=True, file=2)
            chance = random.Random(f"{seed} {number}")
            # Of each format and of the kinds equally many.
            is_kind = number % len(INPUTS) == len(FORMATS)
            hostile, expected = make_kind(folder, number, chance) if is_kind else make_input(folder, number, chance)
            bad += expected.bad_pairs
            for mode in MODES:
                whole = number % WHOLE == 0
                wholes += whole
                started = time.monotonic()
                try:
                    with limit(seconds):
                        outcome = check(path, hostile, expected, mode == "skipping", whole, said)
                except Exception as error:
                    outcome = "findings"
                    found.append(f"input {number} ({hostile.format}, {mode}): {type(error).__name__}: {error}")
                    print(found[-1][:1000], file=sys.stderr)
                slowest = max(slowest, time.monotonic() - started)
                counts[hostile.format, mode, outcome] += 1
            hostile.remove()
    faulthandler.cancel_dump_traceback_later()
    figures = {
        "inputs": inputs,
        "runs": sum(counts.values()),
        "whole": wholes,
        "refused": sum(count for (_, _, outcome), count in counts.items() if outcome == "refused"),
        "bad_pairs": bad,
        "findings": len(found),
        "seconds": round(time.monotonic() - began, 1),
        "slowest_seconds": round(slowest, 2),
        "memory_mib": peak_memory(),
        "formats": {kind: {mode: _outcomes(counts, kind, mode) for mode in MODES} for kind in INPUTS},
    }
    return figures, found


def _outcomes(counts: Counter[tuple[str, str, str]], kind: str, mode: str) -> dict[str, int]:
    return {outcome: counts[kind, mode, outcome] for outcome in ("pairs", "refused", "findings")}


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    lines = ["format          mode        pairs read    refused   findings"]
    for kind, modes in figures["formats"].items():
        for mode, found in modes.items():
            lines.append(f"{kind:<16}{mode:<10}{found['pairs']:>12,}{found['refused']:>11,}{found['findings']:>11,}")
    lines.append(
        f"{figures['inputs']:,} inputs, {figures['runs']:,} runs ({figures['whole']:,} through prepare_data) in "
        f"{figures['seconds']:,.0f} s, the slowest {figures['slowest_seconds']:.2f} s; "
        f"{figures['bad_pairs']:,} bad lines; findings: {figures['findings']}"
    )
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile_data", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    figures, found = measure(arguments.inputs, arguments.seed)
    print(table(figures), file=sys.stderr)
    print(json.dumps({"hostile_data": figures}))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
