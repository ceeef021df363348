import pytest

from tests.pairs.test_odd_shapes import WORDS, refusal, warnings

PHONES = [" ".join(word) for word in WORDS]
SHARES = [f"{(n % 100 + 1) / 100}" for n in range(len(WORDS))]
FEATURES = ["V;PST;3;SG", "N;ACC;PL", "ADJ;MASC;GEN", "V.PTCP;PST", "V;{3/PL};PRS"]
TREEBANK = ["Case=Nom|Number=Sing", "NOUN|Case=Acc|Number=Plur", "Tense=Past"]
EARLIER = ["pos=N,case=NOM,num=SG", "pos=V,tense=PST"]


def table(*columns: list[str]) -> list[str]:
    return ["\t".join(cells) for cells in zip(*columns, strict=False)]


def repeated(values: list[str]) -> list[str]:
    return [values[n % len(values)] for n in range(len(WORDS))]


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        (table(WORDS, SHARES, PHONES), "cut -f1,3 a.tsv > NEW"),
        (table(WORDS, SHARES, SHARES, ["1.5"] * 200, SHARES, PHONES), "cut -f1,6 a.tsv > NEW"),
        (table(WORDS, ["1", "0.5", "1"] * 60, PHONES), "cut -f1,3 a.tsv > NEW"),
        (table(WORDS, [f"-{n}.25" for n in range(200)], PHONES), "cut -f1,3 a.tsv > NEW"),
        (["a\t0.99\tp e"], "cut -f1,3 a.tsv > NEW"),
        (["word\tp\tphones", *table(WORDS, SHARES, PHONES)[:5]], "cut -f1,3 a.tsv > NEW"),
    ],
)
def test_probabilities_beside_phonemes(lines: list[str], command: str):
    said = refusal(lines)
    assert "column 2, the target, holds numbers ('" in said
    assert command in said
    # Whoever means it can go on.
    assert "(cut -f1,2 a.tsv > NEW if it is meant so)" in said


def test_probabilities_before_phonemes():
    said = refusal([f"{word}\t{share} {phones}" for word, share, phones in zip(WORDS, SHARES, PHONES, strict=True)])
    assert "every target begins with a number, a probability perhaps" in said
    assert said.endswith("; perl -pe 's/\\t[0-9.eE-]+ +/\\t/' a.tsv > NEW")


@pytest.mark.parametrize("values", [FEATURES, TREEBANK, EARLIER])
def test_features(values: list[str]):
    forms = [f"{word}ed" for word in WORDS]
    said = refusal(table(WORDS, repeated(values), forms))
    assert said.startswith("a.tsv:1: column 2 holds features ('")
    assert "and would be the target; cut -f1,3 a.tsv > NEW takes those columns" in said
    assert "and would be the source; cut -f2,3 a.tsv" in refusal(table(repeated(values), WORDS, forms))
    # The usual order: which column is left out is said, see `describe_taken`.
    assert warnings(table(WORDS, forms, repeated(values))) == []
    assert refusal(table(WORDS, repeated(values), forms)[:3]).startswith("a.tsv:1: column 2 holds features")


def test_numbers_of_sentences():
    numbers, others = [str(7 * n) for n in range(200)], [str(9 * n) for n in range(200)]
    assert "cut -f2,4 a.tsv > NEW" in refusal(table(numbers, WORDS, others, PHONES))


def test_an_index_with_a_header():
    lines = ["\tsource\ttarget", *table([str(n) for n in range(200)], WORDS, PHONES)]
    assert refusal(lines) == ("a.tsv:1: column 1 counts the lines, below a header; tail -n +2 a.tsv | cut -f2,3 > NEW")


@pytest.mark.parametrize("first", [0, 1, 100])
def test_an_index(first: int):
    [said] = warnings(table([str(first + n) for n in range(200)], WORDS, PHONES))
    assert said.startswith("a.tsv:1: column 1 counts the lines; if it is no source, --data.columns ")
    assert said.endswith(" '{source: 2, target: 3}', or cut -f2,3 a.tsv > NEW")


def test_counts():
    [said] = warnings(table(WORDS, [str(n * n) for n in range(200)], PHONES))
    assert said.startswith("a.tsv:1: column 2 holds numbers ('39601'), column 3 text; if that is the target, ")
    assert said.endswith(" --data.columns '{source: 1, target: 3}', or cut -f1,3 a.tsv > NEW")


def test_probabilities_alone():
    [said] = warnings(table(WORDS, SHARES))
    assert said.startswith("a.tsv:1: all targets are numbers from 0 to 1 ('1.0'), probabilities perhaps")


def test_parts_of_speech_and_languages():
    [said] = warnings(table(WORDS, repeated(["V", "N", "ADJ"]), PHONES))
    assert "column 2, the target, holds only 3 different texts ('ADJ', 'N', 'V'), column 3 many" in said
    assert said.endswith("cut -f1,3 a.tsv > NEW")
    [said] = warnings(table(repeated(["de", "en"]), WORDS, PHONES))
    assert "column 1, the source, holds only 2 different texts ('de', 'en')" in said
