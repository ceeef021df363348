"""What is shown: every character can be seen, in every script, and lines keep their direction."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.unicode.visible import SHAPERS, direction, left_to_right, visible


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6))
def test_nothing_stays_unseen(text: str):
    shown = visible(text)
    assert len(shown) >= len(text)
    # Something that has ink comes first, for marks to stand on.
    assert unicodedata.category(shown[0])[0] in "LNPS"
    for character in shown:
        assert character.isprintable() or character in SHAPERS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("\u0e31\u0e49", "◌\u0e31\u0e49"),
        ("\u200d\u0301", "U+200D◌\u0301"),
        (" \u0301", "␣◌\u0301"),
        ("e\ufe0f\u0301", "e\ufe0f\u0301"),
        ("क\u094d\u200dष", "क\u094d\u200dष"),
        ("\u3164", "U+3164"),
        ("\U000e0001", "U+E0001"),
        ("a\u3000b", "aU+3000b"),
        ("\u2028", "U+2028"),
        ("$x_1^2$", "$x_1^2$"),
    ],
)
def test_how_it_is_spelt(text: str, shown: str):
    assert visible(text) == shown


def test_lines_from_left_to_right():
    assert direction("") == "ltr"
    assert left_to_right("abc → déf") == "abc → déf"
    assert left_to_right("سلام → salaam → 12") == "\u200e\u2068سلام\u2069 → \u2068salaam\u2069 → \u206812\u2069"
