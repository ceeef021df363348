"""A server from its start to its end: address, threads, signals."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.errors import UsageError
from pipeline.runtime.folder import read_folder
from pipeline.runtime.model import Model
from pipeline.serving.application import make_application
from pipeline.serving.connection import patient
from pipeline.serving.limits import Limits
from pipeline.serving.service import EndingError, Service

logger = logging.getLogger(__name__)

BACKLOG = 2048
_MARGIN = 5
"""Seconds for answers to be read after the grace."""
_REMEDIES = {
    errno.EADDRINUSE: "another program has it, --port 0 takes a free one",
    errno.EACCES: "it is the administrator's, give a --port from 1024 on",
}


def bind(host: str, port: int, idle_seconds: float) -> socket.socket:
    """Take an address.

    Args:
        host: A name or number of this machine.
        port: 0 takes a free one.
        idle_seconds: After which a client that reads nothing of its answer is given up.

    Raises:
        UsageError: It cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * idle_seconds))
        taken.bind(address)
        taken.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        wrong, number = getattr(error, "strerror", None) or error, getattr(error, "errno", None)
        remedy = _REMEDIES.get(number, "give a --host of this machine") if number else "check --host"
        raise UsageError(f"--host {host} --port {port}: cannot be served ({wrong}); {remedy}") from error
    return taken


def address_of(taken: socket.socket) -> str:
    """As a client writes it."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Answers what it has taken before it ends.

    Args:
        service: What answers.
        taken: The address.
    """

    def __init__(self, service: Service, taken: socket.socket) -> None:
        self.service, self.taken = service, taken
        self.failure: Exception | None = None
        limits = service.limits
        super().__init__(
            uvicorn.Config(
                make_application(service),
                http=patient(limits.connections, limits.body_seconds),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=int(limits.grace) + _MARGIN,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and open the engines meanwhile."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        self.service.workers.start(lambda failure: loop.call_soon_threadsafe(self._opened, failure))

    def _opened(self, failure: Exception | None) -> None:
        if failure:
            self.failure, self.should_exit = self.failure or failure, True
            return
        folder, workers = self.service.model.folder, self.service.workers.count
        logger.info(
            "%s answers by %s (%s), %d at a time; %s",
            address_of(self.taken),
            folder.path,
            folder.kind,
            workers,
            self.service.limits,
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take nothing more; the second Ctrl-C ends at once. uvicorn would raise the signal again at the end."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = self.service.ending = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what waits, for as long as the grace lasts."""
        self.service.ending = True
        turns = self.service.turns
        logger.info("ending: %d strings wait", turns.waiting)
        late = asyncio.get_running_loop().call_later(self.service.limits.grace, turns.close, EndingError())
        await self._take_last()
        await super().shutdown(sockets)
        late.cancel()
        turns.close(EndingError())
        requests = self.service.counts.requests
        logger.info("ended: %d requests answered, %d not", requests[200], requests.total() - requests[200])

    async def _take_last(self) -> None:
        """Take the connections that wait, for a refusal as others have: closing the address would lose them."""
        waiting = []
        with contextlib.suppress(OSError):  # BlockingIOError after the last
            while True:
                waiting.append(self.taken.accept()[0])
        for server in self.servers:
            server.close()
        for connection in waiting:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._make_connection, connection)
        await asyncio.sleep(0.1)  # those that asyncio has taken become connections in tasks of their own

    def _make_connection(self) -> H11Protocol:
        kind: Any = self.config.http_protocol_class
        return kind(self.config, self.server_state, self.lifespan.state)


def serve_folder(folder: Path, host: str, port: int, workers: int, limits: Limits) -> None:
    """Answer until SIGTERM or Ctrl-C comes.

    Args:
        folder: What `export --format litert` or `onnx` wrote.
        host: See `bind`.
        port: See `bind`.
        workers: How many strings are answered at a time.
        limits: What a client may take.

    Raises:
        UsageError: The address cannot be had, there is no such folder, or its engine is not installed.
        DataError: The folder is damaged.
    """
    read = read_folder(folder)
    model = Model.of(read, read.open_engine())
    with bind(host, port, limits.seconds) as taken:
        server = Server(Service(model, limits, workers), taken)
        server.run([taken])
    if server.failure:
        raise server.failure
