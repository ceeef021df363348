"""Counts of distinct symbols by normal form, by hand and beside what the graph learns."""

import pytest

from pipeline.settings.text import TextConfiguration
from pipeline.text.distinct_symbols import symbols_by_form
from pipeline.text.learning import learn_vocabulary
from pipeline.unicode.normal_forms import NORMAL_FORMS


def test_characters():
    # Hangul: three syllables of ㄱ, ㅏ and the finals ㄱ, ㄴ, ㄹ; the ligature is f and i in the k forms.
    assert symbols_by_form(["각간갈", "ﬁ"], "char") == {"none": 4, "nfc": 4, "nfd": 6, "nfkc": 5, "nfkd": 7}


def test_mixed_forms_are_one_in_each():
    assert symbols_by_form(["é", "e\u0301"], "char") == {"none": 3, "nfc": 1, "nfd": 2, "nfkc": 1, "nfkd": 2}


def test_words_and_what_a_separator_cuts():
    assert set(symbols_by_form(["a b", "b  a", " "], "space").values()) == {2}
    assert set(symbols_by_form(["a-b", "b--a", "New York-a"], "space", "-").values()) == {3}
    # The Greek sign is the middle dot, as soon as strings have a normal form.
    counts = symbols_by_form(["a·b", "a\u0387c"], "space", "\u0387")
    assert counts == {"none": 3, "nfc": 3, "nfd": 3, "nfkc": 3, "nfkd": 3}
    assert symbols_by_form(["a·b", "a·c"], "space", "\u0387")["none"] == 2


def test_lower_case():
    assert symbols_by_form(["Aa", "É"], "char")["nfc"] == 3
    assert symbols_by_form(["Aa", "É"], "char", lowercase=True)["nfc"] == 2


@pytest.mark.parametrize("tokenizer", ["bpe", "unigram", "wordpiece"])
def test_subwords_are_made_of_characters(tokenizer: str):
    assert symbols_by_form(["ab a"], tokenizer)["nfc"] == 3


@pytest.mark.parametrize("form", NORMAL_FORMS)
@pytest.mark.parametrize("tokenizer", ["char", "space"])
def test_as_many_as_the_vocabulary_has(form: str, tokenizer: str):
    strings = ["각 간\u3000갈", "ﬁ é e\u0301", " ａ①"]
    text = TextConfiguration(source_tokenizer=tokenizer, normalization=form)  # type: ignore[arg-type]
    learned = len(learn_vocabulary(strings, ["source"], text, seed=1)) - 4
    assert symbols_by_form(strings, tokenizer)[form] == learned
