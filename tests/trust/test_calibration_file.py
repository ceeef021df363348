"""The file of a calibration: where it stands, that it is what was written, and for which model it counts."""

from pathlib import Path

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.trust.calibration_file import (
    find_difference,
    place_of,
    read_calibration,
    require_calibration,
    write_calibration,
)
from tests.trust.test_confidence import make_calibration


def test_it_comes_back_as_it_was_written(tmp_path: Path):
    made = make_calibration(steps=[[0.1], [0.30000000000000004]])
    place = write_calibration(tmp_path / "model", made)
    assert place == tmp_path / "model.calibration.json"
    assert read_calibration(tmp_path / "model") == made
    assert read_calibration(tmp_path / "other") is None


@pytest.mark.parametrize("change", [("0.001", "0.002"), ('"format": 1', '"format": 2'), ("{", ""), ('"sha256"', '"x"')])
def test_one_that_is_not_what_was_written_is_refused(tmp_path: Path, change: tuple[str, str]):
    place = write_calibration(tmp_path / "model", make_calibration())
    place.write_text(place.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
    with pytest.raises(DataError, match=r"model\.calibration\.json: damaged.*makes it anew"):
        read_calibration(tmp_path / "model")


def test_without_one_it_is_said_what_makes_it(tmp_path: Path):
    with pytest.raises(UsageError, match="calibrate"):
        require_calibration(tmp_path / "model")


def test_an_ensemble_has_one_beside_its_first_member():
    assert place_of(Path("a/x,b/y")) == Path("a/x+y.calibration.json")


def test_another_model_is_noticed():
    same = {"weights": ["x"], "search": {"beam_size": 3}, "average": None}
    made = make_calibration(model=same)
    assert find_difference(made, same) == ""
    assert "weights" in find_difference(made, {**same, "weights": ["y"]})
    assert "average" in find_difference(made, {**same, "average": 2})
    assert find_difference(made, {**same, "search": {"beam_size": 5}}) == "search.beam_size was 3, is now 5"
    # A setting that this version has and that one had not.
    assert find_difference(made, {**same, "search": {"beam_size": 3, "new": 1}}) == ""
