from pipeline.data.made_up.stems import make_up
from pipeline.pairs.pair_file import Pair

PAIRS = [
    Pair("gehen\tV;PST", "gehst", 1),
    Pair("Haus", "Häuser", 2),  # nothing of three letters
    Pair("Kinder-7", "Kindern-7", 3, corpus=1),
    Pair("wandern", "gewandert", 4),
]


def made(per_pair: int = 20, seed: int = 1) -> list[Pair]:
    return list(make_up(lambda: iter(PAIRS), per_pair, seed))


def test_shared_letters_are_others_and_the_rest_stays():
    found = [pair for pair in made() if pair.line == 1]
    assert len({pair.source for pair in found}) > 15
    for source, target, _, corpus in found:
        assert (source[3:], target[3:], corpus) == ("en\tV;PST", "st", 0)
        assert source[:3] == target[:3]
        # Letters of shared parts alone, small ones for small ones.
        assert set(source[:3]) <= set("gehkinderwandr")


def test_capitals_stay_capitals_and_what_is_no_letter_stays():
    for source, target, _, corpus in (pair for pair in made() if pair.line == 3):
        assert source[0] == target[0] == "K"  # the only capital
        assert (source[6:], target[6:], corpus) == ("-7", "n-7", 1)
        assert source[1:6].islower()


def test_so_many_of_each_that_shares_something():
    numbers = [pair.line for pair in made(3)]
    assert numbers == [1, 1, 1, 3, 3, 3, 4, 4, 4]
    assert not made(0)


def test_the_seed_decides():
    assert made() == made()
    assert made() != made(seed=2)


def test_no_source_that_there_is():
    # Of one letter, nothing else can come out.
    assert not list(make_up(lambda: [Pair("aaa", "aaab", 1)], 5, 1))
    pairs = [Pair(f"{letter}aa", f"{letter}aa", 1) for letter in "ab"]
    found = list(make_up(lambda: pairs, 40, 1))
    assert found
    assert not {"aaa", "baa"} & {pair.source for pair in found}


def test_other_scripts():
    pairs = [Pair("книга", "книгами", 1), Pair("文化", "文化", 2), Pair("कमल", "कमलों", 3), Pair("שלום", "שלומות", 4)]
    found = list(make_up(lambda: pairs, 4, 1))
    assert [pair.line for pair in found].count(1) == 4
    assert not [pair for pair in found if pair.line == 2]
    for pair in found:
        source, target = pairs[pair.line - 1][:2]
        assert (len(pair.source), len(pair.target)) == (len(source), len(target))
