"""Text outside the graph equals text inside it: symbols, ids, flags, and strings of ids."""

import random
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile_strings import make_string
from pipeline.plain_text.processor import PlainText
from pipeline.settings.text import TOKENIZER_KINDS, SideText
from pipeline.text.normalization import make_valid
from pipeline.text.processor import TextProcessor
from pipeline.text.subwords import learn_sentence_pieces
from pipeline.text.symbols import END, START
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.normal_forms import FormCounts

SENTENCES = [
    "the cat sat on the mat",
    "a cat, a hat and a bat",
    "des Königs Straße ist naß",
    "東京 は 日本 の 首都",
    "각 가 간 한국어",
] * 20
MANY = FormCounts(9, 8, 2)
WRITTEN_APART = FormCounts(9, 2, 8)
FORMS = ["none", "nfc", "nfd", "nfkc", "nfkd"]
Both = tuple[TextProcessor, PlainText]


def make_vocabulary(tokenizer: str, forms: FormCounts) -> Vocabulary:
    if TOKENIZER_KINDS[tokenizer].bytewise:
        model, pieces = learn_sentence_pieces(SENTENCES, tokenizer, 320)
        return Vocabulary(pieces, model, forms)
    symbols = {
        "char": [*"abcdeé \t\u0301\0東각ᄀ\ufffd0", "<s>"],
        "space": ["a", "b", "cat", "\ufffd", "ﬁ", "fi", "<unk>", "é", "e\u0301"],
        "wordpiece": ["a", "c", "##a", "##t", "cat", "ca", "##", "##\ufffd", "é", "##é", "[", "##x", "e", "##\u0301"],
    }
    return Vocabulary(symbols[tokenizer], None, forms)


def make_both(
    tokenizer: str, form: str, lowercase: bool = False, forms: FormCounts = MANY, separator: str | None = None
) -> Both:
    vocabulary = make_vocabulary(tokenizer, forms)
    graph = TextProcessor(vocabulary, tokenizer, form, lowercase, separator)
    how = SideText(tokenizer, form, lowercase, separator)
    return graph, PlainText(vocabulary.symbols, how, graph.output_form, vocabulary.model)


def read_in_graph(text: TextProcessor, strings: list[bytes], most: int) -> list[dict[str, Any]]:
    read = text.read(tf.constant(strings, tf.string), most)
    ids, lengths = text.to_ids(read.symbols, most)
    rows = zip(
        read.symbols.to_list(), ids.numpy(), lengths.numpy(), read.cut.numpy(), read.invalid.numpy(), strict=True
    )
    return [
        {
            "symbols": [symbol.decode() for symbol in symbols[:most]],
            "ids": row[: length - 1].tolist(),
            "cut": bool(cut),
            "invalid": bool(invalid),
        }
        for symbols, row, length, cut, invalid in rows
    ]


def read_plainly(text: PlainText, string: bytes, most: int) -> dict[str, Any]:
    read = text.read(string, most)
    return {"symbols": read.symbols, "ids": text.to_ids(read.symbols), "cut": read.cut, "invalid": read.invalid}


def assert_same(both: Both, strings: list[bytes], most: int) -> None:
    graph, plain = both
    for string, expected in zip(strings, read_in_graph(graph, strings, most), strict=True):
        assert read_plainly(plain, string, most) == expected, string[:100]


@pytest.mark.parametrize("tokenizer", TOKENIZER_KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_hostile_strings_are_read_alike(tokenizer: str, form: str):
    chance = random.Random(7)
    strings = [make_string(chance, 3000) for _ in range(300)]
    strings += [b"cat [UNK] [UNK]a ##a #a##a", b"c" + b"a" * 99, b"c" + b"a" * 100, "ca\u0301t é".encode() * 30]
    strings += ["\u0301\u0316\u0345".encode() * 200, "각".encode() * 40, b"\xed\xa0\x80\xed\xb0\x80", b" \xe3\x80"]
    for lowercase in (False, True):
        assert_same(make_both(tokenizer, form, lowercase), strings, most=16)


STRINGS = st.one_of(
    st.binary(max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.encode),
    st.text(st.sampled_from("acatCATé\u0301\u0316\u0345 \t\u3000\0東각ﬁ①Σİı#[UNK]▁\ufffd\ufeff"), max_size=60).map(
        str.encode
    ),
)


@pytest.mark.parametrize("tokenizer", TOKENIZER_KINDS)
def test_any_strings_are_read_alike(tokenizer: str):
    made = {
        (form, lowercase): make_both(tokenizer, form, lowercase) for form in ("none", "nfkc") for lowercase in (0, 1)
    }

    @settings(max_examples=40, deadline=None)
    @given(st.lists(STRINGS, min_size=1, max_size=20), st.sampled_from(sorted(made)), st.sampled_from([1, 3, 16]))
    def check(strings: list[bytes], how: tuple[str, int], most: int) -> None:
        assert_same(made[how], strings, most)

    check()


@pytest.mark.parametrize("separator", ["-", "·", ", ", "a", "\0", ".*"])
def test_separated_symbols_are_alike(separator: str):
    """What white space, marks and bytes that are no characters stand between and around them."""
    both = make_both("space", "nfc", separator=separator)
    chance = random.Random(5)
    strings = ["", separator, separator * 3, f"a{separator * 2}cat {separator} é b{separator}", "b-b·b, b\0b.*ba"]
    between = [separator.encode(), (separator * 2).encode(), f" {separator}\u3000".encode()]
    given = [string.encode() for string in strings]
    given += [chance.choice(between).join([b"a", make_string(chance, 50), b"cat"]) for _ in range(100)]
    assert_same(both, given, most=16)
    graph, plain = both
    rows = [[4, 6, 8], [4], []]
    joined = [plain.join([plain.names[number] for number in row]) for row in rows]
    assert joined == [f"a{separator}cat{separator}ﬁ", "a", ""]
    assert graph.decode([[4, 6, 8, END], [4, END, 0, 0], [END, 0, 0, 0]]).numpy().tolist() == [
        text.encode() for text in joined
    ]
    assert graph.decode([[[4, 6], [6, 0]]]).numpy().tolist() == [[f"a{separator}cat".encode(), b"cat"]]
    assert graph.decode(tf.zeros([0, 3], tf.int32)).numpy().tolist() == []


@pytest.mark.parametrize("form", ["none", "nfd", "nfkc"])
def test_every_character_is_read_alike(form: str):
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and code >> 16 in (0, 1, 2, 14)]
    strings = ["".join(characters[place : place + 64]).encode() for place in range(0, len(characters), 64)]
    assert_same(make_both("char", form, lowercase=form == "nfkc"), strings, most=80)


@pytest.mark.parametrize("tokenizer", TOKENIZER_KINDS)
@pytest.mark.parametrize("forms", [MANY, WRITTEN_APART])
def test_ids_become_the_same_strings(tokenizer: str, forms: FormCounts):
    for form in ("none", "nfc", "nfd"):
        graph, plain = make_both(tokenizer, form, forms=forms)
        chance = random.Random(3)
        rows = [
            [chance.randrange(3, len(graph.vocabulary)) for _ in range(chance.randrange(12))] + [END]
            for _ in range(200)
        ]
        longest = max(map(len, rows))
        padded = tf.constant([row + [0] * (longest - len(row)) for row in rows])
        shown = [[symbol.decode() for symbol in row] for row in graph.symbols(padded).numpy()]
        assert [[plain.names[number] for number in row] for row in padded.numpy()] == shown
        for row, text in zip(rows, graph.decode(padded).numpy(), strict=True):
            assert plain.join([plain.names[number] for number in row if number not in (END, START)]) == text.decode()


def test_what_is_no_utf8_is_the_same():
    strings = [b"\xff", b"\xc0\x80", b"a\xe6\x9d", b"\xf4\x90\x80\x80", b"\xed\xa0\x80b"]
    valid = [string.decode() for string in make_valid(tf.constant(strings)).numpy()]
    assert [string.decode(errors="replace") for string in strings] == valid
