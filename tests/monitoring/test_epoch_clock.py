"""The steps and seconds of an epoch, over interruptions."""

import pytest

from pipeline.monitoring.epoch_clock import EpochClock, TimeLeft


def test_the_clock_goes_on_where_an_epoch_was_left():
    clock = EpochClock(steps=10, first_step=4, seconds=100.0)
    clock.on_epoch_begin(2)
    assert (clock.epoch, clock.step, clock.all_steps) == (2, 4, 24)
    clock.on_train_batch_end(0)
    assert (clock.step, clock.all_steps) == (5, 25)
    assert 100 < clock.trained < 101
    clock.on_epoch_begin(3)
    assert (clock.step, clock.all_steps) == (0, 30)
    assert clock.seconds < 1


def test_the_time_left_does_not_count_compiling():
    left = TimeLeft(shapes=3)
    for seconds in (30.0, 20.0, 0.5, 0.4):
        left.add_step(seconds)
        assert left.of(steps=100, epochs=2) is None
    for seconds in (0.6, 25.0, 0.5, 0.5, 0.5):  # the third shape comes late
        left.add_step(seconds)
    assert left.of(steps=100, epochs=2) == pytest.approx(50)
    # What comes after an epoch compiles the first time.
    left.add_epoch(40.0)
    assert left.of(steps=10, epochs=2) == pytest.approx(85)
    left.add_epoch(2.0)
    assert left.of(steps=10, epochs=2) == pytest.approx(9)


def test_the_time_left_follows_what_is_slow_throughout():
    left = TimeLeft(shapes=1)
    for _ in range(20):
        left.add_step(0.5)
        left.add_step(1.5)
    assert left.of(steps=39, epochs=0) == pytest.approx(38.5)  # one of the slow ones may have compiled
