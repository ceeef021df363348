"""Batches at the same time: in order, never far ahead, and without hiding what fails."""

import threading
import time

import pytest

from pipeline.prediction import side_by_side
from pipeline.prediction.side_by_side import batches_at_once, in_order, share_cores_by_batches

WAIT = 20.0


def test_results_come_in_the_order_of_the_items():
    def late(number: int) -> int:
        time.sleep(0.02 * (3 - number % 3))
        return -number

    assert list(in_order(late, range(9), 3)) == [(number, -number) for number in range(9)]


def test_the_first_is_computed_alone_and_by_the_caller():
    threads: list[threading.Thread] = []

    def note(number: int) -> int:
        threads.append(threading.current_thread())
        return number

    found = in_order(note, range(3), 2)
    assert next(found) == (0, 0)
    assert threads == [threading.current_thread()]
    assert [item for item, _ in found] == [1, 2]
    assert threading.current_thread() not in threads[1:]


def test_two_are_computed_at_the_same_time():
    both = threading.Barrier(2, timeout=WAIT)

    def meet(number: int) -> int:
        if number:
            both.wait()
        return number

    assert [item for item, _ in in_order(meet, range(3), 2)] == [0, 1, 2]


def test_no_more_is_begun_than_there_is_room_for():
    begun: list[int] = []
    found = in_order(lambda number: begun.append(number), range(100), 2)
    next(found)
    next(found)
    time.sleep(0.1)
    assert len(begun) <= 5
    found.close()
    time.sleep(0.1)
    assert len(begun) <= 5


def test_what_fails_is_told():
    def fail(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    with pytest.raises(ValueError, match="two"):
        list(in_order(fail, range(5), 2))


@pytest.mark.parametrize(
    ("cores", "environment", "threads", "at_once"),
    [
        (2, {}, "1", 2),
        (16, {}, "1", side_by_side.MOST),
        (1, {}, None, 1),
        (8, {"TF_NUM_INTRAOP_THREADS": "2"}, "2", side_by_side.MOST),
        (8, {"TF_NUM_INTEROP_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "8"}, "8", 1),
        (8, {"TF_NUM_INTEROP_THREADS": "3"}, None, 3),
        (2, {"TF_NUM_INTEROP_THREADS": "many"}, None, 2),
    ],
)
def test_threads_follow_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, cores: int, environment: dict[str, str], threads: str | None, at_once: int
):
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: cores)
    for name in ("TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # So that what is set in it goes with the test.
    monkeypatch.setattr(side_by_side.os, "environ", dict(side_by_side.os.environ))
    monkeypatch.delitem(side_by_side.sys.modules, "tensorflow", raising=False)
    share_cores_by_batches()
    assert side_by_side.os.environ.get("TF_NUM_INTRAOP_THREADS") == threads
    assert batches_at_once() == at_once


def test_nothing_is_set_that_only_other_processes_would_find(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 2)
    monkeypatch.setitem(side_by_side.sys.modules, "tensorflow", side_by_side)
    before = {name: value for name, value in side_by_side.os.environ.items() if name.startswith("TF_")}
    share_cores_by_batches()
    assert {name: value for name, value in side_by_side.os.environ.items() if name.startswith("TF_")} == before
