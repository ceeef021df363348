"""Who had the time of a training step, by TensorFlow's profiler: of a process with one thread, so that each moment has
one owner."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

KINDS = {
    "products": "matrix products",
    "element-wise": "element-wise work and sums",
    "copies": "copies and transposes",
    "masks": "random numbers of dropout",
    "between": "between operations: hand-overs, loops, Python",
}
MASK_SIGNS, COPY_SIGNS = ("random", "dropout"), ("transpose", "copy", "concat", "slice", "gather", "pad", "split")
STAGES = ("encoder forward", "decoder forward", "loss", "decoder backward", "encoder backward", "optimizer", "the rest")
ORDER = (0, 1, 2, 2, 3, 4, 5)
"""The stages of XLA's functions, in the order in which a step runs them: the loss has one for each direction."""
WAITS = ("KernelAndDeviceFunc::Run", "BlockUntilReady", "multi_step_on_iterator", "TFE_Py", "Eager", "Await")


class Event(NamedTuple):
    """Something that ran: milliseconds since the profile began, and of it the part that was in nothing within."""

    start: float
    end: float
    own: float
    name: str
    module: str
    """Of XLA's compiled functions; '' of the graph's operations and what drives them."""


def profile(run: Callable[[int], object], steps: int) -> list[list[Event]]:
    """The events of each of some steps, in order of time."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    run(3)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        run(steps)
        tf.profiler.experimental.stop()
        (path,) = Path(folder).glob("plugins/profile/*/*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    events = [event for plane in space.planes if "CPU" in plane.name for event in _events(plane)]
    turns = sorted((event.start, event.end) for event in events if event.name.startswith("multi_step_on_iterator"))
    if len(turns) != steps:
        raise RuntimeError(f"{len(turns)} steps in the profile of {steps}")
    return [sorted(event for event in events if start <= event.start < end) for start, end in turns]


def _events(plane: Any) -> Iterator[Event]:
    """What ran on the host's threads."""
    stats = {number: stat.name for number, stat in plane.stat_metadata.items()}
    for line in plane.lines:
        within: list[list[Any]] = []
        found = sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps))
        for event in found:
            start, length = line.timestamp_ns / 1e6 + event.offset_ps / 1e9, event.duration_ps / 1e9
            while within and within[-1][0] + within[-1][1] <= start + 1e-9:
                yield _made(*within.pop())
            if within:
                within[-1][2] -= length
            told = {stats[stat.metadata_id]: stat for stat in event.stats}
            module = stats.get(told["hlo_module"].ref_value, "") if "hlo_module" in told else ""
            within.append([start, length, length, plane.event_metadata[event.metadata_id].name, module])
        while within:
            yield _made(*within.pop())


def _made(start: float, length: float, own: float, name: str, module: str) -> Event:
    return Event(start, start + length, max(0.0, own), name, module)


def kind_of(event: Event) -> str:
    """The row of `KINDS` that an event's own time belongs to."""
    operation = event.name.rsplit(":", 1)[-1] if not event.module else event.name
    where, what = event.name.lower(), operation.lower()
    if any(sign in where for sign in MASK_SIGNS) and not event.module:
        return "masks"
    if "matmul" in what or "dot" in what:
        return "products"
    if not event.module and ":" not in event.name.replace("::", ""):
        return "between"
    if event.module and what.startswith(("while", "call", "tuple", "conditional")):
        return "between"
    return "copies" if any(sign in what for sign in COPY_SIGNS) else "element-wise"


def stage_of(event: Event, modules: Sequence[str]) -> str:
    """The row of `STAGES`; modules are XLA's functions in the order in which a step runs them."""
    if event.module:
        return STAGES[ORDER[modules.index(event.module)]] if len(modules) == len(ORDER) else event.module
    return STAGES[-1]


def account(events: Sequence[Event]) -> dict[str, dict[str, float]]:
    """Milliseconds of a step by stage and kind; what no operation took is `between`."""
    began, ended = min(event.start for event in events), max(event.end for event in events)
    modules = list(dict.fromkeys(event.module for event in events if event.module))
    found: dict[str, dict[str, float]] = {}
    for event in events:
        if not event.name.startswith(WAITS) and kind_of(event) != "between":
            kinds = found.setdefault(stage_of(event, modules), dict.fromkeys(KINDS, 0.0))
            kinds[kind_of(event)] += event.own
    worked = sum(sum(kinds.values()) for kinds in found.values())
    found.setdefault(STAGES[-1], dict.fromkeys(KINDS, 0.0))["between"] = max(0.0, ended - began - worked)
    return found


def middle(accounts: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The median of several steps, part by part."""
    stages = dict.fromkeys(stage for one in accounts for stage in one)
    return {
        stage: {kind: float(np.median([one.get(stage, {}).get(kind, 0.0) for one in accounts])) for kind in KINDS}
        for stage in stages
    }
