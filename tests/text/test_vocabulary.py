from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.text.learning import count_symbols
from pipeline.text.processor import END, SPECIAL_SYMBOLS, UNKNOWN, TextProcessor
from pipeline.text.tokenizers import make_tokenizer
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.normal_forms import FormCounts

# Everything that could break a file of one symbol a line.
AWKWARD = [
    " ",
    "\\",
    "\t",
    "\n",
    "\r",
    "\u2028",
    "\u0085",
    "\u0301",
    "\u200b",
    "\ufeff",
    "\x00",
    "\\u{20}",
    "u{20}",
    "東",
]


HEAD = "".join(f"{symbol}\n" for symbol in SPECIAL_SYMBOLS)


def counted(*texts: str) -> FormCounts:
    forms = FormCounts()
    for text in texts:
        forms.see(text, "nfc", lowercase=False)
    return forms


def decoded(processor: TextProcessor, ids: list[int]) -> str:
    return processor.decode([ids]).numpy()[0].decode()


@pytest.mark.parametrize("special", SPECIAL_SYMBOLS)
def test_a_special_symbols_name_in_the_data_is_a_symbol_like_any_other(special: str):
    counts = count_symbols([f"{special} a"], make_tokenizer("space"))
    processor = TextProcessor(Vocabulary.from_counts(counts), "space")
    ids = processor.encode([f"a {special}"]).to_list()[0]
    assert sorted(ids) == [END, 4, 5]
    assert decoded(processor, ids) == f"a {special}"
    # Without an id of its own it is unknown, not special.
    assert TextProcessor(Vocabulary(["a"]), "space").encode([special]).to_list() == [[UNKNOWN, END]]


def test_most_frequent_first_and_ties_in_order():
    counts = Counter({"z": 2, "c": 1, "a": 2, "b": 5, "é": 1})
    assert Vocabulary.from_counts(counts).symbols[4:] == ["b", "a", "z", "c", "é"]
    assert Vocabulary.from_counts(counts, min_count=2).symbols[4:] == ["b", "a", "z"]
    assert Vocabulary.from_counts(counts, max_size=2).symbols[4:] == ["b", "a"]
    assert Vocabulary.from_counts(counts, min_count=3, max_size=2).symbols[4:] == ["b"]
    assert len(Vocabulary.from_counts(counts)) == 9


def test_save_and_load(tmp_path: Path):
    path = tmp_path / "symbols.txt"
    vocabulary = Vocabulary([*AWKWARD, "<s>", "a\u0301\u0323", "न"])
    vocabulary.save(path)
    assert Vocabulary.load(path).symbols == vocabulary.symbols
    lines = path.read_text(encoding="utf-8").split("\n")
    # The line's number is the id, and what is on it can be seen.
    assert [lines[4], lines[5], lines[6], lines[len(vocabulary) - 1]] == ["\\u{20}", "\\\\", "\\u{9}", "न"]
    assert path.read_bytes().count(b"\n") == len(vocabulary)
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, unique=True))
def test_save_and_load_any_symbols(tmp_path_factory: pytest.TempPathFactory, symbols: list[str]):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    Vocabulary(symbols).save(path)
    assert Vocabulary.load(path).symbols[4:] == symbols


def test_every_character_can_be_a_symbol(tmp_path: Path):
    # All of the scripts in use, and some of every plane.
    symbols = [chr(code) for code in [*range(0x3100), *range(0xE000, 0x110000, 17)]]
    vocabulary = Vocabulary(symbols, forms=counted("é", "e\u0301\u0301", "a"))
    vocabulary.save(tmp_path / "symbols.txt")
    loaded = Vocabulary.load(tmp_path / "symbols.txt")
    assert loaded.symbols[4:] == symbols
    assert loaded.forms == vocabulary.forms == FormCounts(3, nfc=2, nfd=2, changed=1)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"strings": "9"}', '{"letters": 9}', "[" * 100_000])
def test_damaged_counts_of_normal_forms(tmp_path: Path, content: str):
    Vocabulary(["a"], forms=FormCounts()).save(tmp_path / "target.txt")
    (tmp_path / "target.forms.json").write_text(content)
    with pytest.raises(
        DataError, match=r"target\.forms\.json: not counts of normal forms .*train again with --overwrite"
    ):
        Vocabulary.load(tmp_path / "target.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the vocabulary cannot be read"),
        (b"", ":1: not a vocabulary"),
        (b"a\nb\nc\nd\ne\n", ":1: not a vocabulary"),
        (HEAD.encode()[:12], ":1: not a vocabulary"),
        (HEAD.encode(), ":4: ends before the first symbol"),
        (HEAD.encode() + b"\xff\n", "the vocabulary cannot be read"),
        (HEAD.encode() + b"a\nb\na\n", ":7: the same symbol as on line 5"),
        (HEAD.encode() + b"a\n\nb\n", ":6: the line is empty"),
        (HEAD.encode() + b"\\u{110000}\n", ":5: not a symbol"),
        (HEAD.encode() + b"\\u{ffffffffffffffffffff}\n", ":5: not a symbol"),
        (HEAD.encode() + b"\\u{d800}\n", ":5: not a symbol"),
    ],
)
def test_damaged_vocabulary(tmp_path: Path, content: bytes | None, message: str):
    path = tmp_path / "symbols.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Vocabulary.load(path)
    assert f"{path}" in str(caught.value)
    assert message in str(caught.value)
    assert "train again with --overwrite" in str(caught.value)


def test_a_full_disk_leaves_no_half_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "symbols.txt"
    Vocabulary(["old"]).save(path)

    def full(self: Path, content: bytes) -> None:
        with open(self, "wb") as file:
            file.write(content[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.files.durable.write_durably", full)
    with pytest.raises(OSError, match="No space"):
        Vocabulary(["new"]).save(path)
    assert Vocabulary.load(path).symbols[4:] == ["old"]


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(100)])
def test_a_damaged_sentencepiece_model_is_named(tmp_path: Path, content: bytes):
    Vocabulary(["a"], model=b"x").save(tmp_path / "source.txt")
    (tmp_path / "source.model").write_bytes(content)
    with pytest.raises(DataError, match=r"source\.model: not a SentencePiece model .*bring the file back"):
        Vocabulary.load(tmp_path / "source.txt")
