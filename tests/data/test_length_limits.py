"""The longest outputs: fitted on lengths of many kinds, kept in a run, and held against what was set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.length_limits import GENERAL, LengthLimits, fit_limits, longest_output, read_limits, report_limits
from pipeline.errors import DataError
from pipeline.settings.search import SearchConfiguration

RANDOM = np.random.default_rng(3)


def lengths(kind: str, number: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Of sources and targets as some tasks have them."""
    short, long = RANDOM.integers(1, 20, number), RANDOM.integers(1, 60, number)
    by_kind = {
        "words to sounds": (
            short,
            np.maximum(1, short - RANDOM.integers(0, 3, number) + RANDOM.integers(0, 2, number)),
        ),
        "digits to letters": (short % 6 + 1, (short % 6 + 1) * RANDOM.integers(7, 13, number)),
        "sentences": (long, np.maximum(1, np.round(long * RANDOM.normal(1.1, 0.25, number) + 2).astype(int))),
        "to one label": (long, np.ones(number, int)),
        "from one code": (np.ones(number, int), RANDOM.integers(5, 90, number)),
        "shortened": (long, np.maximum(1, long // 8)),
        "squared": (short, short**2),
    }
    return by_kind[kind]


KINDS = (
    *("words to sounds", "digits to letters", "sentences"),
    *("to one label", "from one code", "shortened", "squared"),
)


def longest(limits: LengthLimits, source: Any) -> Any:
    return longest_output(limits.complete(SearchConfiguration()), source)


@pytest.mark.parametrize("kind", KINDS)
def test_nearly_all_targets_fit_with_room_and_hardly_more(kind: str):
    source, target = lengths(kind)
    limits = fit_limits(source, target)
    above = target > longest(limits, source)
    assert above.mean() <= 0.001
    assert (target * 1.2 > longest(limits, source)).mean() <= 0.001  # room for a fifth more
    # Longer sources than any of training have room in proportion.
    most = source.max()
    assert longest(limits, 2 * most) >= min(target[source == most].mean(), 2 * target.sum() / source.sum() * most)
    if kind != "squared":  # no line is near a parabola
        assert longest(limits, source).mean() < 1.9 * target[target >= np.quantile(target, 0.5)].mean() + 12


def test_one_broken_pair_moves_nothing():
    source, target = lengths("words to sounds")
    without, limits = fit_limits(source, target), fit_limits(np.append(source, 2), np.append(target, 1000))
    assert abs(longest(limits, np.arange(30)) - longest(without, np.arange(30))).max() <= 1


def test_little_data_is_never_cut():
    source, target = np.array([3, 5, 4]), np.array([3, 5, 60])
    limits = fit_limits(source, target)
    assert (longest(limits, source) >= target).all()
    one = fit_limits([1], [1])
    assert longest(one, [1, 10]).tolist() == [6, 17]


def test_what_is_set_goes_first():
    limits = LengthLimits(1.5, 7, 100)
    complete = limits.complete(SearchConfiguration(length_offset=2))
    assert (complete.length_ratio, complete.length_offset) == (1.5, 2)
    both = SearchConfiguration(length_ratio=0.0, length_offset=0)
    assert limits.complete(both) == both


def test_runs_without_the_file_keep_what_they_had(tmp_path: Path):
    assert read_limits(tmp_path / "limits.json") == GENERAL == LengthLimits(2.0, 20)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"length_ratio": "nan", "length_offset": 1, "pairs": 1}', '{"length_ratio": 1}']
)
def test_a_damaged_file_is_named(content: str, tmp_path: Path):
    (tmp_path / "limits.json").write_text(content)
    with pytest.raises(DataError, match=r"limits\.json: damaged"):
        read_limits(tmp_path / "limits.json")


def test_it_is_read_as_written(tmp_path: Path):
    limits = fit_limits(*lengths("sentences"))
    (tmp_path / "limits.json").write_text(limits.to_json())
    assert read_limits(tmp_path / "limits.json") == limits


def test_what_limits_that_are_set_cut_off_is_said():
    source, target = np.full(200, 4), np.append(np.full(150, 8), np.full(50, 40))
    limits = fit_limits(source, target)
    chosen = report_limits(SearchConfiguration(), limits, source, target)
    assert (chosen.cut, chosen.warning) == (0, "")
    assert "from the lengths of 200 training pairs" in str(chosen)
    cutting = report_limits(SearchConfiguration(length_ratio=2.0, length_offset=20), limits, source, target)
    assert cutting.cut == 50
    assert cutting.warning.startswith("25.0 % of the training targets (50 of 200) are longer than outputs may become")
    assert "raise search.length_ratio and search.length_offset, or leave it to the data" in cutting.warning
    shortest = report_limits(SearchConfiguration(max_length=39), limits, source, target)
    assert "at most 39): such outputs will lack their ends; raise search.max_length" in shortest.warning
