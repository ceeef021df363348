"""Features behind a TAB are cut without TensorFlow as they are in the graph."""

import pytest

from pipeline.plain_text.processor import PlainText
from pipeline.settings.text import SideText
from pipeline.text.processor import TextProcessor
from pipeline.text.vocabulary import Vocabulary, with_features

VOCABULARY = with_features(Vocabulary(["a", "b", "ab"]), Vocabulary(["V", "PST", "é"]))
STRINGS = [
    "ab\tV;PST",
    " ab \t V ; ;PST; ",
    "ab\t",
    "ab",
    "\tV",
    "",
    "a?\tX;V",
    "AB\tv",
    "ab\tV\tPST",
    "ab\te\u0301;V",
    "a;b\t;",
]


@pytest.mark.parametrize("tokenizer", ["char", "space", "wordpiece"])
@pytest.mark.parametrize("separator", [";", None])
def test_as_in_the_graph(tokenizer: str, separator: str | None):
    vocabulary = VOCABULARY if separator else Vocabulary(["a", "b", "ab"])
    how = SideText(tokenizer, "nfc", True, None, separator)
    graph, plain = TextProcessor(vocabulary, *how), PlainText(vocabulary.symbols, how)
    for string in STRINGS:
        expected = graph.read([string], 99).symbols
        read = plain.read(string.encode(), 99)
        assert read.symbols == [symbol.decode() for symbol in expected.to_list()[0]], string
        ids = plain.to_ids(read.symbols)
        assert [*ids, 2] == graph.encode([string]).to_list()[0], string
        assert plain.count_unknown(ids) == int(graph.is_unknown(graph.encode([string]).flat_values).numpy().sum())


def test_features_that_training_lacks_are_no_unknown_symbols():
    text = TextProcessor(VOCABULARY, "char", feature_separator=";")
    symbols = [VOCABULARY.symbols[number] for number in text.encode(["a?\tX;V"]).to_list()[0]]
    assert symbols == ["a", "<unk>", "\t", "\tV", "</s>"]


def test_a_letter_is_no_feature():
    vocabulary = with_features(Vocabulary(["V"]), Vocabulary(["V"]))
    one, other = TextProcessor(vocabulary, "char", feature_separator=";").encode(["V\tV"]).to_list()[0][:2]
    assert one != other
