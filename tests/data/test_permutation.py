import numpy as np
import pytest

from pipeline.data.planning.permutation import SMALL, Permutation


@pytest.mark.parametrize("size", [1, 2, 3, 100, SMALL, SMALL + 1, 10_000, 1 << 17, 100_003])
def test_every_number_has_one_place(size: int):
    found = Permutation(size, [3, 1, 4])(np.arange(size))
    assert (np.sort(found) == np.arange(size)).all()


@pytest.mark.parametrize("size", [1000, 100_000])
def test_any_part_is_that_of_the_whole(size: int):
    whole = Permutation(size, [1])(np.arange(size))
    places = np.array([size - 1, 0, 17])
    assert Permutation(size, [1])(places).tolist() == whole[places].tolist()


@pytest.mark.parametrize("size", [1000, 100_000])
def test_keys_have_orders_of_their_own_that_look_random(size: int):
    orders = [Permutation(size, [1, number])(np.arange(size)) for number in range(3)]
    orders.append(np.arange(size))
    for first in range(4):
        for second in range(first):
            # Of two random orders one number on the average stands in the same place.
            assert (orders[first] == orders[second]).sum() < 12
            assert abs(np.corrcoef(orders[first], orders[second])[0, 1]) < 5 / np.sqrt(size)


def test_neighbours_are_scattered():
    found = Permutation(1 << 20, [5])(np.arange(20_000))
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.03
    shares = np.histogram(found, 16, (0, 1 << 20))[0] / len(found)
    assert abs(shares - 1 / 16).max() < 0.01
