"""Requests take turns, a string each."""

import threading

import pytest

from pipeline.serving.turns import AnswerTooLongError, Job, QueueFullError, Turns


def take(turns: Turns) -> str:
    turn = turns.take()
    assert turn
    job, place = turn
    return str(job.sources[place])


def test_a_long_request_delays_no_short_one():
    turns = Turns(2000)
    turns.add(Job([f"long {number}" for number in range(1000)]))
    assert take(turns) == "long 0"
    turns.add(Job(["b0", "b1"]))
    turns.add(Job(["c0"]))
    assert [take(turns) for _ in range(6)] == ["long 1", "b0", "c0", "long 2", "b1", "long 3"]
    assert turns.waiting == 996


def test_the_last_answer_ends_a_request_once():
    ended: list[Job] = []
    turns, job = Turns(10), Job(["a", "b"], done=ended.append)
    turns.add(job)
    for place in (1, 0):
        turns.take()
        assert not ended
        turns.answer(job, place, b"%d" % place)
    assert (ended, job.answers, job.error) == ([job], [b"0", b"1"], None)
    turns.fail(job, 0, ValueError())
    assert ended == [job]


def test_no_strings_are_answered_at_once():
    ended: list[Job] = []
    Turns(0).add(Job([], done=ended.append))
    assert len(ended) == 1


def test_a_full_queue_takes_no_more_and_is_as_before():
    turns = Turns(3)
    turns.add(Job(["a", "b"]))
    with pytest.raises(QueueFullError):
        turns.add(Job(["c", "d"]))
    turns.add(Job(["e"]))
    assert [take(turns) for _ in range(3)] == ["a", "e", "b"]


def test_what_was_dropped_or_failed_is_not_taken():
    ended: list[Job] = []
    turns = Turns(10)
    dropped, failed, other = (Job([name] * 3, done=ended.append) for name in ("dropped", "failed", "other"))
    for job in (dropped, failed, other):
        turns.add(job)
    assert [take(turns) for _ in range(3)] == ["dropped", "failed", "other"]
    turns.drop(dropped)
    turns.fail(failed, 2, ValueError("no"))
    turns.answer(dropped, 0, b"late")
    assert (ended, failed.failed_at, str(failed.error)) == ([failed], 2, "no")
    assert (turns.waiting, [take(turns) for _ in range(2)]) == (2, ["other", "other"])


def test_answers_are_bounded():
    turns, job = Turns(10), Job(["a", "b", "c"], most_bytes=5)
    turns.add(job)
    turns.take()
    turns.answer(job, 0, b"123")
    turns.take()
    turns.answer(job, 1, b"456")
    assert (type(job.error), job.failed_at, turns.waiting) == (AnswerTooLongError, 1, 0)


def test_the_end_fails_what_waits_and_lets_threads_go():
    turns = Turns(10)
    ended: list[Job] = []
    job = Job(["a", "b"], done=ended.append)
    turns.add(job)
    turns.take()
    turns.close(RuntimeError("the end"))
    assert (ended, str(job.error), turns.take(), turns.waiting) == ([job], "the end", None, 0)
    with pytest.raises(QueueFullError):
        turns.add(Job(["c"]))
    waiting = Turns(1)
    thread = threading.Thread(target=waiting.take)
    thread.start()
    waiting.close(RuntimeError())
    thread.join(10)
    assert not thread.is_alive()
