"""Which symbols a model has: a run and its export say the same as its vocabulary files."""

import pytest

from pipeline.model.sequence_to_sequence import build_model
from pipeline.prediction.building import live_string_model
from pipeline.prediction.unknown_counts import AskedModel
from pipeline.saved_models.loading import load_predictor
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.text.known_symbols import KnownSymbols
from pipeline.text.vocabulary import Vocabulary
from tests.tiny_task import TinyRun, tiny_configuration


@pytest.fixture(scope="module", params=["live", "export"])
def known(request: pytest.FixtureRequest, tiny_run: TinyRun) -> KnownSymbols:
    return load_predictor(tiny_run.path if request.param == "live" else tiny_run.path / "export").known


def test_symbols_of_a_run_and_of_its_export(known: KnownSymbols):
    assert known.lacking_in_source([*"abéß東"]) == []
    odd = ["\t", " ", "\u0301", "A", "0", "🙂", "\u200b", "x"]
    assert known.lacking_in_source(["a", *odd, "b", "x"]) == odd
    assert known.lacking_in_target(["A", "S", "EAST", "É"]) == []
    assert known.lacking_in_target(["AH0", "A", "east", "AH0", "A B"]) == ["AH0", "east", "A B"]
    assert known.lacking_in_source([]) == known.lacking_in_target([]) == []


def test_more_symbols_than_a_batch(known: KnownSymbols):
    many = [chr(0x4E00 + number) for number in range(600)]
    assert known.lacking_in_source([*many, "東"]) == [symbol for symbol in many if symbol != "東"]


@pytest.mark.parametrize(
    ("lacking", "hint"),
    [
        (["A"], "; the model has 'a' for 'A': give them in lower case"),
        (["A", "B", "!"], "; the model has 'a' for 'A': give them in lower case"),
        (["A", "!", "?", "x"], ""),
        (["ａ"], "; the model has 'a' for 'ａ': give them in the normal form NFKC"),
        (["1", "2"], ""),
        ([], ""),
    ],
)
def test_the_form_that_training_saw(known: KnownSymbols, lacking: list[str], hint: str):
    assert known.hint_at_source(lacking) == hint


def made_of(text: TextConfiguration, source: list[str], target: list[str]) -> KnownSymbols:
    """Of an untrained model with these symbols."""
    vocabularies = Vocabulary(source), Vocabulary(target)
    model = tiny_configuration({}, model={"units": 4, "embedding_units": 4, "fast": False}).model
    configuration = Configuration(text=text)
    untrained = build_model(model, *map(len, vocabularies))
    return KnownSymbols(AskedModel(live_string_model(untrained, configuration, *vocabularies, 1, 1)), text)


@pytest.mark.slow
def test_words_and_pieces():
    text = TextConfiguration(source_tokenizer="space", target_tokenizer="wordpiece")
    known = made_of(text, ["dog", "cat"], ["play", "##ing"])
    assert known.lacking_in_source(["dog", "Dog", "cow", "cat"]) == ["Dog", "cow"]
    assert known.lacking_in_target(["play", "playing", "plays"]) == ["plays"]
    text = TextConfiguration(source_tokenizer="wordpiece", target_tokenizer="char")
    known = made_of(text, ["play", "##ing"], ["a", " ", "\t"])
    assert known.lacking_in_source(["play", "##ing", "plays"]) == ["plays"]
    assert known.lacking_in_target([" ", "\t", "b"]) == ["b"]


def test_a_digit_and_white_space_may_be_symbols():
    known = made_of(TextConfiguration(), ["0", "\t", "a"], ["b"])
    assert known.lacking_in_source(["0", "\t", "a", " ", "1"]) == [" ", "1"]
