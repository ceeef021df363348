"""Sources made of pieces: new, seeded, joined where both pieces have the same symbols."""

from pipeline.improvement.recombination import OVERLAP, recombine

WORDS = ["station", "relation", "nation", "national", "stationary", "relative", "native", "dictation"]


def test_what_comes_out_is_new_and_made_of_two():
    made = recombine(WORDS, 20, 1, WORDS.__contains__)
    assert made == recombine(WORDS, 20, 1, WORDS.__contains__)
    assert made != recombine(WORDS, 20, 2, WORDS.__contains__)
    assert len(set(made)) == len(made) >= 5
    assert not set(made) & set(WORDS)
    for word in made:
        joints = range(1, len(word) - OVERLAP)
        assert any(
            any(one.startswith(word[: place + OVERLAP]) for one in WORDS)
            and any(one.endswith(word[place:]) for one in WORDS)
            for place in joints
        ), word


def test_sentences_are_joined_at_words():
    sentences = ["the dog sleeps in the house", "a cat sleeps in a box"]
    made = recombine(sentences, 9, 1, sentences.__contains__, characters=False)
    assert set(made) == {"the dog sleeps in a box", "a cat sleeps in the house"}


def test_pieces_may_be_used_up():
    assert recombine(["ab", "c"], 5, 1, lambda _: False) == []
    assert recombine([], 5, 1, lambda _: False) == []
    assert recombine(["abcd"], 5, 1, "abcd".__eq__) == []
