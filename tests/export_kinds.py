"""The kinds of models that exports are tried with, several in one model where that can be."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks.export_loaders import KINDS, Kind

# Every kind of the table is in one of these: a model of each costs half a minute.
GROUPS = (
    ("bahdanau", "restricted", "ensemble of twins"),
    ("multi_head_bahdanau", "layer_norm_gru", "symbol_dropout", "bpe"),
    ("luong_dot", "lstm", "unigram"),
    ("luong_general", "layer_norm_lstm", "sampling"),
    ("monotonic", "several layers", "sides of their own"),
    ("none", "wordpiece", "float64"),
    ("conditional_gru", "tied_embeddings", "shared_embeddings", "one table for all"),
    ("coverage", "input_feeding", "space", "replace_unknown"),
    ("copy", "copy, monotonic"),
    ("copy, tied", "lexicon", "averaged", "greedy"),
    ("copy, ensemble",),
    ("ensemble",),
)


def together(names: Sequence[str]) -> Kind:
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
