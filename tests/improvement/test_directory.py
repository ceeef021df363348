"""The directory of an improvement: begun once, recognised, its time counted over interruptions."""

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.improvement.directory import Clock, ImprovementDirectory, begin_improvement
from pipeline.improvement.plan import Improvement
from pipeline.improvement.trainings import how_many_fit
from pipeline.settings.configure import configure


def test_the_same_goes_on_and_another_is_refused(tmp_path: Path):
    for name in ("train", "dev"):
        (tmp_path / f"{name}.tsv").write_text("a\tA\n")
    places = {"data.train": tmp_path / "train.tsv", "data.dev": tmp_path / "dev.tsv"}
    directory = ImprovementDirectory(tmp_path / "run")
    directory.path.mkdir()
    begin_improvement(directory, configure("cmudict", places))
    begin_improvement(directory, configure("cmudict", places))
    with pytest.raises(UsageError, match=r"an improvement with other settings \(model\.units was 256, is now 8\)"):
        begin_improvement(directory, configure("cmudict", {**places, "model.units": 8}))
    (tmp_path / "train.tsv").write_text("b\tB\n")
    with pytest.raises(UsageError, match=r"train\.tsv: changed since"):
        begin_improvement(directory, configure("cmudict", places))
    (directory.path / "mine").touch()
    begin_improvement(directory, configure("cmudict", places), overwrite=True)
    assert (directory.path / "mine").exists()
    other = ImprovementDirectory(tmp_path / "other")
    other.path.mkdir()
    (other.path / "file").touch()
    with pytest.raises(UsageError, match="exists and is not a run of improve"):
        begin_improvement(other, configure("cmudict", places))


def test_time_is_counted_over_interruptions(tmp_path: Path):
    clock = Clock(tmp_path / "clock.json", 2.0)
    clock.note("wave", 30.0)
    clock.noted["seconds"] = 3600.0
    (tmp_path / "clock.json").write_text('{"seconds": 3600.0, "wave": 30.0}')
    later = Clock(tmp_path / "clock.json", 2.0)
    assert later.noted["wave"] == 30.0
    assert 3600 <= later.spent < 3610
    assert 3590 < later.left <= 3600


def test_what_fits():
    assert how_many_fit(10, 40, 25, 2, ["3", "4"]) == []
    assert how_many_fit(1000, 40, 25, 2, ["3", "4", "5"]) == ["3", "4", "5"]


def test_impossible_plans():
    for options, words in (
        ({"hours": 0.0}, "--hours"),
        ({"members": 1}, "--members"),
        ({"workers": -1}, "--workers"),
        ({"members": 3, "other_direction": 3}, "--other-direction"),
    ):
        with pytest.raises(UsageError, match=f"{words}: .* is impossible"):
            Improvement(**options)  # type: ignore[arg-type]
    assert [Improvement(members=number).turned for number in (2, 3, 5, 6)] == [0, 1, 1, 2]
    assert Improvement(members=4, other_direction=0).turned == 0
