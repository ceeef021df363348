import signal

import pytest

from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.process.interruption import Interrupted, Interruption
from pipeline.training.ending import EndWhenAsked


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("first_step", [0, 2])
def test_it_ends_where_all_is_saved(number: int, code: int, first_step: int):
    interruption, clock = Interruption(), EpochClock(5, first_step)
    part = EndWhenAsked(interruption, clock)
    clock.on_epoch_begin(1)
    clock.on_train_batch_end(0)
    part.on_train_batch_end(0)
    part.on_epoch_end(0)  # nobody asked
    interruption.number = number
    while clock.step < 4:
        clock.on_train_batch_end(0)
        with pytest.raises(Interrupted) as caught:
            part.on_train_batch_end(0)
        assert caught.value.exit_code == code
    clock.on_train_batch_end(0)
    part.on_train_batch_end(0)  # the epoch's end follows
    with pytest.raises(Interrupted):
        part.on_epoch_end(1)
