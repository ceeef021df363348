"""A connection of uvicorn that waits for nobody forever, and says in JSON why it is closed."""

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

DRAIN_SECONDS = 2
"""How long connections without a request stay when the server ends: a request on its way is refused, not lost."""


def patient(connections: int, head_seconds: float) -> type[H11Protocol]:
    """The class of connections.

    Args:
        connections: How many may be open; those beyond are told so, of twice as many they are closed at once.
        head_seconds: For the head of a request to arrive, as uvicorn has no limit for it.
    """

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.head_timer: asyncio.TimerHandle | None = None
            if len(self.connections) > 2 * connections:
                transport.abort()
            elif len(self.connections) > connections:
                self.app = _refuse
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop_timer()

        def _watch(self) -> None:
            """Time the head of a request from its first byte on, of the first request from the connection on."""
            if self.conn.their_state is not h11.IDLE:
                self._stop_timer()
            elif self.head_timer is None and not self.transport.is_closing():
                self.head_timer = self.loop.call_later(head_seconds, self._give_up)

        def _stop_timer(self) -> None:
            if self.head_timer is not None:
                self.head_timer.cancel()
                self.head_timer = None

        def _give_up(self) -> None:
            if not self.transport.is_closing():
                self._say("408 Request Timeout", f"no whole request came within {head_seconds:g} s")

        def send_400_response(self, msg: str) -> None:
            self._say("400 Bad Request", "this is no HTTP/1.1 request")

        def _say(self, status: str, message: str) -> None:
            """Answer what is no request yet, and close."""
            if self.cycle is None or self.cycle.response_complete:
                body = error_body(message)
                head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                self.transport.write(f"{head}connection: close\r\n\r\n".encode() + body)
            self.transport.close()

        def shutdown(self) -> None:
            # Also while it answers: who was not told "connection: close" may ask again.
            self.loop.call_later(DRAIN_SECONDS, self._end)

        def _end(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.timeout_keep_alive_handler()
            else:
                self.cycle.keep_alive = False

    async def _refuse(scope: Any, receive: Any, send: Any) -> None:
        body = error_body(f"more than {connections:,} connections; try again later")
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(b"connection", b"close"), (b"retry-after", b"1")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return Connection


def error_body(message: str) -> bytes:
    """All that is refused is told so."""
    return json.dumps({"error": message}, ensure_ascii=False).encode()
