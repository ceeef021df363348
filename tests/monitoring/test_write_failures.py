"""A disk that takes nothing more: the training ends or goes on, and says what is saved."""

import errno

import pytest

from pipeline.errors import TrainingError
from pipeline.monitoring.write_failures import WriteFailures

FULL = OSError(errno.ENOSPC, "No space left on device", "runs/a/checkpoints")


def test_it_ends_with_what_to_do():
    failures = WriteFailures(False, lambda: "checkpoint epoch-0003")
    with pytest.raises(TrainingError) as caught, failures.watch("the checkpoint"):
        raise FULL
    assert str(caught.value).startswith(
        "runs/a/checkpoints: the checkpoint cannot be written (No space left on device); saved: checkpoint epoch-0003. "
        "Make room and give the same command again"
    )


def test_it_goes_on(caplog: pytest.LogCaptureFixture):
    failures = WriteFailures(True, lambda: "checkpoint epoch-0003")
    with failures.watch("the figures"):
        raise OSError("odd")
    assert "the figures cannot be written (odd); saved: checkpoint epoch-0003. Training goes on" in caplog.text


@pytest.mark.parametrize("go_on", [False, True])
def test_other_errors_are_not_its_business(go_on: bool, caplog: pytest.LogCaptureFixture):
    with pytest.raises(ValueError, match="mine"), WriteFailures(go_on, str).watch("it"):
        raise ValueError("mine")
    assert not caplog.records
