"""The command line of `distill`."""

from pathlib import Path

import pytest

from pipeline.commands.table import parse_arguments
from pipeline.errors import UsageError
from pipeline.runs.directory import RunDirectory
from pipeline.settings.configure import configure


def begin(path: Path, **changes: object) -> Path:
    RunDirectory(path).begin(configure("cmudict", {"model.units": 24, **changes}))
    return path


def test_a_student_has_the_settings_of_a_member_from_left_to_right(tmp_path: Path):
    turned = begin(tmp_path / "1", **{"text.direction": "right_to_left"})
    forward = begin(tmp_path / "2", **{"train.epochs": 7})
    options = ["--run", str(tmp_path / "student"), "--train.seed", "9", "--least-score", "-0.5"]
    found = parse_arguments(["distill", f"{turned},{forward}", *options])
    assert found.configuration == configure("cmudict", {"model.units": 24, "train.epochs": 7, "train.seed": 9})
    assert (found.ensemble, found.run) == (Path(f"{turned},{forward}"), tmp_path / "student")
    assert found.labels == {"n_best": 1, "sampled": False, "least_score": -0.5}
    assert (found.weight, found.recombined, found.overwrite) == (1.0, None, False)
    other = parse_arguments(["distill", f"{turned}", *options, "--config", "sentences"])
    assert other.configuration.text.target_tokenizer == "bpe"


def test_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = begin(tmp_path / "1")
    with pytest.raises(UsageError, match="the ensemble is missing"):
        parse_arguments(["distill", "--run", "student"])
    with pytest.raises(UsageError, match="--run: the directory of the student is missing"):
        parse_arguments(["distill", str(run)])
    with pytest.raises(UsageError, match="not a run directory"):
        parse_arguments(["distill", str(tmp_path / "nowhere"), "--run", "student"])
    with pytest.raises(SystemExit):
        parse_arguments(["distill", "--help"])
    assert "--least-score" in capsys.readouterr().out
