"""The account of a training step: who had which moment, and which products it is made of."""

import dataclasses
from pathlib import Path

import pytest

from benchmarks.sizes import SIZES, random_batch, training_work
from benchmarks.step_account import draw
from benchmarks.step_products import products
from benchmarks.step_profile import KINDS, Event, account, kind_of, middle

MODULES = [f"{name}_{number}" for number, name in enumerate("abcdefg")]


def event(start: float, own: float, name: str, module: str = "") -> Event:
    return Event(start, start + own, own, name, module)


@pytest.mark.parametrize(
    ("name", "module", "kind"),
    [
        ("MatMul.3", "a", "products"),
        ("bitcast_dot_fusion", "a", "products"),
        ("while/x:_MklNativeFusedMatMul", "", "products"),
        ("add_tanh_fusion", "a", "element-wise"),
        ("bitcast_transpose_fusion", "a", "copies"),
        ("decoder/dropout_1/Mul:Mul", "", "masks"),
        ("decoder/AddV2:AddV2", "", "element-wise"),
        ("while.3", "a", "between"),
        ("ExecutorState::Process", "", "between"),
    ],
)
def test_kinds(name: str, module: str, kind: str):
    assert kind_of(event(0, 1, name, module)) == kind


def test_every_moment_is_counted_once():
    events = [event(number, 0.5, "MatMul.1", module) for number, module in enumerate(MODULES)]
    events += [
        event(0, 8, "KernelAndDeviceFunc::Run"),
        event(7.5, 0.5, "Adam/Mul:Mul"),
        event(3.5, 0.1, "while.1", "c_2"),
    ]
    found = account(events)
    assert found["encoder forward"]["products"] == found["optimizer"]["products"] == 0.5
    assert found["loss"]["products"] == 1.0  # forward and backward
    assert found["the rest"] == {**dict.fromkeys(KINDS, 0.0), "element-wise": 0.5, "between": 4.0}
    assert sum(sum(kinds.values()) for kinds in found.values()) == 8


def test_the_middle_of_several_steps():
    one, two, three = ({"loss": dict.fromkeys(KINDS, value)} for value in (1.0, 7.0, 2.0))
    assert middle([one, two, three]) == {"loss": dict.fromkeys(KINDS, 2.0)}


@pytest.mark.parametrize("name", SIZES)
def test_products_are_the_work_of_a_step(name: str):
    size, batch = SIZES[name], random_batch(SIZES[name])
    work = training_work(size, batch.source_lengths, batch.target_lengths)
    # The loops project the memory once a source, not once a target symbol: as long as both are, it is the same work;
    # attention's two sums over the source are no products here.
    assert 0.97 * work < sum(product.work for product in products(size)) <= work


def test_a_longer_target_has_more_products_of_the_decoder():
    size = dataclasses.replace(SIZES["small"], target_length=30)
    states = {product.name: product for product in products(size)}
    assert (states["encoder state"].times, states["decoder state"].times) == (20, 30)
    assert states["decoder state, kernel"].inner == 30 * size.batch


def test_the_picture(tmp_path: Path):
    parts = {"loss": dict.fromkeys(KINDS, 1.0), "the rest": dict.fromkeys(KINDS, 2.0)}
    draw({"small": {"ms_per_step": 15.0, "account": parts}}, str(tmp_path / "step.png"))
    assert (tmp_path / "step.png").read_bytes().startswith(b"\x89PNG")
