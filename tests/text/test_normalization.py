import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text.normalization import make_valid, normalize


def normalized(text: str, normalization: str = "nfc", lowercase: bool = False) -> str:
    return normalize([text], normalization, lowercase).numpy()[0].decode()


@pytest.mark.parametrize(
    ("text", "nfc", "nfkc"),
    [
        ("e\u0301", "é", "é"),
        ("ﬁ", "ﬁ", "fi"),
        ("ｱ①", "ｱ①", "ア1"),
        ("\u1e9b\u0323", "\u1e9b\u0323", "\u1e69"),
        ("각", "각", "각"),
    ],
)
def test_normal_forms(text: str, nfc: str, nfkc: str):
    assert (normalized(text), normalized(text, "nfkc")) == (nfc, nfkc)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_normalization_is_unicodes(text: str):
    assigned = "".join(character for character in text if unicodedata.category(character) != "Cn")
    for form in ("nfc", "nfkc"):
        # What is stripped besides, see the next test.
        assert normalized(assigned, form).strip() == unicodedata.normalize(form.upper(), assigned).strip()


def test_white_space_at_the_ends_goes_and_stays_inside():
    assert normalized(" \t a  b \r\n") == "a  b"


def test_lowercase_is_no_case_folding():
    assert normalized("GROẞE Straße ÀÉ", lowercase=True) == "große straße àé"
    assert normalized("ÀE\u0301") == "ÀÉ"


@pytest.mark.parametrize(
    ("raw", "text"), [(b"a\xe9b", "a\ufffdb"), (b"\xff", "\ufffd"), (b"a\xe6\x9d", "a\ufffd"), (b"\xc0\x80", None)]
)
def test_invalid_utf8_becomes_replacement_characters(raw: bytes, text: str | None):
    result = normalize(tf.constant([raw])).numpy()[0].decode()
    assert result == text if text else set(result) == {"\ufffd"}


@given(st.lists(st.binary(max_size=12), max_size=20))
@settings(max_examples=50, deadline=None)
def test_what_is_no_utf8_is_replaced_as_python_does(strings: list[bytes]):
    found = make_valid(tf.constant(strings, tf.string)).numpy().tolist()
    assert found == [string.decode(errors="replace").encode() for string in strings]


def test_every_character_is_valid():
    characters = [chr(code).encode() for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert make_valid(tf.constant(characters)).numpy().tolist() == characters
