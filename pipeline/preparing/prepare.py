"""`prepare`: what is left of a corpus is done, by many processes, stage by stage."""

import contextlib
import json
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipeline.errors import UsageError, count_of
from pipeline.files.durable import require_local
from pipeline.pairs.data_files import checksum_of_content
from pipeline.pairs.locations import PREPARED
from pipeline.pairs.reading import look_at
from pipeline.prepared.layout import SHARDS, WORK, shard_name
from pipeline.prepared.manifest import Manifest, read_manifest
from pipeline.preparing.finishing import finish
from pipeline.preparing.plan import LANES, Plan, make_plan, remove_corpus
from pipeline.preparing.running import run_stage
from pipeline.preparing.shard_pairs import stamps, write_held_out
from pipeline.preparing.shard_writing import is_whole
from pipeline.preparing.stages import HOLD_OUT, SURVEY, TOKENIZE
from pipeline.preparing.vocabularies import choose_limit, needs_hashes, read_records, write_vocabularies
from pipeline.process.environment import usable_cores
from pipeline.settings.configuration import Configuration

logger = logging.getLogger(__name__)


def prepare_corpus(
    configuration: Configuration,
    out: Path | str,
    lanes: int = LANES,
    workers: int | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Tokenise the files of `data.train` into a folder that trainings take as `data.train`.

    Killed at any moment and called again, it does the rest, and all is as if nothing had happened: the same bytes. Of a
    finished corpus it checks every byte, and makes again what is damaged.

    Args:
        configuration: Of it sections `data` and `text`, `train.seed` and `train.init_from` count.
        out: The folder.
        lanes: Into how many parts batches can be shared: a power of two, the most workers that a training may have.
        workers: Processes; None takes one for each usable core.
        overwrite: Whether a corpus that is there is replaced.

    Returns:
        Figures: pairs, shards, dropped, lanes, bytes, and how many shards were done before.

    Raises:
        UsageError: It cannot be prepared, or the folder holds something else.
        DataError: A file cannot be used.
        KeyboardInterrupt: It was asked to end; the same call does the rest.

    Example:
        prepare_corpus(configure(changes={"data.train": "in/*.tsv.gz"}), "corpus")
    """
    out = Path(out)
    require_local(out)
    plan = make_plan(configuration, out, lanes)
    for shard in plan.shards:
        look_at(shard, columns=configuration.data.columns)
    if configuration.data.dev is not None:
        look_at(configuration.data.dev, columns=configuration.data.columns)
    with _locked(plan, overwrite):
        return _prepare(plan, workers or usable_cores())


def _prepare(plan: Plan, workers: int) -> dict[str, Any]:
    began = time.monotonic()
    _require_same_inputs(plan)
    before = _forget_damaged(plan)
    if plan.is_done and before == len(plan.shards):
        manifest = read_manifest(plan.out)
        logger.info("%s: prepared before, every byte as it was: nothing to do", plan.out)
        return _figures(manifest, before)
    (plan.out / PREPARED).unlink(missing_ok=True)
    size = count_of(len(plan.shards), "shard")
    logger.info("%s, %d of them done before; %s", size, before, count_of(min(workers, len(plan.shards)), "worker"))
    if not (plan.work / "held_out.json").is_file():
        if needs_hashes(plan):
            run_stage(plan, HOLD_OUT, workers)
        hashes = read_records(plan, HOLD_OUT) if needs_hashes(plan) else []
        write_held_out(plan, choose_limit(plan, [record["smallest"] for record in hashes]))
    _tell_held_out(plan)
    run_stage(plan, SURVEY, workers)
    write_vocabularies(plan)
    run_stage(plan, TOKENIZE, workers, sum(record["pairs"] for record in read_records(plan, SURVEY)))
    manifest = finish(plan)
    shutil.rmtree(plan.work / "claims", ignore_errors=True)
    seconds = time.monotonic() - began
    logger.info(
        "%s: %s in %s, %.0f s (%s pairs/s)",
        plan.out,
        count_of(manifest.pairs, "pair"),
        size,
        seconds,
        f"{manifest.pairs / max(seconds, 1e-3):,.0f}",
    )
    for reason, number in manifest.dropped.items():
        logger.warning(
            "train: %s left out, first on %s: %s", count_of(number, "pair"), manifest.first_dropped(reason), reason
        )
    return _figures(manifest, before)


def _figures(manifest: Manifest, before: int) -> dict[str, Any]:
    states = [state for shard in manifest.shards for state in shard.files.values()]
    return {
        "pairs": manifest.pairs,
        "shards": len(manifest.shards),
        "done_before": before,
        "dropped": manifest.dropped,
        "lanes": manifest.lanes,
        "bytes": sum(state.bytes for state in [*states, *manifest.files.values()]),
        "dev": manifest.dev_location(),
    }


@contextlib.contextmanager
def _locked(plan: Plan, overwrite: bool) -> Iterator[None]:
    """Keep other commands out of the folder, which is begun or found to be the same."""
    if overwrite:
        remove_corpus(plan.out)
    existed = plan.out.exists()
    if not existed or (plan.out / WORK).is_dir() or not any(plan.out.iterdir()):
        plan.work.mkdir(parents=True, exist_ok=True)
    else:
        plan.begin()  # says what is wrong
    lock = FileLock(plan.work / "lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"{plan.out}: is being prepared by another process; wait for it or end it") from None
    try:
        plan.begin()
        yield
    finally:
        lock.release()


def _require_same_inputs(plan: Plan) -> None:
    """Refuse files that were changed since they were surveyed.

    Raises:
        UsageError: They were.
    """
    for shard in range(len(plan.shards)):
        record = plan.record(SURVEY, shard)
        if not record.is_file():
            continue
        known, now = json.loads(record.read_text()), [list(stamp) for stamp in stamps(plan, shard)]
        if known["stamps"] == now:
            continue
        if [checksum_of_content(path) for path in plan.files(shard)] != known["sha256"]:
            raise UsageError(
                f"{', '.join(plan.files(shard))}: changed since {plan.out} was begun; bring the former content back, "
                "or begin anew with --overwrite"
            )
        record.write_text(json.dumps({**known, "stamps": now}))


def _forget_damaged(plan: Plan) -> int:
    """Delete shards that are not what was written; how many are whole."""
    whole = 0
    for shard in range(len(plan.shards)):
        folder = plan.out / SHARDS / shard_name(shard)
        if not folder.is_dir():
            continue
        if is_whole(plan.out, shard):
            whole += 1
        else:
            logger.warning("%s: damaged, or made with other vocabularies: made again", folder)
            shutil.rmtree(folder)
    for left in (plan.out / SHARDS).glob("*.unfinished-*"):
        shutil.rmtree(left, ignore_errors=True)
    return whole


def _tell_held_out(plan: Plan) -> None:
    data = plan.configuration.data
    if data.dev is None:
        share = f"about {data.dev_size:g} of the sources" if data.dev_size < 1 else f"{int(data.dev_size):,} sources"
        logger.info("data.dev is not given: %s are held out for it (data.dev_size), and lie in the corpus", share)
