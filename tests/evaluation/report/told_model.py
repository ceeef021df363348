"""A model that says what a table says, for tests of reports."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.answering.predictions import Hypothesis, PairScores, Prediction, Predictions
from pipeline.settings.text import TextConfiguration
from pipeline.text.known_symbols import KnownSymbols

SPACE = TextConfiguration(target_tokenizer="space")
END = "</s>"


class Knows:
    """The symbols of some letters."""

    def __init__(self, letters: str) -> None:
        self.letters = letters

    def in_sources(self, sources: Sequence[str]) -> list[int]:
        return [sum(letter not in self.letters and letter != "0" for letter in source) for source in sources]

    in_targets = in_sources

    def among_target_symbols(self, symbols: Sequence[str]) -> list[bool]:
        return ["?" in symbol for symbol in symbols]


def looking(text: str, source: str, places: Sequence[int], score: float = -0.5, features: str = "") -> Prediction:
    """An answer of which every symbol looks at one place of the source, the last one being its end's."""
    tokens = [*source, *(f"\t{feature}" for feature in features.split(";") if feature), END]
    attention = np.eye(len(tokens), dtype=np.float32)[list(places)]
    return Prediction([Hypothesis(text, score, [*text.split(), END], attention)], tokens)


def also(prediction: Prediction, *texts: str) -> Prediction:
    """The same with further outputs."""
    others = [Hypothesis(text, -2.0 - rank, [*text.split(), END], np.zeros((0, 0))) for rank, text in enumerate(texts)]
    return prediction._replace(hypotheses=[*prediction.hypotheses, *others])


class ToldModel:
    """Answers by a table; finds a target the less probable the longer it is."""

    n_best, copies_unknown = 3, False

    def __init__(
        self, table: Mapping[str, Prediction], text: TextConfiguration = SPACE, letters: str = "abcdxy"
    ) -> None:
        self.table, self.text = table, text
        self.known = KnownSymbols(Knows(letters), text)
        self.asked: list[int] = []

    def predict(
        self, sources: Iterable[str], on_progress: Callable[[int], None] | None = None, **options: object
    ) -> Predictions:
        given = list(sources)
        self.asked.append(len(given))
        if on_progress:
            on_progress(len(given))
        nothing = Prediction([], [END])
        return Predictions(
            self.table.get(source, nothing)._replace(unknown=self.known.unknown.in_sources([source])[0])
            for source in given
        )

    def score(self, sources: Iterable[str], targets: Iterable[str]) -> PairScores:
        wanted = list(targets)
        n, sizes = len(wanted), np.array([len(target.split()) + 1 for target in wanted])
        none, no = np.zeros(n, np.int32), np.zeros(n, bool)
        unknown = np.array(["?" in target for target in wanted], np.int32)
        return PairScores(-1.5 * sizes, sizes, no, none, no, unknown)

    score_tokens = score


def write(path: Path, *rows: tuple[str, ...]) -> str:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def read_table(path: Path) -> list[dict[str, str]]:
    head, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


def column(path: Path, *names: str) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in names) for row in read_table(path)]
