"""Loops of ONNX graphs: what stays the same is computed once, and the outputs are as before."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from pipeline.portable.onnx_loops import move_invariants_out


def value(name: str, shape: list[int], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def make_loop(through_branch: bool = False) -> onnx.ModelProto:
    """Three turns of `state = state * 2 + weight ** 2`, where tf2onnx would hand the weight from turn to turn."""
    square = helper.make_node("Mul", ["weight_in", "weight_in"], ["square"])
    if through_branch:
        branches = {
            branch: helper.make_graph([helper.make_node(kind, inputs, [f"{branch}_out"])], branch, [], [out])
            for branch, kind, inputs, out in [
                ("then_branch", "Mul", ["weight_in", "weight_in"], value("then_branch_out", [2])),
                ("else_branch", "Identity", ["state_in"], value("else_branch_out", [2])),
            ]
        }
        square = helper.make_node("If", ["go_in"], ["square"], **branches)
    body = helper.make_graph(
        [
            square,
            helper.make_node("Mul", ["state_in", "two"], ["twice"]),
            helper.make_node("Add", ["twice", "square"], ["state_out"]),
            helper.make_node("Identity", ["go_in"], ["go_out"]),
        ],
        "body",
        [
            value("turn", [], TensorProto.INT64),
            value("go_in", [], TensorProto.BOOL),
            value("state_in", [2]),
            value("weight_in", [2]),
        ],
        [value("go_out", [], TensorProto.BOOL), value("state_out", [2]), value("weight_in", [2])],
        [numpy_helper.from_array(np.array([2, 2], np.float32), "two")],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Loop", ["turns", "", "start", "weight"], ["state", "weight_after"], body=body),
            helper.make_node("Add", ["state", "weight_after"], ["sum"]),
        ],
        "graph",
        [value("start", [2]), value("weight", [2])],
        [value("sum", [2]), value("weight_after", [2])],
        [numpy_helper.from_array(np.array(3, np.int64), "turns")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(model: onnx.ModelProto) -> list[float]:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    start, weight = np.array([1, 0], np.float32), np.array([2, 3], np.float32)
    found, same = session.run(None, {"start": start, "weight": weight})
    assert same.tolist() == weight.tolist()
    numbers: list[float] = found.tolist()
    return numbers


def body_of(model: onnx.ModelProto) -> onnx.GraphProto:
    [loop] = [node for node in model.graph.node if node.op_type == "Loop"]
    return loop.attribute[0].g


def test_what_stays_the_same_is_computed_once_around_the_loop():
    model = make_loop()
    assert answer(model) == [8 + 7 * 4 + 2, 7 * 9 + 3]
    move_invariants_out(model.graph)
    assert answer(model) == [8 + 7 * 4 + 2, 7 * 9 + 3]
    body = body_of(model)
    assert [node.op_type for node in body.node] == ["Mul", "Add", "Identity"]
    assert [node.output[0] for node in model.graph.node] == ["square", "state", "sum", "weight_after"]
    assert [given.name for given in body.input] == ["turn", "go_in", "state_in"]
    assert not body.initializer


def test_what_looks_at_a_turn_from_inside_a_branch_stays():
    model = make_loop(through_branch=True)
    assert answer(model) == [8 + 7 * 4 + 2, 7 * 9 + 3]
    move_invariants_out(model.graph)
    assert answer(model) == [8 + 7 * 4 + 2, 7 * 9 + 3]
    assert [node.op_type for node in body_of(model).node] == ["If", "Mul", "Add", "Identity"]


def test_a_second_time_changes_nothing():
    model = make_loop()
    move_invariants_out(model.graph)
    once = model.SerializeToString()
    move_invariants_out(model.graph)
    assert model.SerializeToString() == once
