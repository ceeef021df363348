"""The kinds of models that exports are tried with, several in one model where that can be."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks.export_loaders import KINDS, Kind

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
