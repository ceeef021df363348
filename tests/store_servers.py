"""Real servers on loopback for what lies in stores: S3, WebDAV, and a way to them that cuts connections and fails."""

import contextlib
import http.client
import os
import socketserver
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUCKET = "bucket"


class Fault:
    """What goes wrong with the next answers to some requests.

    Args:
        kind: "503"; "cut", of which half the body comes; "stale", the answer that the same request had before.
        times: How many answers.
        method: Of the requests.
        part: Stands in their paths.
    """

    def __init__(self, kind: str, times: int, method: str = "GET", part: str = "") -> None:
        self.kind, self.times, self.method, self.part = kind, times, method, part
        self.happened = 0

    def takes(self, method: str, path: str) -> bool:
        return self.happened < self.times and method == self.method and self.part in path


class Way:
    """A proxy before a server.

    Args:
        port: Of the server.
    """

    def __init__(self, port: int) -> None:
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str]] = []
        self._answers: dict[tuple[str, str], tuple[int, list[tuple[str, str]], bytes]] = {}
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                way._handle(self, port)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do_PROPFIND = do_OPTIONS = handle_any

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def fail(self, kind: str, times: int = 1, method: str = "GET", part: str = "") -> Fault:
        fault = Fault(kind, times, method, part)
        self.faults.append(fault)
        return fault

    def _handle(self, request: BaseHTTPRequestHandler, port: int) -> None:
        key = (request.command, request.path)
        self.asked.append(key)
        body = _body(request)
        fault = next((fault for fault in self.faults if fault.takes(*key)), None)
        before = self._answers.get(key)
        if fault and (fault.kind != "stale" or before):
            fault.happened += 1
            if fault.kind == "503":
                return _answer(request, 503, [("Content-Type", "text/plain")], b"slow down")
            if fault.kind == "stale":
                assert before is not None
                return _answer(request, *before)
        if fault and fault.kind == "cut" and request.command == "PUT":
            # The server gets nothing, and who sends gets no answer.
            request.close_connection = True
            return request.connection.close()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "transfer-encoding"}
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        found = answer.status, [(name, value) for name, value in answer.getheaders()], content
        connection.close()
        self._answers[key] = found
        return _answer(request, *found, cut=bool(fault and fault.kind == "cut"))


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        parts = []
        while size := int(request.rfile.readline().split(b";")[0], 16):
            parts.append(request.rfile.read(size))
            request.rfile.readline()
        request.rfile.readline()
        return b"".join(parts)
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _answer(
    request: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], content: bytes, cut: bool = False
) -> None:
    request.send_response_only(status)
    for name, value in headers:
        if name.lower() not in ("content-length", "transfer-encoding", "connection"):
            request.send_header(name, value)
    length = next((value for name, value in headers if name.lower() == "content-length"), str(len(content)))
    request.send_header("Content-Length", length if request.command == "HEAD" else str(len(content)))
    request.end_headers()
    with contextlib.suppress(OSError):
        if cut:
            request.wfile.write(content[: len(content) // 2])
            request.wfile.flush()
            request.close_connection = True
            request.connection.shutdown(2)
        elif request.command != "HEAD":
            request.wfile.write(content)


@contextlib.contextmanager
def s3_server(set_variable: Callable[[str, str], object]) -> Iterator[Way]:
    """An S3 server with an empty bucket; what leads to it is set in the environment, also of child processes."""
    moto = pytest.importorskip("moto.server", reason="moto: requirements-dev.txt has it")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    way = Way(server.get_host_and_port()[1])
    # It keeps its objects in this process.
    urllib.request.urlopen(f"http://127.0.0.1:{way.port}/moto-api/reset", data=b"").read()
    named = {
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{way.port}",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # Attentif's own trying again is what is tested.
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in named.items():
        set_variable(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem(use_listings_cache=False).mkdir(BUCKET)
    try:
        yield way
    finally:
        way.close()
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()


@contextlib.contextmanager
def webdav_server(folder: Path) -> Iterator[Way]:
    """A WebDAV server over a folder, to read from by HTTP."""
    wsgidav = pytest.importorskip("wsgidav.wsgidav_app", reason="wsgidav: requirements-dev.txt has it")
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    class Server(socketserver.ThreadingMixIn, WSGIServer):
        daemon_threads = True

    app = wsgidav.WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": True}},
            "verbose": 0,
            "logging": {"enable": False},
        }
    )
    server = make_server("127.0.0.1", 0, app, Server, Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    way = Way(server.server_address[1])
    try:
        yield way
    finally:
        way.close()
        server.shutdown()
        server.server_close()
