"""What clients send, and what they are told of it."""

import json
import re

import pytest

from pipeline.serving.limits import Limits
from pipeline.serving.questions import RefusedError, read_question

LIMITS = Limits(strings=3, characters=5)


def test_defaults_and_all_that_can_be_asked():
    question = read_question(b'{"sources": ["a", "\xc3\xa9\\ud83d\\ude00"]}', LIMITS, 3)
    assert (question.sources, question.n_best, question.attention, question.prefixes) == (["a", "é😀"], 1, False, None)
    question = read_question(b'{"sources":["a"],"n_best":3,"attention":true,"prefixes":["A"]}', LIMITS, 3)
    assert (question.n_best, question.attention, question.prefixes) == (3, True, ["A"])
    assert read_question(b'{"sources": [], "prefixes": null}', LIMITS, 3).prefixes is None


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "no JSON"),
        (b'{"sources": ["a"', 422, "no JSON .*EOF"),
        (b'{"sources": ["\xff"]}', 422, "no JSON"),
        (b'{"sources": ["\\ud800"]}', 422, "no JSON"),
        (b'{"sources": ["\\udc00x"]}', 422, "no JSON"),
        (b"[" * 100_000, 422, "no JSON .*recursion"),
        (b"[]", 422, "the body: input should be an object"),
        (b"{}", 422, "sources: field required"),
        (b'{"sources": "a"}', 422, "sources: input should be a valid (list|array)"),
        (b'{"sources": ["a", 1]}', 422, r"sources\[1\]: input should be a valid string"),
        (b'{"sources": ["a", null]}', 422, r"sources\[1\]"),
        (b'{"sources": ["a"], "n_best": "1"}', 422, "n_best: input should be a valid integer"),
        (b'{"sources": ["a"], "n_best": 0}', 422, "n_best: input should be greater than or equal to 1"),
        (b'{"sources": ["a"], "n_best": 4}', 422, "n_best is 4, the folder keeps 3"),
        (b'{"sources": ["a"], "attention": 1}', 422, "attention: input should be a valid boolean"),
        (
            b'{"sources": ["a"], "nbest": 2}',
            422,
            '"nbest": no such key; there are sources, n_best, attention, prefixes',
        ),
        (b'{"sources": ["a"], "prefixes": []}', 422, "1 source but 0 prefixes"),
        (b'{"sources": ["a", "b"], "prefixes": ["A"]}', 422, "2 sources but 1 prefix;"),
        (b'{"sources": ["a", "b", "c", "d"]}', 413, "4 sources, at most 3 are taken"),
        (b'{"sources": ["a", "abcdef"]}', 422, r"sources\[1\]: 6 characters, at most 5"),
        (b'{"sources": ["a"], "prefixes": ["abcdef"]}', 422, r"prefixes\[0\]: 6 characters"),
    ],
)
def test_what_cannot_be_answered_is_named(body: bytes, status: int, words: str):
    with pytest.raises(RefusedError) as refused:
        read_question(body, LIMITS, 3)
    assert refused.value.status == status
    assert re.search(words, str(refused.value)), refused.value


def test_messages_stay_short_whatever_is_sent():
    for body in (
        {"sources": [], "x" * 10_000: 1},
        {"sources": [1] * 10_000},
        {f"{number}": 1 for number in range(9999)},
    ):
        with pytest.raises(RefusedError) as refused:
            read_question(json.dumps(body).encode(), LIMITS, 3)
        assert len(str(refused.value)) < 500
