"""Event files that TensorBoard reads, through full disks, kills and going back."""

import builtins
import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.pictures.tensorboard import Curves, forget_later

PNG = tf.io.encode_png(tf.zeros([3, 5, 3], tf.uint8)).numpy()


def read(logs: Path) -> dict[str, list[int]]:
    """The steps of every tag, as TensorBoard shows them."""
    events = EventAccumulator(str(logs), size_guidance={"tensors": 0}, purge_orphaned_data=False)
    events.Reload()
    return {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}


def write(curves: Curves, steps: range, per_epoch: int = 10) -> None:
    for step in steps:
        curves.scalar("step/loss", 1 / step, step)
        if step % per_epoch == 0:
            curves.scalar("epoch/loss", 1.0, step // per_epoch)
            curves.image("attention/01", PNG, step // per_epoch)
    curves.flush(durably=True)


def test_tensorboard_reads_it(tmp_path: Path):
    curves = Curves(tmp_path / "logs")
    curves.scalar("epoch/loss", 0.25, 3)
    curves.text("table", "*é*", 3)
    curves.image("picture", PNG, 3)
    assert not (tmp_path / "logs").exists()
    curves.flush()
    events = EventAccumulator(str(tmp_path / "logs"), size_guidance={"tensors": 0})
    events.Reload()
    plugins = {tag: events.SummaryMetadata(tag).plugin_data.plugin_name for tag in events.Tags()["tensors"]}
    assert plugins == {"epoch/loss": "scalars", "table": "text", "picture": "images"}
    values = {tag: tf.make_ndarray(events.Tensors(tag)[0].tensor_proto) for tag in plugins}
    assert values["epoch/loss"] == 0.25
    assert values["table"].item().decode() == "*é*"
    assert values["picture"].tolist() == [b"5", b"3", PNG]


def test_what_comes_again_is_forgotten(tmp_path: Path):
    write(Curves(tmp_path), range(1, 36))
    assert read(tmp_path)["step/loss"] == list(range(1, 36))
    forget_later(tmp_path, step=24, epoch=2)
    write(Curves(tmp_path), range(25, 46))
    expected = {"step/loss": list(range(1, 46)), "epoch/loss": [1, 2, 3, 4], "attention/01": [1, 2, 3, 4]}
    assert read(tmp_path) == expected
    # Killed between the new file and the old one's end, or not at all.
    twice = tmp_path / "events.out.tfevents.9999999999.twice.v2"
    twice.write_bytes(next(iter(tmp_path.iterdir())).read_bytes())
    forget_later(tmp_path, step=45, epoch=4)
    assert read(tmp_path) == expected
    [file] = tmp_path.iterdir()
    content = file.read_bytes()
    forget_later(tmp_path, step=45, epoch=4)
    assert file.read_bytes() == content
    forget_later(tmp_path, step=0, epoch=0)
    assert read(tmp_path) == {}
    forget_later(tmp_path / "nowhere", step=0, epoch=0)


@pytest.mark.parametrize("damage", ["cut", "bit", "zeros"])
def test_behind_damage_nothing_is_lost_that_comes_later(tmp_path: Path, damage: str):
    curves = Curves(tmp_path)
    write(curves, range(1, 6))
    size = curves.path.stat().st_size
    write(curves, range(6, 8))
    content = bytearray(curves.path.read_bytes())
    if damage == "cut":
        del content[size + 20 :]
    elif damage == "bit":
        content[size + 20] ^= 1
    else:
        content[size:] = bytes(len(content) - size)
    curves.path.write_bytes(content)
    forget_later(tmp_path, step=5, epoch=0)
    write(Curves(tmp_path), range(6, 10))
    assert read(tmp_path)["step/loss"] == list(range(1, 10))


def test_other_writers_events_stay(tmp_path: Path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.scalar("best/val_wer", 3.0, step=2)
    write(Curves(tmp_path), range(1, 31))
    forget_later(tmp_path, step=20, epoch=2)
    assert read(tmp_path)["best/val_wer"] == [2]


def test_a_full_disk_leaves_no_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    curves = Curves(tmp_path)
    write(curves, range(1, 6))
    before = curves.path.read_bytes()

    class Full(io.FileIO):
        def write(self, content: Any) -> int:
            if len(content) > 50:
                return super().write(content[:50])  # what a disk does that is nearly full
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", lambda path, mode, buffering: Full(path, mode))
        for steps in (range(6, 9), range(9, 11)):
            with pytest.raises(OSError, match="No space left"):
                write(curves, steps)
            assert curves.path.read_bytes() == before
    write(curves, range(11, 13))
    assert read(tmp_path)["step/loss"] == list(range(1, 13))


def test_a_file_that_cannot_be_created(tmp_path: Path):
    (tmp_path / "logs").touch()
    curves = Curves(tmp_path / "logs")
    with pytest.raises(OSError, match=r"logs"):
        curves.flush()
    os.unlink(tmp_path / "logs")
    curves.scalar("a", 1.0, 1)
    curves.flush()
    assert read(tmp_path / "logs") == {"a": [1]}
