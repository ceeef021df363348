"""What cannot be meant is refused, what may be is warned of, and ordinary data pass without a word."""

import random
from collections.abc import Sequence

import pytest

from pipeline.errors import DataError
from pipeline.pairs.file_shape import Row, Shape, shape_of
from pipeline.pairs.odd_shapes import judge_lines, judge_table


def warnings(lines: Sequence[str]) -> list[str]:
    """What is said of a table."""
    return [str(finding) for finding in judge_table(shape_of(lines, "a.tsv"))]


def refusal(lines: Sequence[str]) -> str:
    """Why a table is refused."""
    with pytest.raises(DataError) as caught:
        judge_table(shape_of(lines, "a.tsv"))
    return str(caught.value)


def aligned(pairs: Sequence[tuple[str, str]]) -> Shape:
    rows = [Row(line, list(pair), "\n".join(pair)) for line, pair in enumerate(pairs, 1)]
    return Shape("a.en,a.de", rows, [], len(rows), True, True)


def make_words(count: int, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices("abdefgiklmnoprstuz", k=chance.randint(3, 9))) for _ in range(count)]


def make_lexicon(count: int = 200) -> list[str]:
    return [f"{word}\t{' '.join(word.upper())}" for word in make_words(count)]


WORDS = make_words(200)
SENTENCES = [
    "Hi.",
    "Go, now!",
    'He said, "no".',
    '"Yes."',
    "a; b; c",
    "It's 5 o'clock.",
    "«Oui», dit-il.",
    "(2) two",
] * 8
BENIGN = {
    "phonemes": make_lexicon(),
    "words with capitals first": ["A\tEY", "AAA\tT R IH", *make_lexicon()],
    "one line": ["cat\tK AE T"],
    "two lines": ["cat\tK AE T", "dog\tD AO G"],
    "sentences with commas and quotes": [f"{text}\t{text[::-1]} {n}" for n, text in enumerate(SENTENCES)],
    "numbers to words": [f"{n}\t{word}" for n, word in enumerate(WORDS)],
    "numbers from the first line on": [f"{n}\tnumber {n}" for n in range(1, 40)],
    "words to numbers": [f"{word}\t{n}" for n, word in enumerate(WORDS)],
    "words to decimals": [f"{word}\t{n / 7:.3f}" for n, word in enumerate(WORDS)],
    "dates": [f"{n % 28 + 1}/5/19{n % 90:02}\t19{n % 90:02}-05-{n % 28 + 1:02}" for n in range(60)],
    "targets that are sources, often": [f"{w}\t{w if n % 3 else w.upper()}" for n, w in enumerate(WORDS)],
    "copies, few": [f"{word}\t{word}" for word in WORDS[:12]],
    "features as targets": [f"{word}\tV;PST;{n % 3};SG" for n, word in enumerate(WORDS)],
    "features as part of sources": [f"{word} V PST\t{word}ed" for word in WORDS],
    "empty third columns": [f"{line}\t\t " for line in make_lexicon()],
    "a source of each kind of bracket": [f"{word}(n)\t{word}" for word in WORDS],
    "numbers in brackets": [f"f({n})\t{n}" for n in range(30)],
    "hashes": ["#sharp\tSH AA R P", "#\tHH AE SH", *make_lexicon(30)],
    "JSON as targets": [f'{word}\t{{"word": "{word}"}}' for word in WORDS],
    "HTML as targets": [f"{word}\t<b>{word}</b>" for word in WORDS],
    "apostrophes": [f"'{word}\t{word}'" for word in WORDS],
    "French": ["café\tk a f e", "garçon\tg a ʁ s ɔ̃", "Où ?\tu", "naïve Ångström\tn"] * 9 + ["été\te t e"],
    "Vietnamese and Greek": ["tiếng Việt\tx", "Ελληνικά\ty", "ÂÃ\tz", "Ð\tth"] * 9 + ["việc\tv"],
    "few answers": [f"{word}\t{'yes' if n % 2 else 'no'}" for n, word in enumerate(WORDS)],
    "names": [f"{word.title()}\t{word.title()}ov" for word in WORDS],
    "a first line in capitals": ["NATO\tNorth Atlantic", *(f"{word}\t{word} {word}" for word in WORDS)],
    "text and its words": ["text\tT EH K S T", "word\tW ER D", *make_lexicon()],
    "endless numbers": [f"{'1' * 5000}{n}\t{word}\t" for n, word in enumerate(WORDS[:30])],
    "long words first": [f"{'x' * n}\t{'y' * n}" for n in range(60, 1, -1)],
    "probabilities of words": [f"p({word})\t0.5 {word}" if n % 9 else f"{word}\tno" for n, word in enumerate(WORDS)],
}


@pytest.mark.parametrize("kind", BENIGN)
def test_ordinary_data_pass_without_a_word(kind: str):
    assert warnings(BENIGN[kind]) == []


def test_ordinary_data_in_three_columns_are_no_other_kind():
    assert warnings([f"{'7' * 5000}\t{word}\tx" for word in WORDS[:2]]) == []
    for third in ("CC-BY 2.0", "N;PL", "a note", "0.5", "17"):
        # Which columns are left out is said elsewhere.
        assert warnings([f"{line}\t{third}" for line in make_lexicon()]) == []


def test_ordinary_aligned_lines_pass_without_a_word():
    assert judge_lines(aligned([(text, text[::-1]) for text in SENTENCES])) == []
    assert judge_lines(aligned([(word, f'{{"word": "{word}"}}') for word in WORDS])) == []
    assert (
        judge_lines(aligned([("one TAB\there" if n == 7 else word, word[::-1]) for n, word in enumerate(WORDS)])) == []
    )


def test_what_is_certain_comes_before_what_is_not():
    lines = ["word\tprob\tphones", *(f"{word}\t0.{n % 9 + 1}\t{' '.join(word)}" for n, word in enumerate(WORDS))]
    assert "probabilities perhaps" in refusal(lines)
    assert any("looks like a header" in said for said in warnings([line.replace("0.", "n") for line in lines]))


def test_nothing_is_odd_about_nothing():
    assert warnings([]) == warnings(["", " ", "\t"]) == []
