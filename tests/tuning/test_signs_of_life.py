"""Workers that vanish: their trials go to others, and nobody waits for them."""

import logging
import os
import time
from pathlib import Path

import pytest
from keras_tuner.engine.trial import Trial

from pipeline.tuning import signs_of_life as signs
from pipeline.tuning.oracles import ResumableOracle
from tests.tuning.test_oracles import open_oracle


@pytest.fixture
def oracle(tmp_path: Path) -> ResumableOracle:
    return open_oracle(tmp_path, "random", trials=3)


def end(oracle: ResumableOracle, trial: Trial, value: float = 1.0) -> None:
    oracle.update_trial(trial.trial_id, {"val_wer": value})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def test_a_lost_workers_trial_is_the_next_one(oracle: ResumableOracle):
    lost, other = oracle.create_trial("worker1"), oracle.create_trial("worker2")
    assert oracle.give_up("worker1") == lost.trial_id
    assert oracle.give_up("worker1") is None
    assert oracle.tuner_ids == {"worker2"}
    end(oracle, other)
    again = oracle.create_trial("worker2")
    assert again.trial_id == lost.trial_id
    end(oracle, again)
    # The lost one was slow after all: its figures are not counted twice.
    end(oracle, lost, 0.5)
    assert oracle.end_order == [other.trial_id, lost.trial_id]
    assert oracle.trials[lost.trial_id].score == 1.0
    end(oracle, oracle.create_trial("worker2"))
    assert oracle.create_trial("worker2").status == "STOPPED"
    assert not oracle.ongoing_trials
    assert not oracle.tuner_ids


def test_one_that_was_slow_ends_its_trial_before_another_gets_it(oracle: ResumableOracle):
    slow = oracle.create_trial("worker1")
    oracle.give_up("worker1")
    end(oracle, slow)
    assert oracle.end_order == [slow.trial_id]
    assert oracle.create_trial("worker1").trial_id != slow.trial_id


def test_silence_is_measured_by_the_disks_clock(
    oracle: ResumableOracle, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    trial = oracle.create_trial("worker1")
    oracle.create_trial("worker2")
    (tmp_path / signs.CHIEF).touch()
    (tmp_path / "worker1").touch()
    watch = signs._Watch(tmp_path, oracle)
    watch.look()
    assert oracle.tuner_ids == {"worker1", "worker2"}
    before = time.time() - signs.LOST_SECONDS - 5
    os.utime(tmp_path / "worker1", (before, before))
    with caplog.at_level(logging.WARNING):
        watch.look()
    assert f"worker1 has given no sign of life for 305 s: its trial {trial.trial_id} goes to another" in caplog.text
    # One that never gave any is known for as long as it is waited for.
    assert oracle.tuner_ids == {"worker2"}
    later = time.monotonic() + signs.LOST_SECONDS + 5
    monkeypatch.setattr(signs.time, "monotonic", lambda: later)
    watch.look()
    assert not oracle.tuner_ids


def test_signs_are_given_while_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(signs, "SIGN_SECONDS", 0.01)
    with signs.signs_of_life(tmp_path / "signs", "worker1"):
        os.utime(tmp_path / "signs" / "worker1", (0, 0))
        deadline = time.monotonic() + 10
        while (tmp_path / "signs" / "worker1").stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
