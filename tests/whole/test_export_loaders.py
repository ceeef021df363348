"""Exports in a session of a process of its own, which is how TensorFlow Serving, C, Go and Java run them."""

import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import c_answers
from benchmarks.export_loaders import KINDS, SIGNATURES, TOLERANCE, Kind, examine, make_batches, make_model
from pipeline.saved_models.export import save_string_model

COMPILER = shutil.which("gcc") is not None
TOGETHER = {
    # With a library of its own, and a dictionary.
    "usual": Kind({}, "bpe", {"replace_unknown": True}, dictionary={"zebra": "Z"}),
    # Much of the table in one.
    "several": Kind(
        {"cell": "conditional_gru", "tied_embeddings": True, "shared_embeddings": True},
        "wordpiece",
        {"method": "sample"},
        others=({"attention": "luong_general", "cell": "layer_norm_lstm"},),
        averaged=True,
        lexicon={"cat": ["C A T", "KAT"], "a dog": ["D"]},
    ),
}

# Every kind of the table is in one of these: a model of each costs half a minute.
GROUPS = (
    ("bahdanau", "restricted", "symbol_dropout"),
    ("multi_head_bahdanau", "layer_norm_gru", "bpe"),
    ("luong_dot", "lstm", "unigram"),
    ("luong_general", "layer_norm_lstm", "float64"),
    ("monotonic", "several layers", "sides of their own"),
    ("none", "wordpiece"),
    ("conditional_gru", "tied_embeddings", "shared_embeddings", "one table for all"),
    ("coverage", "input_feeding", "space", "replace_unknown"),
    ("copy", "sampling"),
    ("copy, tied", "averaged", "greedy"),
    ("copy, monotonic",),
    ("copy, ensemble",),
    ("ensemble",),
    ("ensemble of twins",),
    ("lexicon",),
)


def together(names: tuple[str, ...]) -> Kind:
    """One kind of model that is all of these; what they set must not differ."""
    kinds, joined = [KINDS[name] for name in names], {}
    for field in dataclasses.fields(Kind):
        values = [getattr(kind, field.name) for kind in kinds]
        given = [value for value in values if value != getattr(Kind(), field.name)]
        if given and isinstance(given[0], dict):
            merged: dict[str, Any] = {}
            for part in given:
                assert all(merged.get(key, value) == value for key, value in part.items()), names
                merged |= part
            given = [merged]
        assert all(value == given[0] for value in given), names
        joined[field.name] = given[0] if given else getattr(Kind(), field.name)
    return Kind(**joined)


def test_every_kind_is_in_a_group():
    assert sorted(name for group in GROUPS for name in group) == sorted(KINDS)
    assert len(KINDS) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["usual", "several"])
def test_every_signature_answers_alike(name: str):
    try:
        found = examine({name: TOGETHER[name]}, make_batches()[1:3], fast=True)[name]
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    assert set(found) == set(SIGNATURES)
    assert max(found.values()) <= TOLERANCE, found


@pytest.mark.slow
@pytest.mark.parametrize("groups", [GROUPS[part::3] for part in range(3)], ids=["first", "second", "third"])
def test_every_kind_answers_alike_in_c_too(groups: tuple[tuple[str, ...], ...]):
    """Through the interface that Go, Java and Rust have, too, with those libraries alone that the export names."""
    kinds = {" and ".join(names): together(names) for names in groups}
    try:
        found = examine(kinds, make_batches()[1:3], fast=True, in_c=COMPILER)
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    assert len(found) == len(groups)
    assert all(len(row) == len(SIGNATURES) + COMPILER for row in found.values())
    assert not {name: row for name, row in found.items() if max(row.values()) > TOLERANCE}


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER, reason="there is no compiler")
def test_every_library_that_an_export_names_is_needed(tmp_path: Path):
    model, export = make_model(KINDS["wordpiece"], tmp_path), tmp_path / "export"
    save_string_model(model, export, {})
    program, libraries = c_answers.compile_program(tmp_path), c_answers.libraries_named(export)
    assert len(libraries) == 2
    given = {"source": "the cat", "prefix": "a", "target": "a dog", "target_tokens": "a"}
    for left_out in libraries:
        fewer = [library for library in libraries if library != left_out]
        with pytest.raises(subprocess.CalledProcessError) as failed:
            c_answers.answer(program, export, given, fewer)
        assert failed.value.returncode == 1
        assert "Op type not registered" in failed.value.stderr


def test_what_the_program_prints_is_compared():
    assert c_answers.difference("é\\".encode(), r"\xc3\xa9\x5c") == 0
    assert c_answers.difference(b"a", "b") == c_answers.difference(True, "0") == c_answers.difference(3, "2") == np.inf
    assert c_answers.difference(-np.inf, "-inf") == c_answers.difference(True, "1") == 0
    assert c_answers.difference(0.5, "0.25") == 0.25
