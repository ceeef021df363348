"""Labels: which outputs become some, and that they are found again part by part."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.answering.predictions import Hypothesis, Prediction, Predictions
from pipeline.errors import DataError, UsageError
from pipeline.improvement import labels as module
from pipeline.improvement.labels import LabelDirectory, LabelSettings, choose_labels, make_labels


def output(text: str, score: float = -0.1, limited: bool = False) -> Hypothesis:
    return Hypothesis(text, score, [*text.split(), "</s>"], np.zeros((1, 1), np.float32), score, limited)


def chosen(outputs: list[Hypothesis], cut: bool = False, **settings: Any) -> tuple[list[str], dict[str, int]]:
    counts: Counter[str] = Counter()
    prediction = Prediction(outputs, ["x", "</s>"], cut=cut)
    return list(choose_labels(prediction, LabelSettings(**settings), 0, counts)), dict(counts)


def test_the_best_or_some_of_the_best():
    outputs = [output("A B", -0.1), output("A", -2.5), output("B", -9.0)]
    assert chosen(outputs) == (["A B"], {})
    assert chosen(outputs, n_best=2) == (["A B", "A"], {})
    # log p per symbol, the end symbol among them.
    assert chosen(outputs, n_best=3, least_score=-1.3) == (["A B", "A"], {"too improbable": 1})


def test_drawn_by_probability():
    outputs = [output("A", np.log(0.7)), output("B", np.log(0.3))]
    drawn, _ = chosen(outputs, n_best=1000, sampled=True)
    assert 650 < drawn.count("A") < 750
    assert drawn == chosen(outputs, n_best=1000, sampled=True)[0]
    assert drawn != chosen(outputs, n_best=1000, sampled=True, seed=2)[0]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (output("A", limited=True), "output too long"),
        (output("A <unk>"), "output with <unk>"),
        (output(" "), "empty output"),
        (output("A\tB"), "output with a TAB or a line end"),
    ],
)
def test_what_is_no_label(one: Hypothesis, reason: str):
    assert chosen([one]) == ([], {reason: 1})


def test_sources_without_labels():
    assert chosen([output("A")], cut=True) == ([], {"source too long": 1})
    assert chosen([]) == ([], {"no output": 1})


def test_impossible_settings():
    with pytest.raises(UsageError, match="--n-best: 0 is impossible"):
        LabelSettings(n_best=0)
    with pytest.raises(UsageError, match=r"--least-score: 0\.5 is impossible"):
        LabelSettings(least_score=0.5)


class Capitals:
    """Labels, and breaks down when it has answered as often as it may."""

    def __init__(self, calls: int = 99) -> None:
        self.calls, self.asked = calls, list[str]()

    def predict(self, sources: list[str]) -> Predictions:
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        self.asked += sources
        texts = (source.partition("\t")[0].upper() for source in sources)
        return Predictions(Prediction([output(text)], ["x", "</s>"]) for text in texts)


def test_labels_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PART", 2)
    directory, sources, made_of = LabelDirectory(tmp_path / "labels"), ["a", "b", "c", "d", "e"], {"inputs": "1"}

    def label(model: Capitals, **changes: str) -> dict[str, int]:
        ensemble: Any = model
        return make_labels(directory, sources, {**made_of, **changes}, lambda: ensemble, LabelSettings())

    with pytest.raises(KeyboardInterrupt):
        label(Capitals(calls=1))
    assert not directory.pairs.exists()
    again = Capitals()
    assert label(again) == {"labels": 5}
    assert again.asked == ["c", "d", "e"]
    assert directory.pairs.read_text() == "".join(f"{one}\t{one.upper()}\n" for one in sources)
    assert not directory.parts.exists()
    assert label(Capitals(calls=0)) == {"labels": 5}
    with pytest.raises(UsageError, match=r"made with other settings \(inputs\).*--recombined N.*--overwrite"):
        label(Capitals(), inputs="2")
    with pytest.raises(UsageError, match=r"made with other settings \(columns\); give the former ones, choose"):
        label(Capitals(), columns="2")
    directory.remove()
    assert label(Capitals(), inputs="2") == {"labels": 5}


def test_labels_have_the_columns_of_the_pairs(tmp_path: Path):
    directory, model = LabelDirectory(tmp_path / "labels"), Capitals()
    ensemble: Any = model
    columns = {"source": 1, "features": 2, "target": 3}
    make_labels(directory, ["a\tN;PL", "b"], {}, lambda: ensemble, LabelSettings(), columns)
    assert directory.pairs.read_text() == "source\tfeatures\ttarget\na\tN;PL\tA\nb\t\tB\n"


def test_no_label_at_all(tmp_path: Path):
    directory, model = LabelDirectory(tmp_path), Capitals()
    ensemble: Any = model
    with pytest.raises(DataError, match=r"no label is left \(1 × too improbable\)"):
        make_labels(directory, ["a"], {}, lambda: ensemble, LabelSettings(least_score=-0.01))
    directory.info.write_text("{")
    with pytest.raises(DataError, match=r"labels\.json: damaged"):
        directory.read_info()
    directory.info.write_text(json.dumps({"made_of": {}}))
    assert directory.read_info() == {"made_of": {}}
