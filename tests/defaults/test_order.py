"""How strictly targets follow their sources, of words whose order is known."""

import itertools
import random

import pytest

from pipeline.defaults.order import MOST_SYMBOLS, forward_share

DRAWN = random.Random(1)
WORDS = ["".join(DRAWN.choices("abcdefgh", k=DRAWN.randint(2, 8))) for _ in range(300)]


def test_spelling_moves_forward_and_backward():
    assert forward_share(WORDS, [word.upper() for word in WORDS]) > 0.9
    assert forward_share(WORDS, [word.upper()[::-1] for word in WORDS]) < -0.9


def test_letters_that_become_several_or_none_still_move_forward():
    targets = [word.replace("a", "AA").replace("b", "") + "X" for word in WORDS]
    assert forward_share(WORDS, targets) > 0.5


def test_other_words_have_no_order():
    shuffled = random.Random(2).sample(WORDS, len(WORDS))
    assert abs(forward_share(WORDS, shuffled)) < 0.2


def test_words_that_change_places_do_not_count_as_forward():
    halves = list(itertools.pairwise(WORDS))
    assert forward_share([f"{a} {b}" for a, b in halves], [f"{b}, {a}" for a, b in halves]) < 0.5


@pytest.mark.parametrize("pairs", [[], [("", "")], [("a", "b")], [("a" * (MOST_SYMBOLS + 1), "ab")]])
def test_where_nothing_can_be_told_there_is_none(pairs: list[tuple[str, str]]):
    assert forward_share([source for source, _ in pairs], [target for _, target in pairs]) == 0.0
