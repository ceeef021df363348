"""Tokenizers guessed from strings of many kinds."""

import random

import pytest

from pipeline.defaults.kinds_of_text import count_letters, guess_tokenizer, lacks_spaces

SENTENCES = [
    "A man in a blue shirt is standing on a ladder.",
    "Two young women are walking along the river bank.",
    "The little girl climbed into her wooden playhouse.",
    "Several men in hard hats operate a giant pulley.",
]
SEGMENTED = ["我 喜欢 读 书", "他 昨天 去 了 北京", "明天 天气 怎么 样", "谢谢 你们 来 帮忙"]


@pytest.mark.parametrize(
    ("strings", "tokenizer"),
    [
        (["t͡ʃ ɛ s", "kʰ ɔː l d", "s ɛ t", "l ɛ s"], "space"),
        (["W IH1 N D OW0", "S AH0 N", "N IH1 S"], "space"),
        (["k o d a N PL", "k a d o N SG", "d o k a N PL"], "space"),
        (["cats", "dogs", "mice"], "char"),
        (["New York", "São Paulo", "Berlin"], "char"),
        (["walk V;PST", "go V;PST"], "char"),
        (SENTENCES, "bpe"),
        (SEGMENTED, "bpe"),
        (["嗨。", "你用跑的。", "等等！"], "char"),
        (["", " "], "char"),
        ([], "char"),
    ],
)
def test_tokenizers_of_a_few_strings(strings: list[str], tokenizer: str):
    assert guess_tokenizer(strings).tokenizer == tokenizer


def test_words_of_a_closed_list_are_symbols_and_those_of_an_open_one_are_not():
    chance = random.Random(1)
    numbers = ["one", "twenty", "hundred", "thousand", "seventeen", "ninety"]
    closed = [" ".join(chance.choices(numbers, k=5)) for _ in range(500)]
    assert guess_tokenizer(closed) == ("space", "a closed list of 6 words")
    assert guess_tokenizer([*closed, "one hundred and twelve thousand"]).tokenizer == "bpe"


def test_reasons_hold_what_was_counted():
    assert guess_tokenizer(["cats", "dog"]).reason == "words, 3.5 characters on the average"
    assert guess_tokenizer(["a b", "b a"]).reason == "2 symbols of 1.0 letters with white space between"


def test_marks_are_no_letters():
    assert [count_letters(piece) for piece in ("a̠", "sʰ", "ŋ", "˥", "ng", "각")] == [1, 1, 1, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "lacks"), [("ฉันรักคุณ", True), ("ありがとう", True), ("사랑해요", False), ("Hi!", False), ("123", False)]
)
def test_scripts_without_spaces(text: str, lacks: bool):
    assert lacks_spaces([text]) == lacks
