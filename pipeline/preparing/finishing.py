"""The last step of a corpus: one index of all shards, the dev set, and the manifest, which is written last."""

import dataclasses
import logging
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.defaults.facts import LOOKED_AT, count_facts
from pipeline.errors import DataError, count_of
from pipeline.files.durable import checksum, checksum_of_bytes, sync_directory, write_atomically
from pipeline.pairs.locations import PREPARED
from pipeline.pairs.pair_file import Pair
from pipeline.prepared.layout import CELL, COUNTS, IDS, INDEX, LENGTHS, SHARDS, VOCABULARY, shard_name
from pipeline.prepared.manifest import FileState, Manifest, ShardRecord
from pipeline.prepared.settings import decided_settings
from pipeline.preparing.dev_files import dev_names, join_dev
from pipeline.preparing.plan import Plan
from pipeline.preparing.shard_pairs import read_shard
from pipeline.preparing.shard_writing import CELLS, read_shard_record
from pipeline.preparing.vocabularies import read_records

logger = logging.getLogger(__name__)

MUCH_DEV = 50_000
"""Pairs from which on a dev set takes long to decode."""
ARRAYS = (*IDS, "lines")


def finish(plan: Plan) -> Manifest:
    """Join what the shards have, and write the manifest.

    Raises:
        DataError: No pair is left, or none was held out.
        OSError: The folder cannot be written.
    """
    records = [_record(plan, shard) for shard in range(len(plan.shards))]
    folders = [plan.out / SHARDS / shard_name(shard) for shard in range(len(plan.shards))]
    cells = np.array([record["cells"] for record in records], np.int64)
    if not cells.sum():
        _refuse_nothing(plan, records)
    _write_index(plan, folders, cells)
    files = [plan.out / INDEX, plan.out / COUNTS, *sorted((plan.out / VOCABULARY).iterdir())]
    dev = None
    if plan.configuration.data.dev is None:
        dev = dev_names(plan.configuration.data.columns)
        files += [plan.out / name for name in join_dev(plan.out, folders, plan.configuration.data.columns)]
        if not files[-1].stat().st_size:
            raise DataError(
                f"data.dev_size: {plan.configuration.data.dev_size} holds out no source of so few; raise it, or give "
                "data.dev"
            )
        _warn_of_much_dev(plan, sum(record["dev"] for record in records))
    surveyed = read_records(plan, "survey")
    manifest = Manifest(
        folder=plan.out,
        settings=decided_settings(plan.configuration),
        lanes=plan.lanes,
        itemsize=records[0]["itemsize"],
        cells=tuple(cells.sum(axis=0).tolist()),
        shards=tuple(
            ShardRecord(
                plan.name(shard),
                checksum_of_bytes("".join(surveyed[shard]["sha256"]).encode()),
                record["pairs"],
                record["dropped"],
                record["first_dropped"],
                {name: FileState(record["bytes"][f"{name}.bin"], record["sha256"][f"{name}.bin"]) for name in ARRAYS},
            )
            for shard, record in enumerate(records)
        ),
        files={str(path.relative_to(plan.out)): FileState(path.stat().st_size, checksum(path)) for path in files},
        dev=dev,
        facts=_facts(plan, sum(record["pairs"] for record in records)),
    )
    sync_directory(plan.out)
    write_atomically(plan.out / PREPARED, manifest.to_json())
    return manifest


def _warn_of_much_dev(plan: Plan, pairs: int) -> None:
    if pairs > MUCH_DEV:
        logger.warning(
            "dev: %s held out (data.dev_size %g), and all of them are decoded after every epoch: --data.dev_size 5000 "
            "holds out so many sources, which tells as much in less time (--overwrite begins anew)",
            count_of(pairs, "pair is", "pairs are"),
            plan.configuration.data.dev_size,
        )


def _record(plan: Plan, shard: int) -> dict[str, Any]:
    record = read_shard_record(plan.out, shard)
    assert record is not None, shard
    return record


def _refuse_nothing(plan: Plan, records: list[dict[str, Any]]) -> None:
    dropped: dict[str, int] = {}
    for record in records:
        for reason, number in record["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + number
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in dropped.items())
    raise DataError(
        f"train: no pair is left, {reasons or 'all are held out'}; change the settings of data, or the data"
    )


def _write_index(plan: Plan, folders: list[Path], cells: np.ndarray) -> None:
    """The cells of all shards, lane by lane; and how many pairs of a lane have which lengths."""
    starts = np.cumsum(cells, axis=1) - cells
    unfinished = [plan.out / f".{name}.unfinished" for name in (INDEX, COUNTS)]
    with open(unfinished[0], "wb") as index, open(unfinished[1], "wb") as counts:
        for lane in range(plan.lanes):
            of_lane = [
                np.fromfile(folder / CELLS, CELL, cells[shard, lane], offset=starts[shard, lane] * CELL.itemsize)
                for shard, folder in enumerate(folders)
            ]
            for part in of_lane:
                index.write(part.tobytes())
            counts.write(_count_lengths(lane, np.concatenate(of_lane)).tobytes())
        for file in (index, counts):
            file.flush()
            os.fsync(file.fileno())
    for path, name in zip(unfinished, (INDEX, COUNTS), strict=True):
        path.replace(plan.out / name)


def _count_lengths(lane: int, cells: np.ndarray) -> np.ndarray:
    width = int(cells["target"].max(initial=0)) + 1
    keys, places = np.unique(cells["source"].astype(np.int64) * width + cells["target"], return_inverse=True)
    found = np.zeros(len(keys), LENGTHS)
    found["lane"], found["source"], found["target"] = lane, *np.divmod(keys, width)
    np.add.at(found["count"], places, cells["count"])
    return found


def _facts(plan: Plan, pairs: int) -> dict[str, Any]:
    """What `--config auto` goes by, counted of the first pairs."""
    looked_at = list(islice(_all_pairs(plan), LOOKED_AT))
    return dataclasses.asdict(count_facts(looked_at, pairs, plan.configuration.text))


def _all_pairs(plan: Plan) -> Iterator[Pair]:
    for shard in range(len(plan.shards)):
        yield from read_shard(plan, shard)[0]
