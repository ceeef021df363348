"""A corpus as ids on disk: tokenised once, then read at random from memory maps, however large it is."""

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from pipeline.data.lessons import Lessons
from pipeline.data.pair_filter import BAD_LINE, PairFilter, Repetitions
from pipeline.data.subword_sampling import Rows, SampledSide
from pipeline.errors import DataError
from pipeline.files.bad_lines import BadLines
from pipeline.files.durable import checksum, put_in_place, sync_files, write_durably
from pipeline.pairs.pair_file import Pair
from pipeline.text.chunks import CHUNK, in_chunks
from pipeline.text.processor import TextProcessor

ARRAYS = ("source_ids", "target_ids", "source_lengths", "target_lengths", "lines", "corpora")


class Place(NamedTuple):
    """A line, and which of several corpora has it."""

    line: int
    corpus: int = 0


@dataclasses.dataclass(frozen=True)
class TokenizedCorpus:
    """The ids of all pairs, one after the other, each closed by the end symbol.

    `source_ids` and `target_ids` are flat int32; pair i of the sources is the `source_lengths[i]` ids from
    `source_offsets[i]` on, likewise of the targets. `lines` are the lines of the file they came from, `corpora` which
    of several corpora has that line.
    """

    source_ids: np.ndarray
    target_ids: np.ndarray
    source_lengths: np.ndarray
    target_lengths: np.ndarray
    lines: np.ndarray
    dropped: dict[str, int]
    """How many pairs were left out, by reason."""
    first_dropped: dict[str, Place]
    """Where the first pair left out stands, by reason."""
    corpora: np.ndarray
    weights: tuple[float, ...] = (1.0,)
    """How often a pass has each pair of a corpus."""
    sampled: Mapping[str, SampledSide] = dataclasses.field(default_factory=dict)
    """Of "source" and "target" those that are cut otherwise in every pass."""
    fingerprint: str = ""
    """Names all that the ids depend on."""
    lessons: Lessons | None = None
    """What a teacher says of the targets, if there is one."""

    def __len__(self) -> int:
        return len(self.lines)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_offsets", _offsets(self.source_lengths))
        object.__setattr__(self, "target_offsets", _offsets(self.target_lengths))

    def room(self, side: str) -> np.ndarray:
        """How many symbols each row of "source" or "target" should have room for in a batch."""
        lengths = self.sampled[side].lengths if side in self.sampled else getattr(self, f"{side}_lengths")
        return np.asarray(lengths)

    def rows(self, side: str, indices: np.ndarray, number: int, room: int) -> Rows:
        """Rows of "source" or "target" as a pass has them.

        Args:
            side: Which side.
            indices: Which rows.
            number: The pass.
            room: Symbols that each may have.
        """
        if side in self.sampled:
            return self.sampled[side].rows(number, indices, room)
        offsets, lengths = getattr(self, f"{side}_offsets"), getattr(self, f"{side}_lengths")
        return Rows(getattr(self, f"{side}_ids"), offsets[indices], lengths[indices])

    source_offsets: np.ndarray = dataclasses.field(init=False)
    target_offsets: np.ndarray = dataclasses.field(init=False)


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)[:-1]]) if len(lengths) else np.zeros(0, np.int64)


def tokenize_corpus(
    pairs: Iterable[Pair],
    source_text: TextProcessor,
    target_text: TextProcessor,
    pair_filter: PairFilter,
    directory: Path,
    fingerprint: str,
    bad_lines: BadLines | None = None,
) -> TokenizedCorpus:
    """Tokenise the pairs into `directory`, or open what an earlier call with the same fingerprint left there.

    Args:
        pairs: Streamed once, and only if there is nothing to open.
        source_text: Turns sources into ids.
        target_text: Turns targets into ids.
        pair_filter: Says which pairs are left out; they are counted.
        directory: Replaced when its fingerprint is another; its name is the split's.
        fingerprint: Names everything that the ids depend on.
        bad_lines: Knows, when the pairs have been streamed, what had been left out before; counted with the others.

    Raises:
        DataError: No pair is left.
    """
    manifest = directory / "manifest.json"
    if not _is_current(manifest, fingerprint):
        # Other processes may be writing the same.
        unfinished = directory.with_name(f"{directory.name}.unfinished-{os.getpid()}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            counts = write_arrays(pairs, source_text, target_text, pair_filter, unfinished)
            if bad_lines is not None and bad_lines.count():
                counts["dropped"][BAD_LINE], counts["first_dropped"][BAD_LINE] = bad_lines.count(), bad_lines.first()
            sums = {name: checksum(unfinished / f"{name}.bin") for name in ARRAYS}
            described = {"fingerprint": fingerprint, "sha256": sums, **counts}
            write_durably(unfinished / "manifest.json", json.dumps(described).encode())
            sync_files(unfinished)
            if not _is_current(manifest, fingerprint):
                put_in_place(unfinished, directory)
        except OSError:
            # Another process may just have put the same there.
            if not _is_current(manifest, fingerprint):
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    corpus = open_corpus(directory)
    if not len(corpus):
        raise _nothing_left(directory.name, corpus, pair_filter)
    return corpus


def _nothing_left(name: str, corpus: TokenizedCorpus, pair_filter: PairFilter) -> DataError:
    if set(corpus.dropped) <= {"source too long", "target too long"}:
        wrong = f"all are longer than data.max_length ({pair_filter.max_length} symbols)"
        return DataError(f"{name}: no pair is left, {wrong}; raise it or shorten the data")
    described = (f"{count} are left out: {pair_filter.describe(reason)}" for reason, count in corpus.dropped.items())
    reasons = ", ".join(described)
    return DataError(f"{name}: no pair is left, {reasons}; change these settings or the data")


def _is_current(manifest: Path, fingerprint: str) -> bool:
    """Whether these ids are there, and not a bit of them has changed."""
    try:
        described = json.loads(manifest.read_text(encoding="utf-8"))
        sums = described["sha256"].items() if described["fingerprint"] == fingerprint else ()
        return bool(sums) and all(checksum(manifest.with_name(f"{name}.bin")) == known for name, known in sums)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # missing or damaged: only a cache, written again


def write_arrays(
    pairs: Iterable[Pair],
    source_text: TextProcessor,
    target_text: TextProcessor,
    pair_filter: PairFilter,
    directory: Path,
) -> dict[str, dict[str, Any]]:
    """Write the ids of pairs into a directory, as `TokenizedCorpus` has them.

    Args:
        pairs: Streamed once.
        source_text: Turns sources into ids.
        target_text: Turns targets into ids.
        pair_filter: Says which pairs are left out.
        directory: There already.

    Returns:
        How many pairs were "dropped", by reason, and where the first of each stands, "first_dropped".
    """
    dropped: dict[str, int] = {}
    first: dict[str, Place] = {}
    repetitions = Repetitions()
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(open(directory / f"{name}.bin", "wb")) for name in ARRAYS}
        for chunk in in_chunks(pairs, CHUNK, _count_characters):
            sources = source_text.encode([pair.source for pair in chunk])
            targets = target_text.encode([pair.target for pair in chunk])
            source_lengths, target_lengths = sources.row_lengths().numpy(), targets.row_lengths().numpy()
            # Both count the end symbol.
            misfits = pair_filter.find_misfits(source_lengths - 1, target_lengths - 1)
            keep = ~np.logical_or.reduce(list(misfits.values()))
            if pair_filter.drop_duplicates:
                misfits["the same pair again"] = repetitions.find(chunk, keep)
                keep &= ~misfits["the same pair again"]
            for reason, bad in misfits.items():
                if bad.any():
                    dropped[reason] = dropped.get(reason, 0) + int(bad.sum())
                    pair = chunk[int(np.argmax(bad))]
                    first.setdefault(reason, Place(pair.line, pair.corpus))
            _append(files["source_ids"], sources.flat_values.numpy()[np.repeat(keep, source_lengths)], np.int32)
            _append(files["target_ids"], targets.flat_values.numpy()[np.repeat(keep, target_lengths)], np.int32)
            _append(files["source_lengths"], source_lengths[keep], np.int32)
            _append(files["target_lengths"], target_lengths[keep], np.int32)
            _append(files["lines"], np.array([pair.line for pair in chunk])[keep], np.int64)
            _append(files["corpora"], np.array([pair.corpus for pair in chunk])[keep], np.int32)
    return {"dropped": dropped, "first_dropped": first}


def _count_characters(pair: Pair) -> int:
    return len(pair.source) + len(pair.target)


def _append(file: IO[bytes], values: np.ndarray, dtype: type) -> None:
    file.write(np.ascontiguousarray(values, dtype=dtype).tobytes())


def open_corpus(directory: Path) -> TokenizedCorpus:
    """Open what `tokenize_corpus` wrote, as memory maps."""
    arrays: dict[str, Any] = {}
    for name in ARRAYS:
        path, dtype = directory / f"{name}.bin", np.int64 if name == "lines" else np.int32
        # A file of no bytes cannot be mapped.
        arrays[name] = np.memmap(path, dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype)
    manifest = json.loads((directory / "manifest.json").read_text())
    first_dropped = {reason: Place(*place) for reason, place in manifest["first_dropped"].items()}
    described = {"dropped": manifest["dropped"], "fingerprint": manifest["fingerprint"]}
    return TokenizedCorpus(**arrays, **described, first_dropped=first_dropped)
