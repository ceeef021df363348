import pytest

from pipeline.pairs.odd_shapes import judge_lines
from tests.pairs.test_odd_shapes import WORDS, aligned, make_lexicon, warnings

LEXICON = make_lexicon()


@pytest.mark.parametrize(
    "header",
    [
        *("lemma\tform", "word\tphones", "source\ttarget", "Source Text\tTarget Text", "# word\tpronunciation"),
        *(
            "English\tGerman",
            "en\tde",
            "grapheme\tphoneme",
            "src_text\ttgt_text",
            "WORD\tPRON",
            "id\ttext",
            "Lemma\tForm\tTags",
            "old\tnew",
            "alt\tneu\tNotiz",
            "Georgian\tLatin",
        ),
        *("Wort\tAussprache", "Mot\tPrononciation", "Слово\tПроизношение"),
    ],
)
def test_headers(header: str):
    [said] = [said for said in warnings([header, *LEXICON]) if "header" in said]
    assert said.startswith("a.tsv:1: looks like a header (")
    assert said.endswith("and is read as a pair; tail -n +2 a.tsv > NEW")


def test_a_header_above_numbers():
    [said] = warnings(["number\tin full", *(f"{n}\t{word} {word}" for n, word in enumerate(WORDS))])
    assert "looks like a header ('number' TAB 'in full')" in said


DATES = [f"{day}. März {year}\t{year}-03-{day:02}" for day, year in zip(range(1, 29), range(1960, 2000), strict=False)]
NAMES = [
    f"{first}{second}\t{word.title()}"
    for first, second, word in zip("აბგდევზთიკლმ" * 3, "ნოპჟრს" * 6, WORDS, strict=False)
]


@pytest.mark.parametrize(
    ("header", "lines"), [("Datum\tISO", DATES), ("Ausgangstext\tZiel", DATES), ("Schreibung\tUmschrift", NAMES)]
)
def test_a_header_above_another_script_or_none(header: str, lines: list[str]):
    assert any("looks like a header" in said for said in warnings([header, *lines]))
    assert not any("looks like a header" in said for said in warnings(lines))


def test_a_header_of_two_signs():
    signs = [f"{sign}{other}" for sign, other in zip("天地人山水火" * 5, "大小中上下" * 6, strict=True)]
    lines = [f"{sign}\t{word}" for sign, word in zip(signs, WORDS, strict=False)]
    assert any("looks like a header" in said for said in warnings(["中文\t拼音", *lines]))


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ("date\tdates", [f"{word}\t{word}s" for word in WORDS]),
        ("May 1990\t1990-05-XX", DATES),
        ("IBM\tIBM", [line.partition("\t")[2] + "\t" + line.partition("\t")[0] for line in NAMES]),
    ],
)
def test_first_pairs_that_are_pairs(first: str, lines: list[str]):
    assert not any("looks like a header" in said for said in warnings([first, *lines]))


def test_a_first_pair_may_be_words_that_name_columns():
    assert not any("header" in said for said in warnings(["old\told", *LEXICON]))


def test_headers_of_aligned_files():
    [finding] = judge_lines(aligned([("English", "German"), ("one", "eins"), ("two", "zwei")]))
    assert finding.remedy == "tail -n +2 a.en > NEW; tail -n +2 a.de > NEW"


@pytest.mark.parametrize(
    ("lines", "side"),
    [
        ([f'"{word}"\t"{word.upper()}"' for word in WORDS], "source"),
        ([f'{word}\t"{word.upper()}"' for word in WORDS], "target"),
        ([f"'{word}'\t{word.upper()}" for word in WORDS], "source"),
        ([*LEXICON, 'He said so\t"Er sagte ""so"""'], "target"),
    ],
)
def test_quotes(lines: list[str], side: str):
    [said] = warnings(lines)
    assert f": the {side} stands in quotes (" in said
    assert 'delimiter="\\t")]\' < a.tsv > NEW' in said


def test_marks_of_second_pronunciations():
    lines = ["a\tAH", "read\tR IY D", "read(2)\tR EH D", *LEXICON]
    assert warnings(lines) == [
        "a.tsv:3: the source 'read(2)' has the mark of a second pronunciation, which is read as letters; "
        "perl -pe 's/\\(\\d+\\)\\t/\\t/' a.tsv > NEW"
    ]


@pytest.mark.parametrize(("comment", "mark"), [("# made by\thand", "#"), (";;; older\tx", ";;;")])
def test_comments(comment: str, mark: str):
    [said] = warnings([*LEXICON[:3], comment, *LEXICON[3:]])
    assert said.startswith("a.tsv:4: looks like a comment (")
    assert said.endswith(f"grep -v '^{mark}' a.tsv > NEW")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("caf\ufffd", "holds U+FFFD ('caf\ufffd\\tx'), which stands for characters that a conversion lost"),
        ("\ufeffdog", "holds a byte order mark (U+FEFF) amid the text"),
        ("café".encode().decode("cp1252"), "looks like UTF-8 that was taken for WINDOWS-1252 ("),
        ("naïve “quote”".encode().decode("latin-1"), "looks like UTF-8 that was taken for ISO-8859-1 ("),
        ("кот".encode().decode("latin-1"), "looks like UTF-8 that was taken for ISO-8859-1 ("),
    ],
)
def test_spoiled_characters(text: str, message: str):
    [said] = warnings([*LEXICON, f"{text}\tx"])
    assert said.startswith(f"a.tsv:201: {message}")


@pytest.mark.parametrize(("line", "side"), [("{}\tX", "target"), ("X\t{}", "source")])
def test_a_constant_side(line: str, side: str):
    [said] = warnings([line.format(word) for word in WORDS[:10]])
    assert said == f"a.tsv: the {side} is 'X' on all of the 10 lines; see whether the columns are those that are meant"


def test_sources_that_are_their_own_targets():
    [said] = warnings([f"{word}\t{word}" for word in WORDS])
    assert said.startswith("a.tsv: source and target are the same on all of the 200 lines; ")
    assert judge_lines(aligned([(word, word) for word in WORDS]))[0].path == "a.en,a.de"
