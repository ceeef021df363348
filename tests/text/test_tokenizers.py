"""Ways of cutting: what they cut, that joining gives it back, and that an export takes them along."""

from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError, UsageError
from pipeline.text.normalization import normalize
from pipeline.text.processor import TextProcessor
from pipeline.text.subwords import learn_sentence_pieces, learn_word_pieces
from pipeline.text.tokenizers import SentencePieces, make_tokenizer
from pipeline.text.vocabulary import Vocabulary

SENTENCES = [
    "Ein Hund rennt am Strand.",
    "Zwei Männer reden, so scheint es.",
    "Ein Mann rennt mit einem Hund!",
    "Eine Frau und zwei Hunde am Strand",
    "Männer, Frauen und Hunde rennen.",
] * 4
# White space other than a space is not kept apart by whoever reads lines; "▁" is what stands for a space.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="▁"), max_size=30)


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def subword_text(request: pytest.FixtureRequest) -> TextProcessor:
    model, pieces = learn_sentence_pieces(SENTENCES, request.param, 400)
    return TextProcessor(Vocabulary(pieces, model), request.param)


def as_text(values: tf.Tensor) -> list[str]:
    return [value.decode() for value in values.numpy().tolist()]


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_sentence_pieces_give_back_any_text(subword_text: TextProcessor, text: str):
    ids = subword_text.encode([text]).to_tensor()
    assert as_text(subword_text.decode(ids)) == as_text(normalize([text]))
    # Nothing is unknown: bytes stand for what no subword has.
    assert 3 not in ids.numpy()


def test_nothing_is_said_of_a_model_that_is_opened(capfd: pytest.CaptureFixture[str]):
    model, _ = learn_sentence_pieces(SENTENCES, "bpe", 400)
    SentencePieces(model)
    # Compiled code writes past Python's own standard error.
    assert capfd.readouterr() == ("", "")


def test_several_spaces_are_kept(subword_text: TextProcessor):
    assert as_text(subword_text.decode(subword_text.encode(["a  b   c"]).to_tensor())) == ["a  b   c"]


def test_frequent_words_are_one_symbol(subword_text: TextProcessor):
    assert [piece.decode() for piece in subword_text.split(["Hund"]).to_list()[0]] == ["▁Hund"]


def test_a_batch_and_an_empty_one(subword_text: TextProcessor):
    ids = subword_text.encode(["Ein Hund", "", "Strand"]).to_tensor()
    assert as_text(subword_text.decode(ids)) == ["Ein Hund", "", "Strand"]
    assert subword_text.encode(tf.zeros([0], tf.string)).nrows() == 0


def test_special_symbols_in_the_text_are_text(subword_text: TextProcessor):
    ids = subword_text.encode(["<s> </s> <unk> <pad>"]).to_tensor()
    assert ids.numpy()[0, :-1].min() >= 4
    assert as_text(subword_text.decode(ids)) == ["<s> </s> <unk> <pad>"]


def test_an_export_takes_the_model_along(subword_text: TextProcessor, tmp_path: Path):
    module = tf.Module()
    module.text = subword_text
    module.run = tf.function(
        lambda strings: subword_text.decode(subword_text.encode(strings).to_tensor()),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path / "export"))
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    assert as_text(loaded.run(tf.constant(["Zwei Hunde 🐕"]))) == ["Zwei Hunde 🐕"]


def test_a_missing_model_is_said():
    with pytest.raises(DataError, match="SentencePiece model of a bpe vocabulary is missing"):
        make_tokenizer("bpe", ["▁a"])


# WordPiece


def test_word_pieces_by_hand():
    tokenizer = make_tokenizer("wordpiece", ["un", "##aff", "##able", "un##", ",", "a"])
    pieces = tokenizer.split(["unaffable , a", "zebra a", ""])
    assert pieces.to_list() == [[b"un", b"##aff", b"##able", b",", b"a"], [b"zebra", b"a"], []]
    assert as_text(tokenizer.join(pieces)) == ["unaffable , a", "zebra a", ""]


def test_word_pieces_give_back_tokenized_text():
    sentences = ["ein hund rennt am strand .", "don 't , sagt er", "# ## a#b"] * 3
    text = TextProcessor(Vocabulary(learn_word_pieces(sentences, 120)), "wordpiece")
    ids = text.encode(sentences).to_tensor()
    assert as_text(text.decode(ids)) == sentences
    assert 3 not in ids.numpy()


def test_words_of_unseen_characters_are_unknown():
    text = TextProcessor(Vocabulary(learn_word_pieces(["ab ba"], 20)), "wordpiece")
    assert text.encode(["ab xyz"]).to_list()[0][-2:] == [3, 2]
    # They are shown as they stand.
    rows = [
        [symbol for symbol in row if symbol] for row in text.to_symbols(text.split(["xyz ab ?", "", "[UNK]"])).numpy()
    ]
    assert rows == [[b"xyz", *rows[0][1:-2], b"?", b"</s>"], [b"</s>"], [b"[UNK]", b"</s>"]]
    assert text.to_ids(text.split(["[UNK] ? xyz"]))[0].numpy().tolist() == [[3, 3, 3, 2]]


def test_splitting_nothing_into_word_pieces():
    tokenizer = make_tokenizer("wordpiece", ["a"])
    assert tokenizer.split(tf.zeros([0], tf.string)).to_list() == []
    assert tokenizer.split(["", " "]).to_list() == [[], []]


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match=r"'words': no such tokenizer, there are char, space, bpe, unigram, wordpiece"):
        make_tokenizer("words")
