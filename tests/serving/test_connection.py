"""Connections that send nothing, too little, or something else."""

import socket
from collections.abc import Callable

from tests.serving.conftest import Running, read_all, wait_until

Serve = Callable[..., Running]


def read_until(plain: socket.socket, end: bytes) -> None:
    """An answer may come in pieces."""
    said = b""
    while not said.endswith(end):
        piece = plain.recv(4096)
        assert piece, said
        said += piece


def test_who_sends_no_whole_head_is_given_up(serve: Serve):
    running = serve(body_seconds=0.2)
    for before, sent in ((b"", b""), (b"", b"POST /pre"), (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /hea")):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain:
            plain.sendall(before)
            if before:
                read_until(plain, b'{"alive":true}')
            plain.sendall(sent)
            said = read_all(plain)
            assert said.startswith(b"HTTP/1.1 408 ")
            assert said.endswith(b'{"error": "no whole request came within 0.2 s"}')
    wait_until(lambda: not running.server.server_state.connections)


def test_what_is_no_http_is_refused(serve: Serve):
    running = serve()
    for sent in (b"\x16\x03\x01 hello\r\n\r\n", b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain:
            plain.sendall(sent)
            said = read_all(plain)
            assert said.startswith(b"HTTP/1.1 400 ")
            assert said.endswith(b'{"error": "this is no HTTP/1.1 request"}')
    assert running.predict(["a"])[0] == 200


def test_too_many_connections_are_told_so_and_far_too_many_closed(serve: Serve):
    running = serve(connections=2)
    held = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(2)]
    wait_until(lambda: len(running.server.server_state.connections) == 2)
    status, said = running.ask("GET", "/health")
    assert (status, said) == (503, {"error": "more than 2 connections; try again later"})
    held += [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(2)]
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as beyond:
        assert read_all(beyond) == b""
    for plain in held:
        plain.close()
    wait_until(lambda: not running.server.server_state.connections)
    assert running.predict(["a"])[0] == 200
