"""`calibrate` and what `predict` does with it, on a real model, by command and from Python."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline import calibrate, load, read_calibration
from pipeline.commands.main import main
from pipeline.errors import DataError, UsageError
from pipeline.trust.confident_predictor import ConfidentPredictor
from tests.tiny_task import TinyRun, make_sources, write_pairs


@pytest.fixture(scope="module")
def run(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to write in."""
    path = tmp_path_factory.mktemp("trust") / "run"
    return Path(shutil.copytree(tiny_run.path, path, ignore=shutil.ignore_patterns("export", "logs")))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, run: Path) -> str:
    """Of which some are answered otherwise: every third has another target than the model has learnt."""
    sources = make_sources(90, seed=9)
    answers = [one.texts[0] for one in load(run).predict(sources)]
    odd = [f"{answer} A" if len(source) < 3 else answer for source, answer in zip(sources, answers, strict=True)]
    return write_pairs(tmp_path_factory.mktemp("pairs") / "dev.tsv", list(zip(sources, odd, strict=True)))


@pytest.fixture(scope="module")
def calibrated(run: Path, pairs: str) -> Path:
    calibrate(run, pairs)
    return run


def test_by_command(run: Path, pairs: str, capsys: pytest.CaptureFixture[str]):
    assert main(["calibrate", str(run), pairs, "--check", pairs]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out.splitlines()[-1])
    assert found["n"] == found["check"]["n"] == 90
    assert 0 <= found["calibration_error"] <= 100
    assert [row["asked"] for row in found["accuracy"]] == [90.0, 95.0, 99.0]
    assert Path(found["picture"]).read_bytes().startswith(b"\x89PNG")
    assert "90 answers are few" in captured.err
    assert " in the training data of " in captured.err  # the tiny task has few different words


def test_its_run_is_whole_with_it_and_is_not_without(calibrated: Path, tmp_path: Path):
    copy = shutil.copytree(calibrated, tmp_path / "copy")
    assert load(copy).predict(["ab"])
    file = copy / "calibration.json"
    file.write_text(file.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(DataError, match=r"calibration\.json"):
        load(copy)


def test_from_python(calibrated: Path):
    calibration = read_calibration(calibrated)
    assert calibration is not None
    model = load(calibrated, n_best=None)
    predictions = ConfidentPredictor(model, calibration).predict(["ab", "éßaab東"])
    assert [one.confidence for one in predictions] == [calibration.confidence(one) for one in predictions]
    [begun] = ConfidentPredictor(model, calibration).predict(["ab"], prefixes=["A"])
    assert begun.confidence is None


def test_json_has_confidence(calibrated: Path, tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lines = tmp_path / "lines.txt"
    lines.write_text("ab\n\n東東\n", encoding="utf-8")
    answers = []
    for model in (calibrated, tiny_run.path):
        assert main(["predict", str(model), str(lines), "--json"]) == 0
        answers.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    assert [0 < one["confidence"] < 1 for one in answers[0][::2]] == [True, True]
    assert all(len(one["predictions"]) == 1 for one in answers[0][::2])
    for one in answers[0]:
        one.pop("confidence", None)
    assert answers[0] == answers[1]


def test_a_list_is_split(calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lines, queue = tmp_path / "lines.txt", tmp_path / "queue.tsv"
    sources = make_sources(60, seed=4)
    lines.write_text("".join(f"{source}\n" for source in sources), encoding="utf-8")
    argv = ["predict", str(calibrated), str(lines), "--accuracy", "0.9", "--queue", str(queue)]
    assert main(argv) == 0
    captured = capsys.readouterr()
    cleared = [line.split("\t") for line in captured.out.splitlines()]
    head, *rows = queue.read_text(encoding="utf-8").splitlines()
    assert head.split("\t")[:3] == ["source", "answer", "confidence"]
    waiting = [row.split("\t") for row in rows]
    assert sorted([one[0] for one in cleared] + [one[0] for one in waiting]) == sorted(sources)
    sure = [float(one[2]) for one in waiting]
    assert sure == sorted(sure)
    assert "lines are cleared" in captured.err
    assert queue.with_suffix(".html").is_file()
    assert np.mean([len(one) for one in waiting]) > 3  # the other outputs of the beam


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--accuracy", "0.9"], "--queue"),
        (["--queue", "q.tsv"], "--accuracy"),
        (["--accuracy", "99", "--queue", "q.tsv"], "above 0 and at most 1"),
        (["--accuracy", "0.9", "--queue", "q.html"], r"q\.tsv"),
        (["--accuracy", "0.9", "--queue", "q.tsv", "--prefixes"], "leave one out"),
    ],
)
def test_what_does_not_go_together_is_refused(options: list[str], words: str):
    from pipeline.commands.predict import parse

    with pytest.raises(UsageError, match=words):
        parse(["run", *options])


def test_another_model_than_the_calibrated_one(
    calibrated: Path, tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    lines = tmp_path / "lines.txt"
    lines.write_text("ab\n", encoding="utf-8")
    queue = ["--accuracy", "0.9", "--queue", str(tmp_path / "q.tsv")]
    assert main(["predict", str(calibrated), str(lines), "--beam", "2", *queue]) == 2
    assert "search.beam_size was 3, is now 2" in capsys.readouterr().err
    assert main(["predict", str(calibrated), str(lines), "--beam", "2", "--json"]) == 0
    captured = capsys.readouterr()
    assert "confidence" not in json.loads(captured.out)
    assert "answers have no confidence" in captured.err
    assert main(["predict", str(tiny_run.path), str(lines), *queue]) == 2
    assert "calibrate" in capsys.readouterr().err


def test_pairs_that_are_all_right_tell_nothing(run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    sources = make_sources(30, seed=2)
    answers = [one.texts[0] for one in load(run).predict(sources)]
    place = write_pairs(tmp_path / "right.tsv", list(zip(sources, answers, strict=True)))
    with caplog.at_level(logging.WARNING), pytest.raises(DataError, match="0 are wrong"):
        calibrate(run, place)


@pytest.mark.slow
def test_an_export_and_an_ensemble_have_theirs_beside_them(
    tiny_export: Path, tiny_ensemble: Path, pairs: str, tmp_path: Path
):
    export = shutil.copytree(tiny_export, tmp_path / "export")
    calibrate(export, pairs)
    assert (tmp_path / "export.calibration.json").is_file()
    assert load(export).predict(["ab"])
    first, second = str(tiny_ensemble).split(",")
    members = [shutil.copytree(place, tmp_path / name) for place, name in ((first, "one"), (second, "two"))]
    calibrate(f"{members[0]},{members[1]}", pairs)
    assert (tmp_path / "one+two.calibration.json").is_file()
