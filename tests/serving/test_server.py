"""A server's start and end."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.runtime.model import Model
from pipeline.serving.limits import Limits
from pipeline.serving.server import Server, address_of, bind
from pipeline.serving.service import Service
from pipeline.settings.text import TextConfiguration
from tests.runtime.conftest import make_folder
from tests.serving.conftest import GatedEngine, Running, read_all, wait_until

ROOT = Path(__file__).parents[2]
Serve = Callable[..., Running]


def test_addresses():
    with bind("localhost", 0, 1) as taken:
        assert re.fullmatch(r"http://(127\.0\.0\.1|\[::1\]):\d+", address_of(taken))
        host, port = taken.getsockname()[:2]
        with pytest.raises(UsageError, match=r"--port \d+: cannot be served \(Address already in use\); another"):
            bind(host, port, 1)
    with pytest.raises(UsageError, match=r"no\.such\.host\.invalid .*cannot be served"):
        bind("no.such.host.invalid", 0, 1)
    with pytest.raises(UsageError, match="give a --host of this machine"):
        bind("192.0.2.1", 0, 1)
    with pytest.raises(UsageError, match="cannot be served"):
        bind("a" * 70, 0, 1)


def test_what_was_taken_is_answered_and_more_is_refused(serve: Serve):
    running = serve()
    kept = running.connect()
    kept.request("GET", "/ready")
    assert kept.getresponse().read() == b'{"ready":true}'
    running.hold()
    taken = running.later(["b"] * 10)
    wait_until(lambda: running.service.turns.waiting == 10)
    running.server.handle_exit(signal.SIGTERM, None)
    for method, path, body in (("GET", "/ready", None), ("POST", "/predict", '{"sources": ["a"]}')):
        kept.request(method, path, body)
        response = kept.getresponse()
        assert (response.status, response.read()[:1]) == (503, b"{")
    assert response.headers["connection"] == "close"
    running.go_on()
    assert taken.result()[0] == running.holding.result()[0] == 200
    running.thread.join(10)
    assert not running.thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        running.ask("GET", "/health")


def test_connections_that_wait_when_it_ends_are_refused_and_not_lost(serve: Serve):
    running, clients = serve(), [socket.socket(), socket.socket()]

    def end() -> None:  # before the event loop takes them
        for client in clients:
            client.connect(("127.0.0.1", running.port))
            client.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        running.server.handle_exit(signal.SIGTERM, None)
        tasks.append(asyncio.get_running_loop().create_task(running.server._take_last()))

    tasks: list[asyncio.Task[None]] = []
    running.server.servers[0].get_loop().call_soon_threadsafe(end)
    running.thread.join(10)
    assert not running.thread.is_alive()
    for client in clients:
        assert read_all(client).startswith(b"HTTP/1.1 503 ")
        client.close()


def test_what_is_not_answered_within_the_grace_is_refused(serve: Serve):
    running = serve(grace=0.1)
    running.hold()
    taken = running.later(["b"] * 10)
    wait_until(lambda: running.service.turns.waiting == 10)
    running.server.handle_exit(signal.SIGTERM, None)
    assert taken.result() == (503, {"error": "the server is ending; try again"})
    running.go_on()
    running.thread.join(10)
    assert not running.thread.is_alive()


def test_who_still_sends_or_does_not_read_when_the_time_is_over_is_left(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("pipeline.serving.server._MARGIN", 0)
    running = serve(grace=0.5)
    running.taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    body = json.dumps({"sources": ["abc"] * 10_000}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.socket() as slow, socket.create_connection(("127.0.0.1", running.port), timeout=10) as sending:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", running.port))
        slow.sendall(head + body)
        wait_until(lambda: running.service.counts.requests[200] == 1)
        sending.sendall(head)
        wait_until(lambda: len(running.server.server_state.tasks) == 2)
        running.server.handle_exit(signal.SIGTERM, None)
        assert sending.recv(1000).startswith(b"HTTP/1.1 503 ")
        running.thread.join(10)
    assert not running.thread.is_alive()
    assert "Traceback" not in caplog.text


def test_it_is_not_ready_before_the_model_has_answered():
    engine = GatedEngine()
    engine.open = False
    running = Running(Model.of(make_folder(TextConfiguration()), engine), engine, Limits())
    assert engine.waits.wait(10)
    assert running.ask("GET", "/health")[0] == 200
    assert running.ask("GET", "/ready") == (503, {"ready": False})
    assert running.predict(["a"]) == (503, {"error": "the model is being opened; try again"})
    running.go_on()
    wait_until(lambda: running.service.ready)
    assert running.predict(["a"])[0] == 200
    running.end()


def test_an_engine_that_fails_at_the_start_ends_the_server():
    engine = GatedEngine()
    engine.breaks_at = "a"
    service = Service(Model.of(make_folder(TextConfiguration()), engine), Limits(), 1)
    with bind("127.0.0.1", 0, 1) as taken:
        server = Server(service, taken)
        thread = threading.Thread(target=server.run, args=[[taken]])
        thread.start()
        thread.join(10)
    assert "node 7 failed" in str(server.failure)


ASK = """
import http.client, json, sys, threading
port, found, lock = int(sys.argv[1]), {"answered": 0, "refused": 0, "lost": 0, "wrong": 0}, threading.Lock()
def ask(number):
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.connect()
        except OSError:
            return
        for _ in range(50):
            try:
                connection.request("POST", "/predict", json.dumps({"sources": ["ab", "abc"]}))
                response = connection.getresponse()
            except ConnectionRefusedError: # told "connection: close" with its last answer, it connected anew
                return
            except OSError:
                with lock: found["lost"] += 1
                return
            said = json.loads(response.read())
            good = response.status == 200
            right = not good or [answer["predictions"][0]["text"] for answer in said["predictions"]] == ["ba", "cba"]
            with lock:
                found["answered" if good else "refused"] += 1
                found["wrong"] += not right
            if not good: return
threads = [threading.Thread(target=ask, args=[number]) for number in range(4)]
[thread.start() for thread in threads]
print("asking", flush=True)
[thread.join() for thread in threads]
print(json.dumps(found))
"""
FAKE = """
import sys, types
sys.modules["ai_edge_litert"] = types.ModuleType("ai_edge_litert")
from tests.runtime import fake_litert
sys.modules["ai_edge_litert.interpreter"] = fake_litert
from pipeline.commands.main import main
raise SystemExit(main(sys.argv[1:]))
"""


def test_sigterm_under_load_loses_nothing(folder: Path):
    places = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", FAKE, "serve", str(folder), "--port", "0", "--workers", "2"]
    server = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": places}, cwd=ROOT
    )
    assert server.stderr
    first = server.stderr.readline()
    found = re.match(r"http://127\.0\.0\.1:(\d+) answers by .*folder \(litert\), 2 at a time; a request has", first)
    assert found, first
    clients = subprocess.Popen([sys.executable, "-c", ASK, found[1]], stdout=subprocess.PIPE, text=True)
    assert clients.stdout
    assert clients.stdout.readline() == "asking\n"
    threading.Event().wait(0.7)
    server.send_signal(signal.SIGTERM)
    counts = json.loads(clients.stdout.read())
    assert (server.wait(20), clients.wait(20)) == (0, 0)
    assert counts["answered"] > 20
    assert (counts["lost"], counts["wrong"]) == (0, 0)
    said = server.stderr.read()
    assert "Traceback" not in said
    assert f"ended: {counts['answered']} requests answered, {counts['refused']} not" in said
