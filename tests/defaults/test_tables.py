"""Settings that follow from facts: every row gives a configuration, and more data never a stronger dropout."""

import dataclasses
from itertools import pairwise

import pytest

from pipeline.defaults.facts import Facts
from pipeline.defaults.tables import (
    COPIED,
    COPIED_FORWARD,
    FORWARD,
    LONGEST_LIMIT,
    SENTENCES,
    SHORTEST_LIMIT,
    SYMBOLS,
    choose,
)
from pipeline.settings.changes import replace_settings
from pipeline.settings.configuration import Configuration


def facts(pairs: int, long: int = 12, sentences: bool = False) -> Facts:
    return Facts(pairs, target_length=9.0, long=long, copied=0.0, sentences=sentences)


def settings(found: Facts) -> Configuration:
    return replace_settings(Configuration(), {choice.key: choice.value for choice in choose(found)})


@pytest.mark.parametrize("sentences", [False, True])
@pytest.mark.parametrize("pairs", [1, 100, 1_000, 3_600, 10_000, 50_000, 1_000_000])
@pytest.mark.parametrize("long", [1, 70, 10_000])
def test_every_size_has_possible_settings(sentences: bool, pairs: int, long: int):
    configuration = settings(facts(pairs, long, sentences))
    assert SHORTEST_LIMIT <= configuration.data.max_length <= LONGEST_LIMIT


@pytest.mark.parametrize("table", [SYMBOLS, COPIED, COPIED_FORWARD, FORWARD, SENTENCES])
def test_rows_go_from_little_data_to_much(table: tuple):
    for less, more in pairwise(table):
        assert less.most < more.most
        assert less.values["model.dropout"] >= more.values["model.dropout"]
        assert less.seen <= more.seen
    assert table[-1].most == float("inf")


def test_what_is_mostly_copied_may_be_copied():
    copied = dataclasses.replace(facts(1_000), copied=0.8, forward=0.1)
    assert settings(copied).model.copy
    assert settings(copied).model.attention == "bahdanau"
    # A letter is no sound: where one side is cut otherwise, nothing of it is the other's.
    assert not settings(dataclasses.replace(copied, alike=False)).model.copy
    assert not settings(facts(1_000)).model.copy
    # Of many pairs more is learned without.
    assert not settings(dataclasses.replace(facts(10_000), copied=0.8)).model.copy
    found = {choice.key: choice.reason for choice in choose(copied)}
    assert found["model.copy"] == "1,000 pairs with 10,000 target symbols, 80% of which stand in their source"


@pytest.mark.parametrize(
    ("pairs", "forward", "distinct", "attention"),
    [
        (1_000, 0.7, 40, "monotonic"),
        (1_000, 0.3, 40, "bahdanau"),
        # Written backwards.
        (1_000, -0.7, 40, "bahdanau"),
        # More than the hard decoder takes, and than is quick.
        (1_000, 0.7, 2_000, "bahdanau"),
        (1_000, 0.7, 880, "bahdanau"),
        (5_000, 0.7, 40, "monotonic"),
        (10_000, 0.7, 40, "monotonic"),
        (100_000, 0.7, 400, "monotonic"),
        # Of many it would take too long.
        (100_000, 0.7, 450, "bahdanau"),
    ],
)
def test_targets_that_move_forward_have_attention_that_must(pairs: int, forward: float, distinct: int, attention: str):
    found = dataclasses.replace(facts(pairs), forward=forward, distinct=distinct)
    assert settings(found).model.attention == attention


@pytest.mark.parametrize(
    ("pairs", "forward", "long", "attention"),
    [
        (100, 0.3, 12, "monotonic"),
        (10_000, 0.3, 12, "monotonic"),
        # Written backwards; too many numbers of long strings; enough to learn it from.
        (10_000, -0.9, 12, "bahdanau"),
        (1_000, 0.7, 300, "bahdanau"),
        (100_000, 0.7, 12, "bahdanau"),
    ],
)
def test_what_is_copied_and_moves_forward_is_copied_from_where_it_is(
    pairs: int, forward: float, long: int, attention: str
):
    found = dataclasses.replace(facts(pairs, long), copied=0.8, forward=forward, distinct=40)
    assert settings(found).model.attention == attention
    assert settings(found).model.copy == (attention == "monotonic" or pairs < 10_000)


def test_reasons_name_what_was_counted():
    found = {choice.key: choice.reason for choice in choose(facts(3_600))}
    assert found["model.dropout"] == "3,600 pairs with 36,000 target symbols"
    assert "passes over the data" in found["train.epochs"]


def test_a_setting_is_chosen_once():
    for sentences in (False, True):
        keys = [choice.key for choice in choose(facts(3_600, 100, sentences))]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("dev", "smoothing"), [(None, 1), (100, 5), (200, 5), (450, 3), (1_001, 1)])
def test_of_few_dev_sources_several_epochs_decide(dev: int | None, smoothing: int):
    assert settings(dataclasses.replace(facts(3_600), dev=dev)).train.smoothing == smoothing
