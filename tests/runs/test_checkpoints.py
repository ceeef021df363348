"""Checkpoints: which stay, which is used, and that none is ever a half."""

import errno
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.runs.checkpoints import MANIFEST, VARIABLES, Checkpoints, TrainingState


def save(checkpoints: Checkpoints, **state: object) -> None:
    checkpoints.save(TrainingState(**state), lambda path: path.write_text(f"weights {state}"))  # type: ignore[arg-type]


def names(checkpoints: Checkpoints) -> list[str]:
    return sorted(path.name for path in checkpoints.directory.iterdir())


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints")


def test_no_checkpoint_yet(checkpoints: Checkpoints):
    assert (checkpoints.latest(), checkpoints.best()) == (None, None)


def test_state_round_trip(checkpoints: Checkpoints):
    state = TrainingState(
        epoch=3,
        step=17,
        seconds=1.25,
        best_epoch=2,
        best_value=12.5,
        best_second=1 / 3,
        best_loss=0.75,
        perfect=1,
        averaged=True,
        rollbacks=1,
        rate_scale=0.5,
        losses=(0.1, 1 / 7),
        has_learnt=True,
    )
    checkpoints.save(state, lambda path: path.write_text("w"))
    found = checkpoints.latest()
    assert found == (state, checkpoints.directory / "epoch-0003-step-0000017" / "variables.safetensors")
    assert found[1].read_text() == "w"
    save(checkpoints, epoch=4)
    assert checkpoints.latest()[0] == TrainingState(4)
    assert checkpoints.latest()[0].best_value == float("inf")


def test_the_newest_two_and_the_best_stay(checkpoints: Checkpoints):
    best = {1: 1, 2: 2, 3: 2, 4: 2, 5: 5, 6: 5}
    kept = []
    for epoch, best_epoch in best.items():
        save(checkpoints, epoch=epoch, best_epoch=best_epoch, best_value=1.0)
        kept.append([int(name[-4:]) for name in names(checkpoints)])
        assert checkpoints.latest()[0].epoch == epoch
        assert checkpoints.best()[0].epoch == best_epoch
    assert kept == [[1], [1, 2], [2, 3], [2, 3, 4], [4, 5], [5, 6]]


def test_an_interrupted_epoch_comes_between(checkpoints: Checkpoints):
    save(checkpoints, epoch=2, best_epoch=1)
    save(checkpoints, epoch=2, step=5, best_epoch=1)
    assert (checkpoints.latest()[0].epoch, checkpoints.latest()[0].step) == (2, 5)
    save(checkpoints, epoch=2, step=11, best_epoch=1)
    assert checkpoints.latest()[0].step == 11
    save(checkpoints, epoch=3, best_epoch=1)
    assert checkpoints.latest()[0].epoch == 3
    assert names(checkpoints) == ["epoch-0002", "epoch-0002-step-0000011", "epoch-0003"]
    save(checkpoints, epoch=4, best_epoch=1)
    assert names(checkpoints) == ["epoch-0003", "epoch-0004"]


def test_more_may_stay(tmp_path: Path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3)
    for epoch in range(1, 7):
        save(checkpoints, epoch=epoch, best_epoch=min(epoch, 2))
    assert names(checkpoints) == [f"epoch-000{epoch}" for epoch in (2, 4, 5, 6)]
    save(checkpoints, epoch=6, step=9, best_epoch=2)
    assert names(checkpoints)[1:] == ["epoch-0004", "epoch-0005", "epoch-0006", "epoch-0006-step-0000009"]


def test_the_last_epochs(checkpoints: Checkpoints):
    for state in ({"epoch": 1}, {"epoch": 2}, {"epoch": 3}, {"epoch": 3, "step": 7}):
        save(checkpoints, **state, best_epoch=1)

    def last(count: int) -> list[str]:
        assert {path.name for path in checkpoints.last_epochs(count)} == {"variables.safetensors"}
        return [path.parent.name for path in checkpoints.last_epochs(count)]

    assert (last(1), last(2)) == (["epoch-0003"], ["epoch-0002", "epoch-0003"])
    assert last(3) == ["epoch-0001", "epoch-0002", "epoch-0003"]
    save(checkpoints, epoch=4, best_epoch=1)
    # The best is not of the epoch before them.
    assert names(checkpoints) == ["epoch-0001", "epoch-0003", "epoch-0003-step-0000007", "epoch-0004"]
    message = "--average 3: .* has checkpoints of the last 2 epochs; .* a larger --train.keep_checkpoints"
    with pytest.raises(UsageError, match=message):
        checkpoints.last_epochs(3)
    with pytest.raises(UsageError, match="--average 0: impossible"):
        checkpoints.last_epochs(0)


def test_saving_again_replaces(checkpoints: Checkpoints):
    save(checkpoints, epoch=1, best_value=3.0)
    save(checkpoints, epoch=1, best_value=2.0)
    assert checkpoints.latest()[0].best_value == 2.0
    assert names(checkpoints) == ["epoch-0001"]


def test_a_failed_save_leaves_what_was_there(checkpoints: Checkpoints):
    save(checkpoints, epoch=1)

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    for epoch in (1, 2):
        with pytest.raises(OSError, match="No space"):
            checkpoints.save(TrainingState(epoch), fail)
        assert names(checkpoints) == ["epoch-0001"]
        assert "weights" in checkpoints.latest()[1].read_text()


def test_an_unfinished_checkpoint_is_none(checkpoints: Checkpoints):
    save(checkpoints, epoch=1)
    shutil.copytree(checkpoints.directory / "epoch-0001", checkpoints.directory / "unfinished-epoch-0002")
    (checkpoints.directory / "epoch-0003").mkdir()
    (checkpoints.directory / "epoch-0003" / "variables.safetensors").write_text("without state")
    assert checkpoints.latest()[0].epoch == 1
    save(checkpoints, epoch=2)
    assert "unfinished-epoch-0002" not in names(checkpoints)


def spoil(path: Path, at: int) -> None:
    """Turn one bit round."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", [MANIFEST, VARIABLES])
def test_every_bit_counts(checkpoints: Checkpoints, file: str, caplog: pytest.LogCaptureFixture):
    save(checkpoints, epoch=1)
    save(checkpoints, epoch=2)
    path = checkpoints.directory / "epoch-0002" / file
    whole = path.read_bytes()
    for at in range(len(whole)):
        spoil(path, at)
        caplog.clear()
        found = checkpoints.latest()
        if found[0].epoch == 2:
            # White space between the manifest's words, or a digit that a float does not need.
            assert file == MANIFEST
            assert found[0] == TrainingState(2)
        else:
            assert found[0].epoch == 1
            assert f"{path.parent}: damaged checkpoint (" in caplog.text
            assert "it is not used" in caplog.text
        path.write_bytes(whole)
    assert checkpoints.latest()[0].epoch == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", '{"state": {"epoch": 1}}', b"\xff", None])
def test_a_damaged_manifest(checkpoints: Checkpoints, content: str | bytes | None, caplog: pytest.LogCaptureFixture):
    save(checkpoints, epoch=1)
    assert checkpoints.exist()
    path = checkpoints.directory / "epoch-0001"
    (path / MANIFEST).unlink()
    if content is not None:
        (path / MANIFEST).write_bytes(content.encode() if isinstance(content, str) else content)
    assert checkpoints.latest() is None
    assert (f"{path}: damaged checkpoint" in caplog.text) is (content is not None)


def test_what_the_next_step_is_not_known_from_is_damaged(checkpoints: Checkpoints):
    """A manifest of another version, with fields that this one does not know."""
    save(checkpoints, epoch=1)
    path = checkpoints.directory / "epoch-0001" / MANIFEST
    manifest = json.loads(path.read_text())
    described = {"state": {**manifest["state"], "news": 1}, "sha256": manifest["sha256"]}
    checksum = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({**described, "manifest_sha256": checksum}))
    assert checkpoints.latest() is None


def test_a_damaged_best_one(checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture):
    for epoch in (1, 2, 3):
        save(checkpoints, epoch=epoch, best_epoch=1, best_value=0.5)
    spoil(checkpoints.directory / "epoch-0001" / VARIABLES, 0)
    assert checkpoints.best()[0].epoch == 3
    assert "the best checkpoint is gone or damaged, the newest is used" in caplog.text


def test_what_is_saved_behind_damaged_ones_stays(checkpoints: Checkpoints):
    for state in ({"epoch": 1}, {"epoch": 2}, {"epoch": 2, "step": 100}, {"epoch": 2, "step": 200}):
        save(checkpoints, **state, best_epoch=1)
    for step in (100, 200):
        spoil(checkpoints.directory / f"epoch-0002-step-0000{step}" / VARIABLES, 0)
    assert checkpoints.latest()[0].name == "epoch-0002"
    save(checkpoints, epoch=2, step=50, best_epoch=1)
    assert names(checkpoints) == ["epoch-0001", "epoch-0002", "epoch-0002-step-0000050"]
    assert checkpoints.latest()[0].step == 50


def test_the_newest_at_an_epochs_end(checkpoints: Checkpoints):
    assert checkpoints.latest_epoch() is None
    for state in ({"epoch": 1}, {"epoch": 2}, {"epoch": 2, "step": 100}):
        save(checkpoints, **state)
    found = checkpoints.latest_epoch()
    assert found[0].epoch == 2
    assert checkpoints.latest_epoch(before=found[0])[0].epoch == 1
    assert checkpoints.latest_epoch(before=TrainingState(1)) is None
    spoil(checkpoints.directory / "epoch-0002" / VARIABLES, 0)
    assert checkpoints.latest_epoch()[0].epoch == 1


def test_other_directories_are_none_of_its_business(checkpoints: Checkpoints):
    for epoch in (1, 2):
        save(checkpoints, epoch=epoch)
    for name in ("epoch-0001.bak", "epoch-0001-backup", "epoch-x"):
        shutil.copytree(checkpoints.directory / "epoch-0001", checkpoints.directory / name)
    for epoch in (3, 4):
        save(checkpoints, epoch=epoch)
    kept = ["epoch-0001-backup", "epoch-0001.bak", "epoch-0003", "epoch-0004", "epoch-x"]
    assert names(checkpoints) == kept


def test_the_mean_is_not_taken_of_damaged_ones(checkpoints: Checkpoints):
    for epoch in (1, 2, 3):
        save(checkpoints, epoch=epoch, best_epoch=1)
    spoil(checkpoints.directory / "epoch-0002" / VARIABLES, 0)
    assert len(checkpoints.last_epochs(1)) == 1
    with pytest.raises(UsageError, match="has checkpoints of the last 1 epochs"):
        checkpoints.last_epochs(2)


class Killed(BaseException):
    """Nothing is done after it, as after SIGKILL."""


def test_killed_at_any_moment_there_is_a_whole_one(tmp_path: Path):
    """At every call that changes the disk, before it and after it."""
    names = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")

    def counting(until: int) -> tuple[pytest.MonkeyPatch, list[int]]:
        calls = [0]
        patch = pytest.MonkeyPatch()

        def stop(call: Callable[..., Any]) -> Callable[..., Any]:
            def stopped(*arguments: Any, **options: Any) -> Any:
                calls[0] += 1
                if calls[0] > until:
                    raise Killed
                return call(*arguments, **options)

            return stopped

        for name in names:
            patch.setattr(os, name, stop(getattr(os, name)))
        return patch, calls

    steps = [{"epoch": 1}, {"epoch": 1, "step": 5}, {"epoch": 2}, {"epoch": 3, "best_epoch": 2}]
    reached = 0
    for until in itertools.count():
        checkpoints = Checkpoints(tmp_path / f"{until}" / "checkpoints")
        (tmp_path / f"{until}").mkdir()
        patch, calls = counting(until)
        saved = 0
        try:
            for step in steps:
                save(checkpoints, **step)
                saved += 1
        except Killed:
            pass
        finally:
            patch.undo()
        found = checkpoints.latest()
        if saved == 0:
            assert found is None or found[0].name == "epoch-0001"
        else:
            assert found is not None
            # Never one that is older than the last that was saved.
            order = [TrainingState(**step).name for step in steps]  # type: ignore[arg-type]
            assert found[0].name in order[saved - 1 : saved + 1]
        # And the next training tidies up.
        save(checkpoints, epoch=9)
        assert not [name for name in os.listdir(checkpoints.directory) if name.startswith("unfinished")]
        reached = calls[0]
        if saved == len(steps):
            break
    assert until > 25
    assert reached == until


def test_without_the_best_the_newest_is_taken(checkpoints: Checkpoints):
    for epoch in (1, 2, 3):
        save(checkpoints, epoch=epoch, best_epoch=1, best_value=0.5)
    assert checkpoints.best()[0].epoch == 1
    shutil.rmtree(checkpoints.directory / "epoch-0001")
    assert checkpoints.best()[0].epoch == 3
