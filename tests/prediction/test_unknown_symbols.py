"""Unknown output symbols: what is shown in their place, by attention made by hand, and in a loaded export."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipeline.errors import DataError, UsageError
from pipeline.model.sequence_to_sequence import build_model
from pipeline.prediction.building import live_string_model
from pipeline.prediction.string_model import StringModel
from pipeline.prediction.unknown_symbols import UnknownReplacement, make_replacement, read_dictionary
from pipeline.saved_models.export import save_string_model
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.text.vocabulary import Vocabulary
from tests.layer_contract import randomize
from tests.quick_cases import quick
from tests.tiny_task import tiny_configuration

# Two sources of two symbols and of none; two outputs each, of three positions.
SOURCE = tf.constant([["a", "b", "</s>"], ["</s>", "", ""]])
LENGTHS = tf.constant([3, 1])
IDS = tf.constant([[[3, 3, 2], [4, 3, 2]], [[3, 2, 0], [3, 3, 2]]])
SHOWN = tf.constant(
    [[["<unk>", "<unk>", "</s>"], ["x", "<unk>", "</s>"]], [["<unk>", "</s>", ""], ["<unk>", "<unk>", "</s>"]]]
)
ATTENTION = tf.constant(
    [
        [
            [[0.2, 0.7, 0.1], [0.3, 0.1, 0.6], [0.0, 0.0, 1.0]],  # b; a, for the end symbol does not count; end
            [[0.1, 0.8, 0.1], [0.5, 0.5, 0.0], [0.1, 0.8, 0.1]],  # known; of equals the first; end
        ],
        [[[1.0, 0.0, 0.0]] * 3] * 2,  # only the end symbol to look at
    ]
)


def replaced(replacement: UnknownReplacement, attention: tf.Tensor = ATTENTION) -> list:
    found = replacement(IDS, SHOWN, attention, SOURCE, LENGTHS).numpy()
    return np.vectorize(bytes.decode, otypes=[object])(found).tolist()


def test_by_hand():
    first = [["b", "a", "</s>"], ["x", "a", "</s>"]]
    assert replaced(UnknownReplacement()) == [first, SHOWN[1].numpy().astype(str).tolist()]


def test_by_hand_with_a_dictionary():
    [first, second] = replaced(UnknownReplacement({"b": "B B", "c": "C", "</s>": "never"}))
    assert first == [["B B", "a", "</s>"], ["x", "a", "</s>"]]
    assert second == SHOWN[1].numpy().astype(str).tolist()


@pytest.mark.parametrize("weight", [0.0, float("nan")])
def test_without_attention_nothing_is_replaced(weight: float):
    assert replaced(UnknownReplacement({"a": "A"}), ATTENTION * weight) == SHOWN.numpy().astype(str).tolist()


def test_an_empty_batch():
    replace = UnknownReplacement({"a": "A"})
    ids, shown = tf.zeros([0, 2, 0], tf.int32), tf.zeros([0, 2, 0], tf.string)
    source = tf.zeros([0, 1], tf.string)
    assert replace(ids, shown, tf.zeros([0, 2, 0, 0]), source, tf.zeros([0], tf.int32)).shape == [0, 2, 0]


# The dictionary


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_a_dictionary_is_in_the_form_of_the_text(tmp_path: Path):
    path = write(tmp_path / "d.tsv", "Cafe\u0301\tKAFFEE haus\r\nb\tB\tignored\n")
    assert read_dictionary(path, TextConfiguration()) == {"Café": "KAFFEE haus", "b": "B"}
    assert read_dictionary(path, TextConfiguration(lowercase=True)) == {"café": "kaffee haus", "b": "b"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tA\nb\tB\na\tC\n", "d.tsv:3: 'a' stands on line 1 already; keep one of them"),
        ("é\tA\ne\u0301\tA\n", "d.tsv:2: 'é' stands on line 1 already"),
        ("a\tA\nb\n", "d.tsv:2: no TAB"),
        ("a\t\n", "d.tsv:1: empty target"),
        ("a\tA\n\nb\tB\n", "d.tsv:2: blank line"),
        ("", "d.tsv: the file is empty"),
        (b"a\tA\nb\t\xe9\n", "d.tsv:2: byte 3 of the line"),
    ],
)
def test_dictionaries_that_are_refused(tmp_path: Path, content: str | bytes, words: str):
    with pytest.raises(DataError, match=words):
        read_dictionary(write(tmp_path / "d.tsv", content), TextConfiguration())


def test_entries_that_nobody_looks_up_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "d.tsv", "한\tHAN\na\tA\nab\tB\n")
    read_dictionary(path, TextConfiguration())
    assert "d.tsv: 1 source is no single symbol, so that nobody looks it up, first on line 3: 'ab'" in caplog.text
    caplog.clear()
    # Letters of Hangul are the symbols then, and a syllable is three of them.
    read_dictionary(path, TextConfiguration(normalization="nfd"))
    assert "2 sources are no single symbol, so that nobody looks it up, first on line 1" in caplog.text
    caplog.clear()
    read_dictionary(path, TextConfiguration(source_tokenizer="space"))
    assert not caplog.text


def test_each_side_of_an_entry_has_its_own_form(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "d.tsv", "é\te\u0301\nNew York\tNYC\n")
    text = TextConfiguration("space", normalization="nfd", target_normalization="nfc", source_separator="|")
    assert read_dictionary(path, text) == {"e\u0301": "é", "New York": "NYC"}
    assert not caplog.text  # with white space within, it is one symbol


def test_what_the_settings_ask_for(tmp_path: Path):
    assert make_replacement(SearchConfiguration(), TextConfiguration()) is None
    copies = make_replacement(SearchConfiguration(replace_unknown=True), TextConfiguration())
    assert copies is not None
    assert copies.table is None
    missing = SearchConfiguration(replace_unknown=True, dictionary=str(tmp_path / "nowhere, really"))
    with pytest.raises(DataError, match="nowhere, really: no such file"):
        make_replacement(missing, TextConfiguration())
    with pytest.raises(UsageError, match=r"search\.dictionary: 'd' is impossible, .* search\.replace_unknown is false"):
        SearchConfiguration(dictionary="d")


# From strings to strings

WORDS = {"source_tokenizer": "space", "target_tokenizer": "space"}


def always_unknown(beam_size: int, attention: str = "bahdanau", **search: object) -> StringModel:
    """A model that names the unknown symbol until it must end, here after as many symbols as the source has."""
    configuration = tiny_configuration(
        {},
        text=WORDS,
        model={"units": 8, "embedding_units": 4, "attention": attention},
        search={"length_ratio": 1.0, "length_offset": 0, **search},
    )
    model = randomize(build_model(configuration.model, 6, 6), seed=3)
    model.get_layer("decoder").output_projection.bias.assign([0, 0, -20, 20, 0, 0])
    return live_string_model(model, configuration, *[Vocabulary(["a", "b"])] * 2, beam_size, beam_size)


def expected(found: dict[str, np.ndarray], dictionary: dict[str, str]) -> list[str]:
    """The best output of every source, by the attention that came with it."""
    texts = []
    for row, source in enumerate(found["source_tokens"].astype(str)):
        length = found["source_length"][row] - 1
        looked = [source[weights[:length].argmax()] for weights in found["attention"][row, 0, :length]]
        texts.append(" ".join(dictionary.get(symbol, symbol) for symbol in looked))
    return texts


SOURCES = ["new words", "", "a", "zebra b new a"]


@pytest.mark.parametrize("beam_size", quick([1, 2], 1))
def test_texts_and_symbols_change_and_nothing_else(tmp_path: Path, beam_size: int):
    dictionary = {"new": "NEU", "zebra": "ZEBRA"}
    path = write(tmp_path / "d.tsv", "".join(f"{source}\t{target}\n" for source, target in dictionary.items()))
    settings = [{}, {"replace_unknown": True}, {"replace_unknown": True, "dictionary": path}]
    models = [always_unknown(beam_size, **search) for search in settings]
    plain, copied, looked_up = (
        {name: value.numpy() for name, value in model.decode(tf.constant(SOURCES)).items()} for model in models
    )
    assert plain["texts"][:, 0].tolist() == [b"<unk> <unk>", b"", b"<unk>", b"<unk> <unk> <unk> <unk>"]
    assert [text.decode() for text in copied["texts"][:, 0]] == expected(plain, {})
    assert [text.decode() for text in looked_up["texts"][:, 0]] == expected(plain, dictionary)
    assert [b" ".join(row).strip() for row in looked_up["target_tokens"][:, 0]] == [
        f"{text} </s>".strip().encode() for text in expected(plain, dictionary)
    ]
    for found in (copied, looked_up):
        for name in set(plain) - {"texts", "target_tokens"}:
            np.testing.assert_array_equal(found[name], plain[name])


def test_one_fixed_context_looks_at_nothing(tmp_path: Path):
    model = always_unknown(1, "none", replace_unknown=True)
    found = model.decode(tf.constant(["new a"]))
    assert found["texts"].numpy().tolist() == [[b"<unk> <unk>"]]


ELSEWHERE = """
import json, sys
import tensorflow as tf
import tensorflow_text
loaded = tf.saved_model.load(sys.argv[1])
for batch in ([], json.loads(sys.argv[2])):
    found = loaded.signatures["explain"](source=tf.constant(batch, tf.string))
text, tokens = (found[name].numpy().tolist() for name in ("text", "target_tokens"))
print(json.dumps(tf.nest.map_structure(bytes.decode, [text, tokens])))
"""


@pytest.mark.slow
def test_an_export_takes_the_dictionary_along(tmp_path: Path):
    path = Path(write(tmp_path / "d.tsv", "new\tNEU\nzebra\tein Zebra\n"))
    model = always_unknown(2, replace_unknown=True, dictionary=str(path))
    found = model.decode(tf.constant(SOURCES))
    save_string_model(model, tmp_path / "export", {})
    path.unlink()
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "export"), json.dumps(SOURCES)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert said.returncode == 0, said.stderr
    texts, tokens = json.loads(said.stdout)
    assert texts == found["texts"][:, 0].numpy().astype(str).tolist()
    assert tokens == found["target_tokens"][:, 0].numpy().astype(str).tolist()
    assert found["scores"].shape == [len(SOURCES), 2]
    assert "NEU" in " ".join(texts)
