"""One set of white space: Unicode's, in Python and in the graph, code point by code point."""

import re

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.normalization import normalize
from pipeline.text.tokenizers import split_words
from pipeline.unicode.white_space import ENDS, WHITE_SPACE, split, strip

CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
# Python's, but not Unicode's: separators of files, records and fields.
SEPARATORS = "\x1c\x1d\x1e\x1f"
# Invisible, and no white space: zero-width spaces and joiners, byte order mark, directions, blank letters.
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u202a\u2066\u3164\u2800\u180e"


def test_it_is_pythons_but_for_four_separators():
    assert set(WHITE_SPACE) == {character for character in CHARACTERS if character.isspace()} - set(SEPARATORS)
    assert len(WHITE_SPACE) == len(set(WHITE_SPACE)) == 25


def test_graph_and_python_strip_and_split_at_the_same_code_points():
    inside = [f"a{character}b" for character in CHARACTERS]
    counts = split_words(tf.constant(inside)).row_lengths().numpy().tolist()
    assert [len(split(text)) for text in inside] == counts
    assert {character for character, count in zip(CHARACTERS, counts, strict=True) if count == 2} == set(WHITE_SPACE)
    ends = [f"{character}b{character}" for character in CHARACTERS]
    stripped = normalize(ends, "none").numpy().tolist()
    assert [strip(text).encode() for text in ends] == stripped
    assert {c for c, text in zip(CHARACTERS, stripped, strict=True) if text == b"b"} == set(WHITE_SPACE)


def test_what_is_no_white_space_stays():
    for character in SEPARATORS + INVISIBLE:
        text = f"{character}a{character}b{character}"
        assert (strip(text), split(text)) == (text, [text])
        assert normalize([text], "none").numpy()[0].decode() == text


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from(WHITE_SPACE + SEPARATORS + INVISIBLE + "abé東\u0301")))
def test_graph_and_python_agree(text: str):
    assert normalize([text], "none").numpy()[0].decode() == strip(text) == re.sub(ENDS.replace(r"\z", r"\Z"), "", text)
    assert [word.decode() for word in split_words([text]).to_list()[0]] == split(text)
