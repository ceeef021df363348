"""Tokenizers and normal forms that follow from strings."""

from typing import Any

from pipeline.defaults.text_choices import choose_text
from pipeline.pairs.pair_file import Pair


def make_pair(source: str, target: str) -> Pair:
    return Pair(source, target, line=1)


SYLLABLES = [chr(0xAC00 + 28 * 21 * (index % 19) + 28 * (index // 19) + index % 5) for index in range(300)]
KOREAN = [make_pair(syllable, "k a k") for syllable in SYLLABLES]


def chosen(pairs: list[Pair], **given: Any) -> dict[str, Any]:
    return {choice.key: choice.value for choice in choose_text(pairs, {f"text.{key}": given[key] for key in given})}


def test_syllables_are_taken_apart_on_the_side_that_has_them():
    expected = {
        "text.source_tokenizer": "char",
        "text.target_tokenizer": "space",
        "text.normalization": "nfd",
        "text.target_normalization": "nfc",
    }
    assert chosen(KOREAN) == expected
    turned = [make_pair(target, source) for source, target in ((pair.source, pair.target) for pair in KOREAN)]
    found = chosen(turned)
    assert "text.normalization" not in found
    assert found["text.target_normalization"] == "nfd"


def test_on_both_sides_one_setting_does():
    found = chosen([make_pair(pair.source, pair.source) for pair in KOREAN])
    assert found["text.normalization"] == "nfd"
    assert found.get("text.target_normalization") in (None, "nfd")


def test_a_few_accents_are_left_where_they_are():
    pairs = [make_pair("é", "e"), make_pair("è", "e"), make_pair("bcdfg", "b")]
    assert set(chosen(pairs)) == {"text.source_tokenizer", "text.target_tokenizer"}


def test_what_is_given_is_not_chosen():
    assert set(chosen(KOREAN, normalization="nfc", target_tokenizer="char")) == {"text.source_tokenizer"}
    assert "text.source_tokenizer" not in chosen(KOREAN, source_tokenizer="space")


def test_a_separator_says_how_a_side_is_cut():
    found = chosen([make_pair("cat", "k-æ-t"), make_pair("tack", "t-æ-k")], target_separator="-")
    assert found["text.target_tokenizer"] == "space"


def test_a_separator_is_found_where_it_stands_nearly_everywhere():
    pairs = [make_pair(source, target) for source, target in (("cat", "k|æ|t"), ("tack", "t|æ|k"), ("at", "æ|t"))]
    found = chosen(pairs * 5)
    assert (found["text.target_tokenizer"], found["text.target_separator"]) == ("space", "|")
    assert "text.source_separator" not in found
    assert "text.target_separator" not in chosen(pairs * 5, target_tokenizer="char")


def test_sentences_in_a_script_without_spaces():
    english = ["I have never been there before.", "She gave him the old book.", "What are you going to do?"]
    chinese = ["我从来没去过那里。", "她给了他那本旧书。", "你打算做什么？"]
    found = chosen([make_pair(*both) for both in zip(english, chinese, strict=True)])
    assert found == {"text.source_tokenizer": "bpe", "text.target_tokenizer": "bpe"}


def test_sentences_in_one_script_share_their_subwords():
    english = ["I have never been there before.", "She gave him the old book.", "What are you going to do?"]
    german = ["Ich war noch nie zuvor dort.", "Sie gab ihm das alte Buch.", "Was hast du jetzt vor?"]
    russian = ["Я никогда там не был.", "Она дала ему старую книгу.", "Что ты теперь собираешься делать?"]
    pairs = [make_pair(*both) for both in zip(english, german, strict=True)]
    assert chosen(pairs)["text.shared_vocabulary"] is True
    assert "text.shared_vocabulary" not in chosen(pairs, shared_vocabulary=False)
    pairs = [make_pair(*both) for both in zip(english, russian, strict=True)]
    assert "text.shared_vocabulary" not in chosen(pairs)
