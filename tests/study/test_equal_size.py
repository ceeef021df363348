"""Numbers of parameters, and the units that match them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings.model import ModelConfiguration
from pipeline.study.equal_size import count_parameters, match_units


def test_the_parameters_of_a_network_by_hand():
    embeddings = 11 * 4 + 13 * 4
    encoder = 2 * (4 * 18 + 6 * 18 + 2 * 18)  # kernel, recurrent kernel and two biases of a GRU, in both directions
    cell = (4 + 12) * 18 + 6 * 18 + 2 * 18  # which sees symbol and context
    attention = 6 * 6 + (12 * 6 + 6) + 6  # W, U with its bias, v
    bridge = 12 * 6 + 6
    readout = (4 + 6 + 12) * 6 + 6 + 6 * 13 + 13
    by_hand = embeddings + encoder + cell + attention + bridge + readout
    assert count_parameters(ModelConfiguration(units=6, embedding_units=4), 11, 13) == by_hand


def test_one_that_fits_is_kept():
    assert match_units(lambda units: units * units, 101, wanted=101 * 101 + 500) == 101


@pytest.mark.parametrize(("units", "wanted", "expected"), [(100, 14_400, 114), (100, 8100, 94), (101, 14_400, 114)])
def test_the_smallest_change_is_made(units: int, wanted: int, expected: int):
    # 114² = 12,996 is the first even one above 12,960, 94² = 8,836 the last below 8,910.
    assert match_units(lambda units: units * units, units, wanted) == expected


@given(st.integers(2, 300), st.integers(2, 300), st.integers(1, 9))
def test_as_a_search_through_all(units: int, other: int, factor: int):
    def count(units: int) -> int:
        return factor * units * units + 10 * units

    wanted = count(other)
    fitting = [even for even in range(2, 700, 2) if abs(count(even) - wanted) <= 0.1 * wanted]
    if abs(count(units) - wanted) <= 0.1 * wanted:
        assert match_units(count, units, wanted) == units
    elif fitting:
        assert match_units(count, units, wanted) == min(fitting, key=lambda even: abs(even - units))


def test_where_none_fits_the_closest_is_taken(caplog: pytest.LogCaptureFixture):
    assert match_units(lambda units: units * units, 7, wanted=12) == 4
    assert "no model.units gives 12 parameters or so: 4 has 16" in caplog.text
