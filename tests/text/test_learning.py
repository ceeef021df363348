from collections import Counter
from collections.abc import Iterator
from typing import get_args

import pytest

from pipeline.errors import DataError
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration, TokenizerName
from pipeline.text.chunks import CHUNK
from pipeline.text.learning import LEARNERS, count_symbols, learn_vocabulary
from pipeline.text.tokenizers import TOKENIZERS, make_tokenizer


def test_counts():
    assert count_symbols(["ab", "b", "B"], make_tokenizer("char"), lowercase=True) == Counter({"b": 3, "a": 1})
    assert count_symbols(["a b", "b  c"], make_tokenizer("space")) == Counter({"b": 2, "a": 1, "c": 1})
    assert count_symbols([], make_tokenizer("char")) == Counter()


def test_counting_holds_one_chunk_at_a_time():
    alive, most = 0, 0

    class Text(str):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def texts() -> Iterator[str]:
        nonlocal alive, most
        for _ in range(3 * CHUNK + 5):
            alive += 1
            most = max(most, alive)
            yield Text("ab")

    assert count_symbols(texts(), make_tokenizer("char")) == {"a": 3 * CHUNK + 5, "b": 3 * CHUNK + 5}
    assert most < 2.5 * CHUNK


def test_every_tokenizer_of_the_settings_can_be_made_and_learned():
    names = list(get_args(TokenizerName))
    assert list(TOKENIZER_KINDS) == list(TOKENIZERS) == list(LEARNERS) == names


def test_a_vocabulary_of_both_sides_is_learned_by_the_first_ones_tokenizer():
    text = TextConfiguration("space", "space", shared_vocabulary=True)
    assert learn_vocabulary(["a b", "b"], ["source", "target"], text, seed=1).symbols[4:] == ["b", "a"]


def test_nothing_to_learn():
    for strings, text in ((["ab"], TextConfiguration(min_count=2)), ([], TextConfiguration())):
        with pytest.raises(DataError, match="source: no symbol occurs"):
            learn_vocabulary(strings, ["source"], text, seed=1)
