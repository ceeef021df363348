"""The steps and seconds of an epoch, over interruptions."""

from pipeline.epoch_clock import EpochClock


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
