"""A server in a thread, whose model is none: its engine says sources backwards, when it is let."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.runtime.engines import Arrays
from pipeline.runtime.model import Model
from pipeline.serving.limits import Limits
from pipeline.serving.server import Server, bind
from pipeline.serving.service import Service
from pipeline.settings.text import TextConfiguration
from tests.plain_engine import write_folder
from tests.runtime.conftest import make_folder
from tests.runtime.fake_litert import Interpreter

MOST_SECONDS = 20
FIRST = 4
"""The id of the letter a."""


class GatedEngine:
    """Waits before every search, once it is closed, until it is let through."""

    def __init__(self) -> None:
        self.searched: list[str] = []
        self.let = threading.Semaphore(0)
        self.open = True
        self.waits = threading.Event()
        self.breaks_at: str | None = None
        self._fake = Interpreter.__new__(Interpreter)

    def run(self, source: np.ndarray, prefix: np.ndarray) -> Arrays:
        said = "".join("abcéß東"[number - FIRST] if number >= FIRST else "?" for number in source[0, :-1])
        self.searched.append(said)
        if not self.open:
            self.waits.set()
            assert self.let.acquire(timeout=MOST_SECONDS)
        if said == self.breaks_at:
            raise RuntimeError("node 7 failed")
        return self._fake(source, prefix)


class Running:
    """A server, and how to ask it."""

    def __init__(self, model: Model, engine: GatedEngine, limits: Limits) -> None:
        self.engine, self.taken = engine, bind("127.0.0.1", 0, 5)
        self.port = self.taken.getsockname()[1]
        self.service = Service(model, limits, 1)
        self.server = Server(self.service, self.taken)
        self.thread = threading.Thread(target=self.server.run, args=[[self.taken]], daemon=True)
        self.thread.start()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=MOST_SECONDS)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status, and JSON."""
        status, said, _ = self.ask_whole(method, path, body, headers)
        return status, json.loads(said)

    def ask_whole(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        with contextlib.closing(self.connect()) as connection:
            sent = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
            connection.request(method, path, sent, headers or {})
            response = connection.getresponse()
            return response.status, response.read(), response.headers

    def predict(self, sources: list[str], **more: Any) -> tuple[int, Any]:
        return self.ask("POST", "/predict", {"sources": sources, **more})

    def later(self, sources: list[str], **more: Any) -> "Later":
        """Ask in a thread."""
        return Later(lambda: self.predict(sources, **more))

    def hold(self) -> None:
        """Let no search through, and wait until one is held."""
        self.engine.open = False
        self.holding = self.later(["a"])
        assert self.engine.waits.wait(MOST_SECONDS)

    def go_on(self) -> None:
        self.engine.open = True
        self.engine.let.release(1000)

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join(MOST_SECONDS)
        assert not self.thread.is_alive()


class Later:
    """What a thread finds."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.thread = threading.Thread(target=lambda: self._run(work), daemon=True)
        self.thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        self.found = work()

    def result(self) -> Any:
        self.thread.join(MOST_SECONDS)
        return self.found


def read_all(plain: socket.socket) -> bytes:
    """What comes until the server closes."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := plain.recv(4096):
            said += piece
    return said


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "folder", make_folder(TextConfiguration()))


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """A server with these limits; ended after the test."""
    started: list[Running] = []

    def start(**limits: Any) -> Running:
        engine = GatedEngine()
        model = Model.of(make_folder(TextConfiguration()), engine)
        running = Running(model, engine, Limits()._replace(**limits))
        started.append(running)
        wait_until(lambda: running.service.ready)
        engine.searched.clear()
        return running

    yield start
    for running in started:
        running.go_on()
        running.end()
