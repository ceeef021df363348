"""Signals are remembered and obeyed at a step's or an epoch's end."""

import os
import signal
import threading

import pytest

from pipeline.interruption import EndWhenAsked, Interrupted, Interruption


def test_the_first_is_remembered_the_second_ends_at_once(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interruption() as interruption:
        assert interruption.number is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.number == signal.SIGTERM
        assert "SIGTERM: saving, then ending (once more ends at once)" in caplog.text
        with pytest.raises(KeyboardInterrupt) as caught:
            os.kill(os.getpid(), signal.SIGINT)
    assert not isinstance(caught.value, Interrupted)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGINT)
            assert interruption.number is None
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_of_the_main_thread_nothing_is_touched():
    seen: list[object] = []

    def enter() -> None:
        with Interruption():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_where_all_is_saved(number: int, code: int):
    interruption = Interruption()
    part = EndWhenAsked(interruption, steps=5, first_step=2)
    part.on_train_batch_end(0)
    part.on_epoch_end(0)  # nobody asked
    interruption.number = number
    for batch in range(4):
        with pytest.raises(Interrupted) as caught:
            part.on_train_batch_end(batch)
        assert caught.value.exit_code == code
    part.on_train_batch_end(4)  # the epoch's end follows
    with pytest.raises(Interrupted):
        part.on_epoch_end(1)
    resumed = EndWhenAsked(interruption, steps=5, first_step=2)
    with pytest.raises(Interrupted):
        resumed.on_train_batch_end(1)
    resumed.on_train_batch_end(2)  # the fifth
