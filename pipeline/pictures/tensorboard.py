"""TensorBoard's curves, texts and pictures, without gaps, doubles or steps backwards, whatever ended a training."""

import contextlib
import io
import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from pipeline.files.durable import write_atomically

EVENTS = "events.out.tfevents"
STEP = "step/"
"""Tags that begin so count optimizer steps; the others count epochs."""
HEADER, FOOTER = 12, 4
"""Bytes around every record: its length and that one's checksum, then its own."""


class Curves:
    """Writes events to a file of its own. What the disk does not take is kept, and tried again at the next flush.

    TensorFlow's own writer says nothing when a disk is full, and leaves a file that nobody can read further.

    Args:
        logs: TensorBoard's directory.
    """

    def __init__(self, logs: Path) -> None:
        self.path = logs / f"{EVENTS}.{time.time_ns() / 1e9:020.9f}.{socket.gethostname()}.{os.getpid()}.v2"
        self._pending = [_record(Event(wall_time=time.time(), file_version="brain.Event:2"))]
        self._written = 0

    def scalar(self, tag: str, value: float, step: int) -> None:
        """A point of a curve."""
        self._add(scalar_pb(tag, float(value)), step)

    def settings(self, settings: Mapping[str, Any], name: str) -> None:
        """What the HParams tab lists: numbers, texts and booleans, by key.

        Args:
            settings: The settings.
            name: Of the run or trial that has them.
        """
        self._add(hparams.hparams_pb(dict(settings), trial_id=name), 0)

    def text(self, tag: str, text: str, step: int) -> None:
        """A text in Markdown."""
        self._add(text_pb(tag, text), step)

    def image(self, tag: str, png: bytes, step: int) -> None:
        """A picture."""
        height, width, _ = tf.io.decode_png(png).shape
        parts = [str(width).encode(), str(height).encode(), png]
        metadata = image_metadata.create_summary_metadata(None, "", converted_to_tensor=True)
        tensor = tf.make_tensor_proto(parts, dtype=tf.string).SerializeToString()
        value = Summary.Value(tag=tag, metadata=metadata)
        value.tensor.ParseFromString(tensor)
        self._add(Summary(value=[value]), step)

    def _add(self, summary: Summary, step: int) -> None:
        self._pending.append(_record(Event(wall_time=time.time(), step=step, summary=summary)))

    def flush(self, durably: bool = False) -> None:
        """Write what has come since.

        Args:
            durably: Wait until the disk has it.

        Raises:
            OSError: It cannot be written; the file is as it was, and what was to be written is kept.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = b"".join(self._pending)
        with open(self.path, "ab", buffering=0) as file:
            try:
                # A disk that is nearly full takes a part.
                while content:
                    content = content[file.write(content) :]
                if durably:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(self._written)
                raise
            self._written = file.tell()
        self._pending.clear()


def _record(event: Event) -> bytes:
    content = io.BytesIO()
    RecordWriter(content).write(event.SerializeToString())
    return content.getvalue()


def forget_later(logs: Path, step: int, epoch: int) -> set[str]:
    """Take out of a directory's event files what came after a moment, and what is there twice.

    A training that goes on from there draws it again.

    Args:
        logs: TensorBoard's directory; need not be there.
        step: Optimizer steps that stay.
        epoch: Epochs that stay.

    Returns:
        The tags that are still there.

    Raises:
        OSError: The files cannot be written again; they are as they were.
    """
    old = sorted(logs.glob(f"{EVENTS}.*"))
    records = {path: _whole_records(path) for path in old}
    kept: dict[tuple[str, int], bytes] = {}
    for record in (record for path in old for record in records[path]):
        event = Event.FromString(record[HEADER:-FOOTER])
        tags = [value.tag for value in event.summary.value]
        if all(event.step <= (step if tag.startswith(STEP) else epoch) for tag in tags):
            # Of equal ones the last, in the place of the first.
            kept[",".join(tags), event.step] = record
    tags_kept = {tag for tags, _ in kept for tag in tags.split(",")}
    sizes = {path: sum(len(record) for record in records[path]) for path in old}
    if len(kept) == sum(map(len, records.values())) and all(path.stat().st_size == sizes[path] for path in old):
        return tags_kept
    # Named like the oldest: it comes before those that are still to be written.
    write_atomically(old[0], b"".join(kept.values()))
    for path in old[1:]:
        path.unlink()
    return tags_kept


def _whole_records(path: Path) -> list[bytes]:
    """The records of an event file, with what frames them, up to one that was cut or damaged."""
    good = 0
    with contextlib.suppress(tf.errors.DataLossError):
        for _ in tf.data.TFRecordDataset(os.fsencode(path)):
            good += 1
    content, records, begin = path.read_bytes(), [], 0
    for _ in range(good):
        (length,) = struct.unpack_from("<Q", content, begin)
        end = begin + HEADER + length + FOOTER
        records.append(content[begin:end])
        begin = end
    return records
