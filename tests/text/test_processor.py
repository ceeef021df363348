import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.saved_models.saved_graph import ALLOWED
from pipeline.settings.text import TextConfiguration
from pipeline.text.learning import count_symbols
from pipeline.text.normalization import normalize
from pipeline.text.processor import END, UNKNOWN, TextProcessor, make_texts
from pipeline.text.tokenizers import make_tokenizer
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode import white_space
from pipeline.unicode.normal_forms import NORMAL_FORMS, FormCounts, normalize_string


def normalized(text: str) -> str:
    return normalize([text]).numpy()[0].decode()


def split(text: str, tokenizer: str = "char") -> list[str]:
    return [symbol.decode() for symbol in TextProcessor(Vocabulary(["a"]), tokenizer).split([text]).to_list()[0]]


def decoded(processor: TextProcessor, ids: list[int]) -> str:
    return processor.decode([ids]).numpy()[0].decode()


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


def test_what_is_copied_from_a_source_of_another_form_is_composed():
    text = TextConfiguration(normalization="nfd", target_normalization="nfc")
    source, target = make_texts(text, Vocabulary([*GA]), Vocabulary(["é"], forms=counted("é")))
    assert [symbol.decode() for symbol in source.split(["가"]).to_list()[0]] == [*GA]
    assert target.join([[*GA, "é"]]).numpy()[0].decode() == "가é"
    source, target = make_texts(text, Vocabulary([*GA]), Vocabulary(["é"], forms=counted("e\u0301")))
    assert target.join([[*GA, "é"]]).numpy()[0].decode() == f"{GA}e\u0301"
    same = make_texts(TextConfiguration(), Vocabulary(["é"]), Vocabulary(["é"], forms=counted("é")))
    assert same[1].output_form is None


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
    assert processor.decode(ids[0][0]).numpy() == b"ab"
    assert processor.decode(tf.zeros([0, 3, 0], tf.int32)).shape == [0, 3]
    assert processor.decode(tf.zeros([2, 0], tf.int32)).numpy().tolist() == [b"", b""]


def test_symbols_have_no_name_for_pad_and_start():
    processor = TextProcessor(Vocabulary(["a"]), "char")
    assert processor.symbols([0, 1, 2, 3, 4]).numpy().tolist() == [b"", b"", b"</s>", b"<unk>", b"a"]


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


def test_what_is_read_of_strings_from_anywhere():
    text = TextProcessor(Vocabulary(["a", "b"]), "char")
    read = text.read(tf.constant([b"ab", b"aba", b" ab ", b"a\xffb", b" " * 65 + b"a", b"\xef\xbb\xbf"]), 2)
    rows = [b"".join(row).decode() for row in read.symbols.to_list()]
    assert rows == ["ab", "aba", "ab", "a\ufffdb", "", "\ufeff"]
    assert read.cut.numpy().tolist() == [False, True, False, True, True, False]
    assert read.invalid.numpy().tolist() == [False, False, False, True, False, False]


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
