"""What a caller may give as strings: one is one, never its letters; what is no string is refused by name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from pipeline.plain_text.given_strings import encode, list_strings


def two() -> Iterator[str]:
    yield "ab"
    yield "c"


@pytest.mark.parametrize(
    ("given", "strings"),
    [
        ("ab", ["ab"]),
        ("", [""]),
        (b"ab", [b"ab"]),
        (np.str_("ab"), ["ab"]),
        (np.array("ab"), ["ab"]),
        (tf.constant("ab"), [b"ab"]),
        ([], []),
        ((), []),
        (np.array([], str), []),
        (tf.constant([], tf.string), []),
        (["ab", "c"], ["ab", "c"]),
        (("ab", b"c"), ["ab", b"c"]),
        (two(), ["ab", "c"]),
        (np.array(["ab", "c"]), ["ab", "c"]),
        (np.array([b"ab", b"c"]), [b"ab", b"c"]),
        (np.array(["ab", "c"], object), ["ab", "c"]),
        (tf.constant(["ab", "c"]), [b"ab", b"c"]),
        ([tf.constant("ab"), np.array("c")], [b"ab", "c"]),
        (tf.data.Dataset.from_tensor_slices(["ab", "c"]), [b"ab", b"c"]),
    ],
)
def test_strings_of_any_kind(given: Any, strings: list[str | bytes]):
    assert list_strings(given, "sources") == strings


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (None, TypeError, "sources: None is no string; give a string, or several"),
        (7, TypeError, "sources: 7 is no string"),
        (Path("words.txt"), TypeError, r"sources: .*words.txt.* is no string"),
        (["a", None], TypeError, r"sources\[1\]: None is no string"),
        (["a", float("nan")], TypeError, r"sources\[1\]: nan is no string"),
        ([["a"]], TypeError, r"sources\[0\]: \['a'\] is no string"),
        (bytearray(b"ab"), TypeError, r"sources\[0\]: 97 is no string"),
        (np.array([1.5]), TypeError, r"sources\[0\]: 1.5 is no string"),
        (tf.constant([1]), TypeError, r"sources\[0\]: 1 is no string"),
        ({"a": 1}, TypeError, "a dict has no order"),
        ({"a"}, TypeError, "a set has no order"),
        (np.array([["a"]]), ValueError, "2 dimensions"),
        (tf.constant([["a"]]), ValueError, "2 dimensions"),
        (tf.ragged.constant([["a"], []]), TypeError, "a RaggedTensor is no list of strings"),
    ],
)
def test_what_is_no_string_is_refused(given: Any, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        list_strings(given, "sources")


def test_inside_a_graph_there_is_nothing_to_read():
    @tf.function
    def call(source: tf.Tensor) -> None:
        list_strings(source, "sources")

    with pytest.raises(TypeError, match="a tensor without a value, inside a graph"):
        call(tf.constant(["a"]))


def test_half_a_surrogate_pair_becomes_bytes_that_are_no_text():
    assert encode("é") == "é".encode()
    with pytest.raises(UnicodeDecodeError):
        encode("a\udcff").decode()
