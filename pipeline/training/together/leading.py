"""A training in several processes: who leads has the run, the others what they need of it in a folder of their own."""

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.cluster.cluster import Cluster, led
from pipeline.data.preparation import TrainingData, open_run
from pipeline.data.run_data import MAY_CHANGE, recorded_data
from pipeline.errors import AttentifError, UsageError
from pipeline.model.seeds import set_seed
from pipeline.pairs.data_files import PLACES, compare_data, places_of, read_data_files
from pipeline.pairs.locations import is_prepared
from pipeline.runs.directory import RunDirectory, load_configuration
from pipeline.settings.changes import by_name, replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.training.epochs import fit
from pipeline.training.teaching import teach

logger = logging.getLogger(__name__)


def lead(cluster: Cluster, begin: Callable[[], Any], directory: RunDirectory) -> Any:
    """Begin or open the run, and hand the others what they need of it.

    Args:
        cluster: The processes, of which this one leads.
        begin: Returns what `open_run` does, or None where the run is finished.
        directory: The run.
    """
    if cluster.size == 1:
        return begin()
    found = None

    def prepare() -> bytes:
        nonlocal found
        found = begin()
        return b"" if found is None else _pack(directory)

    led(cluster, prepare)
    if found is not None:
        cluster.agree()
    return found


def follow(configuration: Configuration, cluster: Cluster) -> None:
    """Train with a leader, to the end of its run.

    Args:
        configuration: As this process was started with; the leader's counts, but for the places of data.
        cluster: The processes.

    Raises:
        TrainingError: The leader cannot begin, or this process cannot.
        LostWorkerError: Another is gone.
    """
    packed = led(cluster, lambda: b"")
    if not packed:
        return
    with tempfile.TemporaryDirectory(prefix="attentif-worker-") as folder:
        directory = RunDirectory(Path(folder) / "run")
        problem, data = "", None
        try:
            _unpack(packed, directory.path)
            configuration = _settings_of(configuration, directory)
            require_same_corpus(configuration, directory)
            data = _open(configuration, directory)
        except AttentifError as error:
            problem = str(error)
        cluster.agree(problem)
        assert data is not None
        fit(configuration, directory, data, cluster=cluster)
        # Until the leader has measured and exported: who leaves earlier looks like one that is lost.
        cluster.agree()


def _open(configuration: Configuration, directory: RunDirectory) -> TrainingData:
    set_seed(configuration.train.seed, configuration.train.deterministic)
    return teach(configuration, directory, open_run(configuration, directory, looks=False))


def _settings_of(configuration: Configuration, directory: RunDirectory) -> Configuration:
    """The leader's settings, with this process's places.

    Raises:
        UsageError: This process was started with others.
    """
    led_by = load_configuration(directory)
    here, there = by_name(configuration.to_dict()), by_name(led_by.to_dict())
    for key in here:
        if here[key] != there[key] and key not in (*MAY_CHANGE, *PLACES):
            raise UsageError(f"{key}: {here[key]} here and {there[key]} in worker 0; start all with the same command")
    return replace_settings(led_by, places_of(configuration))


def require_same_corpus(configuration: Configuration, directory: RunDirectory) -> None:
    """Refuse a prepared corpus that is not the leader's: the shares of two corpora make no batch.

    Args:
        configuration: With this process's places.
        directory: What the leader handed over.

    Raises:
        UsageError: It is another one.
        DataError: It cannot be read.
    """
    if is_prepared(configuration.data.train):
        found = compare_data(recorded_data(directory), read_data_files(configuration))
        if found.changed or found.other:
            wrong = "; ".join([*(f"{path} has other content" for path in found.changed), *found.other])
            raise UsageError(f"{wrong}: all workers must have what worker 0 has; copy it from there")


def _pack(directory: RunDirectory) -> bytes:
    """The small files of a run that say what is trained, by their names."""
    known = [
        path for path in sorted(directory.path.iterdir()) if path.suffix == ".json" and not path.name.startswith(".")
    ]
    files = [directory.config, *known, *sorted(directory.vocabulary.iterdir())]
    return json.dumps({str(path.relative_to(directory.path)): path.read_bytes().hex() for path in files}).encode()


def _unpack(packed: bytes, folder: Path) -> None:
    for name, content in json.loads(packed).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes.fromhex(content))
