"""Text in JavaScript equals text in the graph: symbols, ids, flags, and strings of ids, over all of Unicode."""

import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile_strings import make_string
from pipeline.plain_text.processor import PlainText
from pipeline.settings.text import SideText
from pipeline.text.processor import TextProcessor
from pipeline.text.symbols import END
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.exported_tables import export_tables
from pipeline.unicode.normal_forms import FormCounts, fold
from tests.node import run_node

SCRIPT = Path(__file__).with_name("read_text.mjs")
FORMS = ["none", "nfc", "nfd", "nfkc", "nfkd"]
SYMBOLS = {
    "char": [*"abcdeé \t\u0301\0東각ᄀ\ufffd0", "<s>"],
    "space": ["a", "b", "cat", "\ufffd", "ﬁ", "fi", "<unk>", "é", "e\u0301"],
    "wordpiece": ["a", "c", "##a", "##t", "cat", "ca", "##", "##\ufffd", "é", "##é", "[", "##x", "e", "##\u0301"],
}
LONGEST = 16
# All planes that have characters.
CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and code >> 16 in (0, 1, 2, 3, 14)]


def make_text(
    tokenizer: str, form: str, lowercase: bool, forms: FormCounts | None = None, separator: str | None = None
) -> TextProcessor:
    between = separator and fold(separator, form, lowercase)
    return TextProcessor(Vocabulary(SYMBOLS[tokenizer], None, forms), tokenizer, form, lowercase, between)


def ask_node(
    texts: list[TextProcessor], tokenizers: list[str], most: int, separator: str | None = None, **given: Any
) -> list[dict[str, Any]]:
    asked = [
        {
            "symbols": list(text.vocabulary.symbols),
            "how": {
                "tokenizer": tokenizer,
                "normalization": text.normalization,
                "lowercase": text.lowercase,
                "separator": separator,
            },
            "outputForm": text.output_form,
            "most": most,
            **given,
        }
        for text, tokenizer in zip(texts, tokenizers, strict=True)
    ]
    return run_node(SCRIPT, {"tables": export_tables(), "texts": asked})


def read_in_graph(text: TextProcessor, strings: list[str], most: int) -> list[dict[str, Any]]:
    read = text.read([string.encode() for string in strings], most)
    ids, lengths = text.to_ids(read.symbols, most)
    rows = zip(read.symbols.to_list(), ids.numpy(), lengths.numpy(), read.cut.numpy(), strict=True)
    return [
        {
            "symbols": [symbol.decode() for symbol in symbols[:most]],
            "ids": row[: length - 1].tolist(),
            "cut": bool(cut),
            "invalid": False,
        }
        for symbols, row, length, cut in rows
    ]


def assert_read_alike(
    tokenizer: str,
    ways: list[tuple[str, bool]],
    strings: list[str],
    most: int = LONGEST,
    separator: str | None = None,
) -> None:
    texts = [make_text(tokenizer, *way, separator=separator) for way in ways]
    found = ask_node(texts, [tokenizer] * len(texts), most, separator, strings=strings)
    for text, one in zip(texts, found, strict=True):
        for string, expected, read in zip(strings, read_in_graph(text, strings, most), one["read"], strict=True):
            assert read == expected, (text.normalization, text.lowercase, string[:100])


@pytest.mark.parametrize("tokenizer", SYMBOLS)
def test_hostile_strings_are_read_alike(tokenizer: str):
    chance = random.Random(7)
    strings = [make_string(chance, 3000).decode(errors="replace") for _ in range(100)]
    strings += ["cat [UNK] [UNK]a ##a #a##a", "c" + "a" * 99, "c" + "a" * 100, "ca\u0301t é" * 30, "", "ΑΣ ΑΣΑ Σ"]
    strings += ["\u0301\u0316\u0345" * 200, "각" * 40, "\U0001d400" * 600, "İIıJ\u0307 ΑΣ\0Σ", "Α\u1734Σ"]
    strings += ["x" * 15, "x" * 16, "x" * 17, " " * 600 + "a", "\u3000a\u2003b\u2028", "가\u11a7", "\u1100\u1161\u11a8"]
    assert_read_alike(tokenizer, [(form, lowercase) for form in FORMS for lowercase in (False, True)], strings)


@pytest.mark.parametrize("separator", ["·", "|", "\u0387", ", ", "X", "$&"])
def test_separated_symbols_are_alike(separator: str):
    """The mark of Greek is the middle dot as soon as there is a normal form; X is x in lower case."""
    chance = random.Random(5)
    strings = [separator.join(["a", "cat ", "ﬁ", "", "é b", "\u3000e\u0301"]), separator * 3, "", "a·b|c, d x$&", "aXb"]
    strings += [f"a{separator}{make_string(chance, 60).decode(errors='replace')}{separator}b" for _ in range(40)]
    ways = [(form, lowercase) for form in FORMS for lowercase in (False, True)]
    assert_read_alike("space", ways, strings, separator=separator)
    text = make_text("space", "none", False, separator=separator)
    [found] = ask_node([text], ["space"], LONGEST, separator, rows=[[4, 6, 8], [4], []])
    assert found["joined"] == [f"a{separator}cat{separator}ﬁ", "a", ""]
    assert text.decode([[4, 6, 8, END], [4, END, 0, 0]]).numpy().tolist() == [
        found["joined"][0].encode(),
        b"a",
    ]


def test_every_character_is_read_alike():
    """Each beside others, as a word's beginning and end."""
    strings = ["".join(CHARACTERS[place : place + 64]) for place in range(0, len(CHARACTERS), 64)]
    assert_read_alike("char", [("none", True), ("nfd", False), ("nfkc", True)], strings, most=400)


def has_peculiarities(character: str) -> bool:
    """Whether a normal form, a case, white space or what stands beside it may change it."""
    return (
        unicodedata.decomposition(character) != ""
        or unicodedata.combining(character) != 0
        or character.lower() != character.upper()
        or unicodedata.category(character) in ("Mn", "Mc", "Me", "Zs", "Zl", "Zp", "Cc", "Cf")
    )


@pytest.mark.slow
def test_every_character_alone_is_read_alike():
    """Each that has peculiarities, and some of those that have none."""
    alone = [character for character in CHARACTERS if has_peculiarities(character)]
    assert 9_000 < len(alone) < 30_000
    alone += sorted(set(CHARACTERS).difference(alone))[::37]
    strings = [f"{character}a\u0301\u0316Α{character}Σ{character} Σ{character}" for character in alone]
    assert_read_alike("char", [(form, lowercase) for form in FORMS for lowercase in (False, True)], strings, most=80)


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", SYMBOLS)
def test_any_strings_are_read_alike(tokenizer: str):
    letters = st.sampled_from("acatCATé\u0301\u0316\u0345 \t\u3000\0東각ﬁ①Σİı#[UNK]▁\ufffd\ufeff\U00016121\U0001611f")
    texts = st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.text(letters, max_size=60))

    # A process for each example: rather many strings than many of them.
    @settings(max_examples=10, deadline=None)
    @given(st.lists(texts, min_size=60, max_size=180), st.sampled_from([1, 3, LONGEST]))
    def check(strings: list[str], most: int) -> None:
        assert_read_alike(tokenizer, [("nfc", False), ("nfkd", True), ("none", True)], strings, most)

    check()


def test_half_a_surrogate_pair_is_no_character():
    [found] = ask_node([make_text("char", "nfc", False)], ["char"], 4, strings=["a\ud800b", "a\U0001d400"])
    assert [read["symbols"] for read in found["read"]] == [["a", "\ufffd", "b"], ["a", "\U0001d400"]]
    assert [read["invalid"] for read in found["read"]] == [True, False]


@pytest.mark.parametrize("forms", [FormCounts(9, 8, 2), FormCounts(9, 2, 8)])
def test_ids_become_the_same_strings(forms: FormCounts):
    chance = random.Random(3)
    for tokenizer in SYMBOLS:
        text = make_text(tokenizer, "nfd", False, forms)
        plain = PlainText(text.vocabulary.symbols, SideText(tokenizer, "nfd", False, None), text.output_form)
        rows = [[chance.randrange(3, len(plain.names)) for _ in range(chance.randrange(12))] for _ in range(200)]
        [found] = ask_node([text], [tokenizer], LONGEST, rows=rows)
        longest = max(map(len, rows)) + 1
        padded = [[*row, END] + [0] * (longest - len(row) - 1) for row in rows]
        assert found["joined"] == [joined.decode() for joined in text.decode(padded).numpy()]
