"""A tuning in several processes on this machine: one chief who proposes, workers who train, one who looks on."""

import contextlib
import dataclasses
import logging
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.errors import CircumstanceError, MemoryShortError, TrainingError
from pipeline.process.installation import own_command, own_environment
from pipeline.settings.configuration import Configuration
from pipeline.settings.tune import TuneConfiguration

logger = logging.getLogger(__name__)

MEMBER = "ATTENTIF_SEARCH_MEMBER"
"""Environment variable of the processes started here: they end with this one, and leave the report to it."""
LOOPBACK = "127.0.0.1"
RESTARTS = 3
CANNOT_WRITE, MEMORY_SHORT = CircumstanceError.code_for_parent, MemoryShortError.code_for_parent
"""Exit codes of processes started here or for a trial, where not their settings are at fault."""
POLL_SECONDS = 0.5


def run_members(
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
    command = _command(path, tune_configuration)
    port = str(_free_port())
    names = [f"worker{number}" for number in range(1, tune_configuration.workers + 1)]
    with contextlib.ExitStack() as stack:
        chief = stack.enter_context(_member("chief", command, port))
        workers = {name: stack.enter_context(_member(name, command, port)) for name in names}
        restarts = 0
        while chief.poll() is None:
            time.sleep(POLL_SECONDS)
            look()
            for name, worker in workers.items():
                if worker.poll() == CANNOT_WRITE:
                    raise CircumstanceError(f"{name} cannot write; make room, and the same command goes on")
                if worker.poll() not in (None, 0) and chief.poll() is None:
                    restarts += 1
                    if restarts > RESTARTS:
                        raise TrainingError(f"{name} ended with exit code {worker.poll()} again and again")
                    logger.warning("%s ended with exit code %s, starting it again", name, worker.poll())
                    workers[name] = stack.enter_context(_member(name, command, port))
        if chief.returncode == 130:
            raise KeyboardInterrupt
        if chief.returncode:
            raise TrainingError(f"the chief of the tuning ended with exit code {chief.returncode}")


def _command(path: Path, tune_configuration: TuneConfiguration) -> list[str]:
    settings = dataclasses.replace(tune_configuration, space=str(path / "space.yaml"), epochs=None)
    options = [f"--tune.{key}={value}" for key, value in dataclasses.asdict(settings).items() if value is not None]
    begin = [*own_command(), "tune", f"--config={path / 'config.yaml'}", f"--run={path}"]
    return [*begin, *options]


@contextlib.contextmanager
def _member(name: str, command: list[str], port: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **own_environment(),
        "KERASTUNER_TUNER_ID": name,
        "KERASTUNER_ORACLE_IP": LOOPBACK,
        "KERASTUNER_ORACLE_PORT": port,
        MEMBER: "1",
    }
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)
    try:
        yield process
    finally:
        # The end of its standard input ends it too, should this process be killed.
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
