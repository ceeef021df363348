"""Exports in a session of a process of its own, which is how TensorFlow Serving, C, Go and Java run them."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import c_answers
from benchmarks.export_loaders import KINDS, SIGNATURES, TOLERANCE, examine, make_batches, make_model
from pipeline.saved_models.export import save_string_model
from tests.export_kinds import GROUPS, together

COMPILER = shutil.which("gcc") is not None


def test_every_kind_is_in_a_group():
    assert sorted(name for group in GROUPS for name in group) == sorted(KINDS)
    assert len(KINDS) > 20


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
