"""One real training, shared by all tests that need a trained model; TensorFlow is imported when it starts."""

import dataclasses
import logging
import os
import pickle
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from pipeline.settings.configuration import Configuration
from pipeline.settings.tune import TuneConfiguration

if TYPE_CHECKING:
    from pipeline.tuning.result import TuningResult

from tests.tiny_task import TUNING_SPACE, TinyRun, tiny_configuration, tuning_configuration, write_splits

# A shell that runs tests in the background lets them ignore Ctrl-C, and so would every command they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A test process makes more models than any user: that each is traced anew is nothing that tests look for.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())

MADE_ONCE = {"tiny_run", "tiny_tuning"}
"""Trainings of the whole session, by whichever process asks first; the others wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: at the end one process would wait for the other.

    Then those that share what is made once: each process begins at a place of its own, and while the first one makes it
    the others do what needs none.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    shared = {item.path for item in items if MADE_ONCE & set(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: (item.path not in slow, item.path not in shared))


PLAIN_GRAPHS = ("layers", "model", "search")
"""Rooms that are tried without TensorFlow's optimizer of graphs, a seventh faster; all that answers is with it."""


@pytest.fixture(scope="module", autouse=True)
def graphs_as_they_are(request: pytest.FixtureRequest) -> Iterator[None]:
    """In those rooms."""
    room = request.path.relative_to(Path(__file__).parent).parts[0]
    if room not in PLAIN_GRAPHS:
        yield
        return
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape file names that are no UTF-8 in what a test has said: a process that sends them to another one crashes."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """A directory and what `make` gave when it filled it: made by the first of the test processes that asks.

    Each process has a copy of the directory, for tests that read it while others write.
    """
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"{name}-shared"
    made, result = shared / "made", shared.with_suffix(".pickle")
    with FileLock(shared.with_suffix(".lock")):
        if not result.is_file():
            shutil.rmtree(shared, ignore_errors=True)
            shared.mkdir()
            result.write_bytes(pickle.dumps(make(made)))
    own = factory.mktemp(name) / "run"
    shutil.copytree(made, own)
    return own, pickle.loads(result.read_bytes())


@pytest.fixture(scope="session")
def tiny_splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of train, dev and test of the tiny task."""

    def make(folder: Path) -> dict[str, str]:
        folder.mkdir()
        return write_splits(folder)

    return make_once(tmp_path_factory, "tiny-data", make)[1]


@pytest.fixture(scope="session")
def tiny_run(tiny_splits: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """A finished run. Leave it as it is: work on a copy."""
    configuration = tiny_configuration(tiny_splits)
    path, made = make_once(tmp_path_factory, "tiny", lambda path: train_tiny_run(configuration, path))
    return made._replace(path=path)


def train_tiny_run(configuration: Configuration, path: Path) -> TinyRun:
    from pipeline.training.run import train

    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("pipeline")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        result = train(configuration, path)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    return TinyRun(configuration, path, result, "\n".join(records))


@pytest.fixture(scope="session")
def tiny_export(tiny_run: TinyRun) -> Path:
    """What that run exported: beam size 3, the 3 best outputs."""
    return tiny_run.path / "export"


@pytest.fixture(scope="session")
def tiny_folder(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That run as a folder for LiteRT, with as many outputs."""
    from pipeline.portable.exporting import export

    place = tmp_path_factory.mktemp("folder") / "tiny"
    export(tiny_run.path, place, format="litert")
    return place


@pytest.fixture(scope="session")
def tiny_ensemble(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That run at its best epoch and at its last one, as two members; the second takes shorter sources."""
    import dataclasses

    from pipeline.runs.checkpoints import Checkpoints
    from pipeline.runs.directory import RunDirectory

    other = RunDirectory(tmp_path_factory.mktemp("ensemble") / "other")
    shutil.copytree(tiny_run.path, other.path, ignore=shutil.ignore_patterns("export", "logs", "data"))
    best = Checkpoints(other.checkpoints).best()
    assert best
    shutil.rmtree(best[1].parent)
    configuration = tiny_run.configuration
    changed = dataclasses.replace(
        configuration,
        data=dataclasses.replace(configuration.data, max_length=8),
        search=dataclasses.replace(configuration.search, beam_size=2),
    )
    other.recorded.write({other.config: changed.to_yaml()})
    return Path(f"{tiny_run.path},{other.path}")


@pytest.fixture(scope="session")
def tiny_tuning(tiny_splits: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> "TuningResult":
    """A finished tuning of three trials. Leave it as it is."""
    from pipeline.tuning.space import make_space
    from pipeline.tuning.tune import tune

    configuration = tuning_configuration(tiny_splits)
    how = TuneConfiguration(algorithm="random", trials=3)
    space = make_space(TUNING_SPACE, configuration)
    path, made = make_once(tmp_path_factory, "search", lambda path: tune(configuration, how, path, space))
    return dataclasses.replace(made, path=path)
