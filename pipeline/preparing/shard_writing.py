"""A shard, from its file to ids that lie in lanes and by their lengths."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipeline.data.pair_filter import BAD_LINE, training_filter
from pipeline.data.subword_sampling import gather
from pipeline.data.tokenized_corpus import write_arrays
from pipeline.errors import DataError
from pipeline.files.durable import checksum, put_in_place, sync_files, write_durably
from pipeline.pairs.pair_file import Pair
from pipeline.prepared.layout import CELL, IDS, LINES, SHARDS, VOCABULARY, ids_type, shard_name
from pipeline.preparing.dev_files import DevWriter
from pipeline.preparing.plan import Plan
from pipeline.preparing.shard_pairs import held_out, read_shard, stamps
from pipeline.preparing.survey import Tell, told
from pipeline.text.processor import make_texts
from pipeline.text.vocabulary import load_vocabularies

CELLS, RECORD = "cells.bin", "shard.json"
_ROWS = 1 << 16
"""Of ids that are put in order at once."""


def tokenize_shard(plan: Plan, shard: int, tell: Tell) -> None:
    """Write a shard's folder; whole or not at all.

    Args:
        plan: What is prepared; the vocabularies are there.
        shard: Its number.
        tell: Told of the pairs that are done.

    Raises:
        DataError: The file cannot be used, or was changed since it was surveyed.
        OSError: The folder cannot be written.
    """
    final = plan.out / SHARDS / shard_name(shard)
    final.parent.mkdir(exist_ok=True)
    unfinished = final.with_name(f"{final.name}.unfinished-{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    raw = unfinished / "raw"
    raw.mkdir(parents=True)
    try:
        described = _tokenize(plan, shard, unfinished, tell)
        described |= _put_in_order(plan, shard, raw, unfinished)
        shutil.rmtree(raw)
        described["stamps"] = _require_unchanged(plan, shard)
        described["vocabulary"] = vocabulary_sums(plan.out)
        described["sha256"] = {path.name: checksum(path) for path in sorted(unfinished.iterdir())}
        described["bytes"] = {path.name: path.stat().st_size for path in sorted(unfinished.iterdir())}
        write_durably(unfinished / RECORD, json.dumps(described).encode())
        sync_files(unfinished)
        put_in_place(unfinished, final)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_shard_record(out: Path, shard: int) -> dict[str, Any] | None:
    """What was written of a shard; None where it is not there, or made with other vocabularies."""
    try:
        record = json.loads((out / SHARDS / shard_name(shard) / RECORD).read_text())
    except (OSError, ValueError):
        return None
    return record if record.get("vocabulary") == vocabulary_sums(out) else None


def is_whole(out: Path, shard: int) -> bool:
    """Whether a shard is there, and not a bit of it has changed."""
    record, folder = read_shard_record(out, shard), out / SHARDS / shard_name(shard)
    try:
        return record is not None and all(checksum(folder / name) == known for name, known in record["sha256"].items())
    except OSError:
        return False


def vocabulary_sums(out: Path) -> dict[str, str]:
    """The checksums of a corpus's vocabularies."""
    folder = out / VOCABULARY
    return {path.name: checksum(path) for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def _tokenize(plan: Plan, shard: int, folder: Path, tell: Tell) -> dict[str, Any]:
    configuration, dev = plan.configuration, held_out(plan)
    texts = make_texts(configuration.text, *load_vocabularies(plan.out / VOCABULARY))
    pairs, bad = read_shard(plan, shard)
    with DevWriter(configuration.data.columns, folder) as writer:

        def training_pairs() -> Iterator[Pair]:
            for pair in told(pairs, tell):
                if dev.has(pair):
                    writer.write(pair)
                else:
                    yield pair

        found = write_arrays(training_pairs(), *texts, training_filter(configuration.data), folder / "raw")
    dropped = found["dropped"]
    first = {reason: place.line for reason, place in found["first_dropped"].items()}
    if bad.count():
        dropped[BAD_LINE], first[BAD_LINE] = bad.count(), (bad.first() or (0, 0))[0]
    kinds = [ids_type(len(text.vocabulary)).itemsize for text in texts]
    return {"dropped": dropped, "first_dropped": first, "itemsize": max(kinds), "dev": writer.pairs}


def _require_unchanged(plan: Plan, shard: int) -> list[list[int]]:
    surveyed = json.loads(plan.record("survey", shard).read_text())["stamps"]
    now = [list(stamp) for stamp in stamps(plan, shard)]
    if now != surveyed:
        raise DataError(
            f"{plan.name(shard)}: was changed while it was prepared; start again when nobody writes it (--overwrite)"
        )
    return now


def _put_in_order(plan: Plan, shard: int, raw: Path, folder: Path) -> dict[str, Any]:
    """Pairs go to the lanes in turn, whatever their lengths, so that all lanes have as many of each length."""
    sizes = [np.fromfile(raw / f"{side}_lengths.bin", np.int32) for side in ("source", "target")]
    number = len(sizes[0])
    lanes = ((np.arange(number) + shard) % plan.lanes).astype(np.int32)
    order = np.lexsort((sizes[1], sizes[0], lanes))
    kind = ids_type(max(map(len, load_vocabularies(plan.out / VOCABULARY))))
    for array, lengths in zip(IDS, sizes, strict=True):
        offsets = np.cumsum(lengths, dtype=np.int64) - lengths
        ids = _map(raw / f"{array}.bin", np.int32)
        with open(folder / f"{array}.bin", "wb") as file:
            for first in range(0, number, _ROWS):
                rows = order[first : first + _ROWS]
                _write(file, gather(ids, offsets[rows], lengths[rows]).astype(kind))
    _map(raw / "lines.bin", np.int64)[order].astype(LINES).tofile(folder / "lines.bin")
    cells, counts = _make_cells(shard, lanes[order], sizes[0][order], sizes[1][order], plan.lanes)
    cells.tofile(folder / CELLS)
    return {"pairs": number, "cells": counts}


def _make_cells(
    shard: int, lanes: np.ndarray, source: np.ndarray, target: np.ndarray, number: int
) -> tuple[np.ndarray, list[int]]:
    """The cells of pairs in order, and how many each lane has."""
    changes = (np.diff(lanes) != 0) | (np.diff(source) != 0) | (np.diff(target) != 0)
    starts = np.concatenate([np.zeros(min(1, len(lanes)), np.int64), np.flatnonzero(changes) + 1])
    cells = np.zeros(len(starts), CELL)
    cells["shard"], cells["row"] = shard, starts
    cells["source"], cells["target"] = source[starts], target[starts]
    cells["count"] = np.diff(np.concatenate([starts, [len(lanes)]]))
    for side in ("source", "target"):
        symbols = cells["count"].astype(np.int64) * cells[side]
        cells[f"{side}_at"] = np.cumsum(symbols) - symbols
    return cells, np.bincount(lanes[starts], minlength=number).tolist()


def _map(path: Path, kind: type) -> np.ndarray:
    return np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)


def _write(file: IO[bytes], values: np.ndarray) -> None:
    file.write(np.ascontiguousarray(values).tobytes())
