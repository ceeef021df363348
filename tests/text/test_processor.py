import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.saved_models.saved_graph import ALLOWED
from pipeline.text.processor import (
    CHUNK,
    END,
    SPECIAL_SYMBOLS,
    UNKNOWN,
    TextProcessor,
    Vocabulary,
    count_symbols,
    in_chunks,
    make_valid,
    normalize,
)
from pipeline.text.tokenizers import make_tokenizer
from pipeline.unicode import white_space
from pipeline.unicode.normal_forms import NORMAL_FORMS, FormCounts, normalize_string

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


def normalized(text: str, normalization: str = "nfc", lowercase: bool = False) -> str:
    return normalize([text], normalization, lowercase).numpy()[0].decode()


def split(text: str, tokenizer: str = "char") -> list[str]:
    return [symbol.decode() for symbol in TextProcessor(Vocabulary(["a"]), tokenizer).split([text]).to_list()[0]]


def decoded(processor: TextProcessor, ids: list[int]) -> str:
    return processor.decode([ids]).numpy()[0].decode()


# Normalisation


@pytest.mark.parametrize(
    ("text", "nfc", "nfkc"),
    [
        ("e\u0301", "é", "é"),
        ("ﬁ", "ﬁ", "fi"),
        ("ｱ①", "ｱ①", "ア1"),
        ("\u1e9b\u0323", "\u1e9b\u0323", "\u1e69"),
        ("각", "각", "각"),
    ],
)
def test_normal_forms(text: str, nfc: str, nfkc: str):
    assert (normalized(text), normalized(text, "nfkc")) == (nfc, nfkc)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_normalization_is_unicodes(text: str):
    assigned = "".join(character for character in text if unicodedata.category(character) != "Cn")
    for form in ("nfc", "nfkc"):
        # What is stripped besides, see the next test.
        assert normalized(assigned, form).strip() == unicodedata.normalize(form.upper(), assigned).strip()


def test_white_space_at_the_ends_goes_and_stays_inside():
    assert normalized(" \t a  b \r\n") == "a  b"


def test_lowercase_is_no_case_folding():
    assert normalized("GROẞE Straße ÀÉ", lowercase=True) == "große straße àé"
    assert normalized("ÀE\u0301") == "ÀÉ"


@pytest.mark.parametrize(
    ("raw", "text"), [(b"a\xe9b", "a\ufffdb"), (b"\xff", "\ufffd"), (b"a\xe6\x9d", "a\ufffd"), (b"\xc0\x80", None)]
)
def test_invalid_utf8_becomes_replacement_characters(raw: bytes, text: str | None):
    result = normalize(tf.constant([raw])).numpy()[0].decode()
    assert result == text if text else set(result) == {"\ufffd"}


# Cutting


def test_characters_are_code_points():
    assert split("a👍🏽東") == ["a", "👍", "🏽", "東"]
    assert split("नमस्ते") == ["न", "म", "स", "\u094d", "त", "\u0947"]
    assert split("a b") == ["a", " ", "b"]
    assert split("") == []


def test_space_cuts_at_any_number_of_blanks():
    assert split("  K  AE\tT ", "space") == ["K", "AE", "T"]
    assert split("   ", "space") == []


# Ids


def test_encode_closes_every_row_with_the_end_symbol():
    processor = TextProcessor(Vocabulary(["b", "a"]), "char")
    ids = processor.encode(["ab", "", "b"])
    assert ids.to_list() == [[5, 4, END], [END], [4, END]]
    assert ids.dtype == tf.int32
    assert processor.encode(tf.constant([], tf.string)).to_list() == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.sampled_from("aé東👍न\u094d xyz<s>")), min_size=1))
def test_round_trip(texts: list[str]):
    processor = TextProcessor(Vocabulary.from_counts(count_symbols([*texts, "a"], make_tokenizer("char"))), "char")
    ids = processor.encode(texts)
    assert [text.decode() for text in processor.decode(ids.to_tensor()).numpy()] == [normalized(t) for t in texts]


def test_round_trip_of_symbols_between_spaces():
    processor = TextProcessor(Vocabulary(["K", "AE", "T"]), "space")
    assert decoded(processor, processor.encode([" K AE  T"]).to_list()[0]) == "K AE T"


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn"]) | st.sampled_from("각é각e\u0301ǰﬁ\u3000\u0958Σİ\0"))


@settings(max_examples=50, deadline=None)
@given(ANY_TEXT, st.sampled_from(list(NORMAL_FORMS)), st.booleans())
def test_any_string_of_a_file_goes_in_and_comes_out(text: str, form: str, lowercase: bool):
    wanted = normalize_string(text, form, lowercase)
    counts = count_symbols([f"a{text}"], make_tokenizer("char"), form, lowercase)
    processor = TextProcessor(Vocabulary.from_counts(counts), "char", form, lowercase)
    ids = processor.encode([text]).to_list()[0]
    assert UNKNOWN not in ids
    assert decoded(processor, ids) == wanted
    words = count_symbols([f"a {text}"], make_tokenizer("space"), form, lowercase)
    spaced = TextProcessor(Vocabulary.from_counts(words), "space", form, lowercase)
    assert decoded(spaced, spaced.encode([text]).to_list()[0]) == " ".join(white_space.split(wanted))


def counted(*texts: str) -> FormCounts:
    forms = FormCounts()
    for text in texts:
        forms.see(text, "nfc", lowercase=False)
    return forms


GA = "\u1100\u1161"  # the letters of 가


@pytest.mark.parametrize(
    ("form", "written", "symbols", "output"),
    [
        # Where the targets of the training data are composed, and where they are not.
        ("nfd", "가é", [*GA, "e", "\u0301"], "가é"),
        ("nfd", f"{GA}e\u0301", [*GA, "e", "\u0301"], f"{GA}e\u0301"),
        ("nfc", f"{GA}e\u0301", ["가", "é"], f"{GA}e\u0301"),
        ("nfc", "가é", ["가", "é"], "가é"),
        ("nfkd", "가é①", [*GA, "e", "\u0301", "1"], "가é1"),
        ("nfkc", f"{GA}e\u0301①", ["가", "é", "1"], f"{GA}e\u03011"),
        ("none", "가é", ["가", "é"], "가é"),
        ("none", f"가e\u0301{GA}", ["가", "e", "\u0301", *GA], f"가e\u0301{GA}"),
    ],
)
def test_outputs_have_the_form_of_the_targets(form: str, written: str, symbols: list[str], output: str):
    processor = TextProcessor(Vocabulary(symbols, forms=counted("abc", written)), "char", form)
    assert [symbol.decode() for symbol in processor.split([written]).to_list()[0]] == symbols
    assert decoded(processor, processor.encode([written]).to_list()[0]) == output


def test_most_targets_decide_the_form_of_outputs():
    assert counted("é", "è", "e\u0301", "abc").output_form("nfd") == "nfc"
    assert counted("e\u0301", "o\u0301", "é").output_form("nfc") == "nfd"
    # Plain ASCII has both forms, and changes nothing.
    assert counted("abc").output_form("nfc") is None
    assert counted("e\u0301").output_form("none") is None
    # Runs of earlier versions counted nothing.
    assert TextProcessor(Vocabulary(["e"]), "char", "nfd").output_form is None


def test_unknown_symbols():
    processor = TextProcessor(Vocabulary(["a"]), "char")
    assert processor.encode(["a?東"]).to_list() == [[4, UNKNOWN, UNKNOWN, END]]
    assert decoded(processor, [4, UNKNOWN, END]) == "a<unk>"


def test_decode_keeps_the_leading_axes_and_drops_padding():
    processor = TextProcessor(Vocabulary(["a", "b"]), "char")
    ids = [[[1, 4, 5, 2, 0], [4, 2, 0, 0, 0]], [[2, 0, 0, 0, 0], [5, 5, 5, 5, 5]]]
    assert processor.decode(ids).numpy().tolist() == [[b"ab", b"a"], [b"", b"bbbbb"]]
    assert processor.decode(tf.zeros([0, 3, 2], tf.int32)).shape == [0, 3]
    assert processor.decode(tf.zeros([0, 3, 0], tf.int32)).shape == [0, 3]
    assert processor.decode(tf.zeros([2, 0], tf.int32)).numpy().tolist() == [b"", b""]


def test_symbols_have_no_name_for_pad_and_start():
    processor = TextProcessor(Vocabulary(["a"]), "char")
    assert processor.symbols([0, 1, 2, 3, 4]).numpy().tolist() == [b"", b"", b"</s>", b"<unk>", b"a"]


@pytest.mark.parametrize("special", SPECIAL_SYMBOLS)
def test_a_special_symbols_name_in_the_data_is_a_symbol_like_any_other(special: str):
    counts = count_symbols([f"{special} a"], make_tokenizer("space"))
    processor = TextProcessor(Vocabulary.from_counts(counts), "space")
    ids = processor.encode([f"a {special}"]).to_list()[0]
    assert sorted(ids) == [END, 4, 5]
    assert decoded(processor, ids) == f"a {special}"
    # Without an id of its own it is unknown, not special.
    assert TextProcessor(Vocabulary(["a"]), "space").encode([special]).to_list() == [[UNKNOWN, END]]


# Counting


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


def test_chunks():
    assert list(in_chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(in_chunks(range(4), 2)) == [[0, 1], [2, 3]]
    assert list(in_chunks([], 2)) == []


# Vocabulary


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


HEAD = "".join(f"{symbol}\n" for symbol in SPECIAL_SYMBOLS)


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


def test_ids_for_a_model_are_those_for_a_corpus():
    text = TextProcessor(Vocabulary(["a", "b"]), "char")
    strings = ["ab", "", "b?a"]
    ids, lengths = text.to_ids(text.split(strings))
    assert lengths.numpy().tolist() == [3, 1, 4]
    assert ids.numpy().tolist() == text.encode(strings).to_tensor().numpy().tolist()
    assert text.to_symbols(text.split(strings)).numpy().tolist()[2] == [b"b", b"?", b"a", b"</s>"]


def test_ids_for_a_model_are_cut_and_closed():
    text = TextProcessor(Vocabulary(["a", "b"]), "char")
    ids, lengths = text.to_ids(text.split(["abab", "b", "ab"]), max_length=2)
    assert (ids.numpy().tolist(), lengths.numpy().tolist()) == ([[4, 5, 2], [5, 2, 0], [4, 5, 2]], [3, 2, 3])
    assert text.to_symbols(text.split(["abab"]), 2).numpy().tolist() == [[b"a", b"b", b"</s>"]]


def test_ids_of_no_strings_have_a_column():
    text = TextProcessor(Vocabulary(["a"]), "char")
    ids, lengths = text.to_ids(text.split(tf.zeros([0], tf.string)))
    assert (ids.shape, lengths.shape) == ((0, 1), (0,))


def test_long_strings_make_short_chunks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.text.processor.MOST_CHARACTERS", 10)
    strings = ["a" * length for length in (3, 3, 3, 3, 20, 1, 9, 1)]
    assert [[len(string) for string in chunk] for chunk in in_chunks(strings, 5, len)] == [
        [3, 3, 3, 3],
        [20],
        [1, 9],
        [1],
    ]
    assert [len(chunk) for chunk in in_chunks(strings, 5)] == [5, 3]


def test_what_is_read_of_strings_from_anywhere():
    text = TextProcessor(Vocabulary(["a", "b"]), "char")
    read = text.read(tf.constant([b"ab", b"aba", b" ab ", b"a\xffb", b" " * 65 + b"a", b"\xef\xbb\xbf"]), 2)
    rows = [b"".join(row).decode() for row in read.symbols.to_list()]
    assert rows == ["ab", "aba", "ab", "a\ufffdb", "", "\ufeff"]
    assert read.cut.numpy().tolist() == [False, True, False, True, True, False]
    assert read.invalid.numpy().tolist() == [False, False, False, True, False, False]


@given(st.lists(st.binary(max_size=12), max_size=20))
@settings(max_examples=50, deadline=None)
def test_what_is_no_utf8_is_replaced_as_python_does(strings: list[bytes]):
    found = make_valid(tf.constant(strings, tf.string)).numpy().tolist()
    assert found == [string.decode(errors="replace").encode() for string in strings]


def test_every_character_is_valid():
    characters = [chr(code).encode() for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert make_valid(tf.constant(characters)).numpy().tolist() == characters


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(100)])
def test_a_damaged_sentencepiece_model_is_named(tmp_path: Path, content: bytes):
    Vocabulary(["a"], model=b"x").save(tmp_path / "source.txt")
    (tmp_path / "source.model").write_bytes(content)
    with pytest.raises(DataError, match=r"source\.model: not a SentencePiece model .*bring the file back"):
        Vocabulary.load(tmp_path / "source.txt")


@pytest.mark.parametrize("form", list(NORMAL_FORMS))
@pytest.mark.parametrize("tokenizer", ["char", "space"])
def test_a_graph_of_it_holds_only_what_an_export_may_hold(form: str, tokenizer: str):
    text = TextProcessor(Vocabulary(["a"], forms=counted("e\u0301")), tokenizer, form, lowercase=True)

    def there_and_back(strings: tf.Tensor) -> tf.Tensor:
        return text.join(text.to_symbols(text.read(strings, 5).symbols))

    made = tf.function(there_and_back, [tf.TensorSpec([None], tf.string)], autograph=False).get_concrete_function()
    graph = made.graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    functions = {function.signature.name for function in graph.library.function}
    assert {node.op for node in nodes} <= ALLOWED | functions
