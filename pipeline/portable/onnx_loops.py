"""What stays the same in a loop of an ONNX graph leaves it: ONNX Runtime computes it anew at every turn otherwise.

tf2onnx hands weights and the like from turn to turn as if they changed. Once the body reads them from the graph around
it, ONNX Runtime can also order weights for its products, and fold what is made of them, when it opens the file.
"""

from collections.abc import Iterable, Iterator
from typing import Any


def move_invariants_out(graph: Any) -> None:
    """Move what depends on nothing of a turn from the body of each loop to the graph around it, in place.

    Args:
        graph: A `GraphProto`. A name means one tensor in the whole of it, as tf2onnx makes them.
    """
    nodes = list(graph.node)
    del graph.node[:]
    same: dict[str, str] = {}
    for node in nodes:
        _rename(node, same)
        for body in _bodies(node):
            move_invariants_out(body)
            if node.op_type == "Loop":
                graph.initializer.extend(body.initializer)
                _keep(body.initializer, [])
                same |= _read_from_around(node, body)
                graph.node.extend(_take_invariants(body))
        graph.node.append(node)
    for output in graph.output:
        if output.name in same:
            graph.node.add(op_type="Identity", input=[same[output.name]], output=[output.name])


def _bodies(node: Any) -> list[Any]:
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def _read_from_around(loop: Any, body: Any) -> dict[str, str]:
    """Let the body read what it only hands on from around it; returns the names of that after the loop and before."""
    given, handed = list(body.input), list(body.output)  # after the turn's number; both begin with the condition
    before, after = list(loop.input[2:]), list(loop.output)
    fixed = [place for place in range(len(before)) if given[2 + place].name == handed[1 + place].name]
    inside = {given[2 + place].name: before[place] for place in fixed}
    for node in body.node:
        _rename(node, inside)
    _keep(body.input, _without(given, fixed, 2))
    _keep(body.output, _without(handed, fixed, 1))
    _keep(loop.input, [*loop.input[:2], *_without(before, fixed)])
    _keep(loop.output, _without(after, fixed))
    return {after[place]: before[place] for place in fixed}


def _without(parts: list[Any], places: list[int], offset: int = 0) -> list[Any]:
    return [part for place, part in enumerate(parts) if place - offset not in places]


def _keep(field: Any, parts: Iterable[Any]) -> None:
    kept = list(parts)
    del field[:]
    field.extend(kept)


def _rename(node: Any, names: dict[str, str]) -> None:
    """Give what a node takes, also inside of it, other names."""
    node.input[:] = [names.get(name, name) for name in node.input]
    for body in _bodies(node):
        for inner in body.node:
            _rename(inner, names)


def _take_invariants(body: Any) -> list[Any]:
    """Remove and return the nodes, in their order; what makes an output of the body stays."""
    outputs, varying = {output.name for output in body.output}, {given.name for given in body.input}
    moved, kept = [], []
    for node in body.node:
        if varying.isdisjoint(_read_by(node)) and outputs.isdisjoint(node.output):
            moved.append(node)
        else:
            varying.update(node.output)
            kept.append(node)
    _keep(body.node, kept)
    return moved


def _read_by(node: Any) -> Iterator[str]:
    """The names of what a node takes, also inside of it."""
    yield from node.input
    for body in _bodies(node):
        for inner in body.node:
            yield from _read_by(inner)
