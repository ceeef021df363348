"""A tuning in several processes on this machine: one chief who proposes, workers who train, one who looks on."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.cluster.local_workers import free_ports
from pipeline.errors import CircumstanceError, TrainingError
from pipeline.process.children import CANNOT_WRITE, Child
from pipeline.process.installation import own_environment
from pipeline.settings.configuration import Configuration
from pipeline.settings.tune import TuneConfiguration

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
RESTARTS = 3
GRACE_SECONDS = 30.0
POLL_SECONDS = 0.5


def run_workers(
    path: Path, configuration: Configuration, tune_configuration: TuneConfiguration, look: Callable[[], None]
) -> None:
    """Start a chief and `workers` workers over loopback and wait until the tuning has ended.

    A worker that dies is started again, and its trial with it.

    Args:
        path: Directory of the tuning, begun: `config.yaml` and `space.yaml` are there.
        configuration: As saved there.
        tune_configuration: How to tune.
        look: Called now and then.

    Raises:
        TrainingError: The chief, or a worker again and again, ended unexpectedly.
    """
    arguments = _arguments(path, tune_configuration)
    [port] = map(str, free_ports(1))
    names = [f"worker{number}" for number in range(1, tune_configuration.workers + 1)]
    with contextlib.ExitStack() as stack:
        chief = stack.enter_context(_start("chief", arguments, port))
        workers = {name: stack.enter_context(_start(name, arguments, port)) for name in names}
        restarts = 0
        while chief.exit_code() is None:
            time.sleep(POLL_SECONDS)
            look()
            for name, worker in workers.items():
                code = worker.exit_code()
                if code == CANNOT_WRITE:
                    raise CircumstanceError(f"{name} cannot write; make room, and the same command goes on")
                if code and chief.exit_code() is None:
                    restarts += 1
                    if restarts > RESTARTS:
                        raise TrainingError(f"{name} ended with exit code {code} again and again")
                    logger.warning("%s ended with exit code %s, starting it again", name, code)
                    workers[name] = stack.enter_context(_start(name, arguments, port))
        if chief.exit_code() == 130:
            raise KeyboardInterrupt
        if chief.exit_code():
            raise TrainingError(f"the chief of the tuning ended with exit code {chief.exit_code()}")


def _arguments(path: Path, tune_configuration: TuneConfiguration) -> list[str]:
    settings = dataclasses.replace(tune_configuration, space=str(path / "space.yaml"), epochs=None)
    options = [f"--tune.{key}={value}" for key, value in dataclasses.asdict(settings).items() if value is not None]
    return ["tune", f"--config={path / 'config.yaml'}", f"--run={path}", *options]


@contextlib.contextmanager
def _start(name: str, arguments: list[str], port: str) -> Iterator[Child]:
    """A chief or worker, which ends here at the latest."""
    roles = {"KERASTUNER_TUNER_ID": name, "KERASTUNER_ORACLE_IP": LOOPBACK, "KERASTUNER_ORACLE_PORT": port}
    child = Child(arguments, {**own_environment(), **roles})
    try:
        yield child
    finally:
        child.stop(grace=GRACE_SECONDS)
