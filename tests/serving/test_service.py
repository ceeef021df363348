"""Requests over a real connection: answers, limits, turns, time."""

import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.commands.main import main
from tests.runtime import fake_litert
from tests.serving.conftest import Running, read_all, wait_until

Serve = Callable[..., Running]
ODD = ["ab", "ß東é", "", "abc\tx", "ABBA", "a" * 14, "e\u0301" * 5, "b\rc", "a" * 9, "0 1", "e" + "\u0301" * 1001]


@pytest.mark.parametrize("options", [[], ["--n-best", "3"], ["--prefixes"]])
def test_the_same_objects_as_predict_json(
    options: list[str],
    serve: Serve,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    prefixes = ["b" if number % 2 else "" for number in range(len(ODD))] if "--prefixes" in options else None
    lines = [f"{source}\t{prefix}" for source, prefix in zip(ODD, prefixes, strict=True)] if prefixes else ODD
    asked = [source for source in ODD if not prefixes or "\t" not in source]
    lines = [line for line, source in zip(lines, ODD, strict=True) if source in asked]
    (tmp_path / "lines").write_bytes("".join(f"{line}\n" for line in lines).encode())
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", fake_litert)
    assert main(["predict", str(folder), str(tmp_path / "lines"), "--json", *options]) == 0
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    more = {"n_best": 3 if "3" in options else 1}
    if prefixes:
        more["prefixes"] = [prefix for prefix, source in zip(prefixes, ODD, strict=True) if source in asked]
    running = serve()
    assert running.predict(asked, attention=True, **more) == (200, {"predictions": expected})
    for answer in expected:
        answer.pop("attention", None)
    assert running.predict(asked, **more) == (200, {"predictions": expected})


def test_other_addresses(serve: Serve):
    running = serve()
    assert running.ask("GET", "/health") == (200, {"alive": True})
    assert running.ask("GET", "/ready") == (200, {"ready": True})
    status, model = running.ask("GET", "/model")
    assert (status, model["kind"], model["n_best"], model["search"]["beam_size"]) == (200, "litert", 3, 3)
    assert model["limits"]["strings"] == 10_000
    assert "/predict" in running.ask("GET", "/openapi.json")[1]["paths"]
    # FastAPI's pages would load scripts from elsewhere.
    for path in ("/docs", "/redoc", "/nothing"):
        assert running.ask("GET", path) == (404, {"error": f"GET {path}: Not Found"})
    assert running.ask("GET", "/predict") == (405, {"error": "GET /predict: Method Not Allowed"})


def test_requests_are_counted(serve: Serve):
    running = serve()
    assert running.predict(["ab", "b"])[0] == 200
    assert running.predict(["a"], n_best=7)[0] == 422
    counted = running.ask_whole("GET", "/metrics")[1].decode()
    for line in ('requests_total{status="200"} 1', 'requests_total{status="422"} 1', "strings_total 2", "ready 1"):
        assert f"attentif_{line}\n" in counted
    assert 'request_seconds{quantile="0.99"}' in counted


def test_a_huge_request_and_small_ones_take_turns(serve: Serve):
    running = serve()
    running.hold()
    huge = running.later(["aa"] * 500)
    wait_until(lambda: running.service.turns.waiting == 500)
    small = running.later(["ab", "ac"])
    wait_until(lambda: running.service.turns.waiting == 502)
    running.go_on()
    assert small.result()[0] == huge.result()[0] == 200
    assert running.engine.searched[:6] == ["a", "aa", "ab", "aa", "ac", "aa"]
    assert len(huge.result()[1]["predictions"]) == 500


def test_a_failing_string_is_named_and_others_are_answered(serve: Serve):
    running = serve()
    running.engine.breaks_at = "cc"
    other = running.later(["ab"] * 20)
    status, said = running.predict(["a", "cc", "b"])
    assert (status, said["error"].startswith("sources[1]: folder: the model file fails")) == (500, True)
    assert "node 7 failed" in said["error"]
    assert other.result()[0] == 200
    assert running.predict(["a"])[0] == 200


def test_a_full_queue_refuses_and_says_when_to_come_again(serve: Serve):
    running = serve(queue=5)
    running.hold()
    waiting = running.later(["b"] * 4)
    wait_until(lambda: running.service.turns.waiting == 4)
    status, said, headers = running.ask_whole("POST", "/predict", {"sources": ["a", "a"]})
    assert (status, b"4 strings wait, at most 5" in said, int(headers["retry-after"]) >= 1) == (503, True, True)
    running.go_on()
    assert waiting.result()[0] == 200


def test_time_is_up_and_the_rest_is_not_computed(serve: Serve):
    running = serve(seconds=0.2)
    running.engine.open = False
    status, said = running.predict(["ab", "b", "c"])
    assert (status, said["error"]) == (504, "no answer within 0.2 s; ask for less at once")
    assert running.service.turns.waiting == 0
    running.go_on()
    assert running.predict(["c"])[0] == 200
    assert running.engine.searched == ["ab", "c"]


def test_who_leaves_gets_no_more_computed(serve: Serve):
    running = serve()
    running.engine.open = False
    connection = running.connect()
    connection.request("POST", "/predict", json.dumps({"sources": ["ab"] * 50}))
    assert running.engine.waits.wait(10)
    connection.close()
    wait_until(lambda: running.service.turns.waiting == 0)
    running.go_on()
    assert running.predict(["c"])[0] == 200
    assert running.engine.searched == ["ab", "c"]
    assert running.service.counts.requests[499] == 1


def test_long_bodies_are_refused_with_and_without_a_length(serve: Serve):
    running = serve(body_bytes=100)
    body = json.dumps({"sources": ["a" * 200]})
    status, said, headers = running.ask_whole("POST", "/predict", body)
    assert (status, json.loads(said)) == (413, {"error": "the body has more than 100 bytes; ask in parts"})
    assert headers["connection"] == "close"
    connection = running.connect()
    connection.request("POST", "/predict", iter([body.encode()]), encode_chunked=True)
    assert connection.getresponse().status == 413
    # Who asks before sending is told without.
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain:
        plain.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 413 ")
    assert running.predict(["a"])[0] == 200


def test_slow_bodies_are_given_up(serve: Serve):
    running = serve(body_seconds=0.2)
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as plain:
        plain.sendall(b'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"sour')
        said = read_all(plain)
        assert said.startswith(b"HTTP/1.1 408 ")
        assert said.endswith(b'{"error": "the body did not come within 0.2 s"}')


def test_answers_are_bounded(serve: Serve):
    running = serve(answer_bytes=1000)
    status, said = running.predict(["ab"] * 50)
    assert (status, said["error"]) == (413, "the answers have more than 1,000 bytes; ask in parts")
    assert running.predict(["ab"])[0] == 200


def test_long_answers_come_in_pieces(serve: Serve):
    running = serve()
    status, said, headers = running.ask_whole("POST", "/predict", {"sources": ["abc"] * 2000})
    assert (status, int(headers["content-length"])) == (200, len(said))
    assert len(said) > 3 * (1 << 16)
    assert [answer["predictions"][0]["text"] for answer in json.loads(said)["predictions"]] == ["cba"] * 2000


def test_a_kept_connection_takes_one_request_after_the_other(serve: Serve):
    connection = serve().connect()
    for status, body in ((200, {"sources": ["a"]}), (422, {}), (200, {"sources": []}), (200, {"sources": ["b"]})):
        connection.request("POST", "/predict", json.dumps(body))
        response = connection.getresponse()
        assert (response.status, response.read()[:1]) == (status, b"{")


def test_refusals_are_logged_in_a_line(serve: Serve, caplog: pytest.LogCaptureFixture):
    running = serve()
    running.predict(["a"], n_best=9)
    running.predict(["b"])
    time.sleep(0.01)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert lines == ["refused (422): n_best is 9, the folder keeps 3; export again with more"]
