"""The kinds of models that exports are tried with, several in one model where that can be."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.export_loaders import KINDS, Kind

Group = tuple[tuple[str, ...], ...]
"""One model: the kinds that it is, then those of further members of it. How it searches is the first one's."""

# Every kind of the table is in one of these: a model of each costs half a minute.
GROUPS: tuple[Group, ...] = (
    (("bahdanau", "restricted", "ensemble of twins"),),
    (("multi_head_bahdanau", "layer_norm_gru", "symbol_dropout", "bpe"),),
    (("monotonic", "several layers", "sides of their own"),),
    (("conditional_gru", "tied_embeddings", "shared_embeddings", "one table for all", "unigram"),),
    (("none", "wordpiece", "float64"),),
    (("coverage", "input_feeding", "space", "replace_unknown"),),
    (("ensemble", "sampling"), ("lstm",), ("luong_dot",), ("luong_general", "layer_norm_lstm")),
    (("copy, tied", "lexicon", "averaged", "greedy"),),
    (("copy", "copy, ensemble"), ("copy, monotonic",)),
)


def names_of(group: Group) -> list[str]:
    """The kinds of a group."""
    return [name for member in group for name in member]


def without(group: Group, left_out: Iterable[str]) -> Group:
    """A group without some of its kinds."""
    left_out = set(left_out)
    members = (tuple(name for name in member if name not in left_out) for member in group)
    return tuple(member for member in members if member)


def together(group: Group) -> Kind:
    """One kind of model that is all of a group."""
    first, *others = map(_joined, group)
    return dataclasses.replace(first, others=(*first.others, *(other.model for other in others)))


def _joined(names: Sequence[str]) -> Kind:
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
