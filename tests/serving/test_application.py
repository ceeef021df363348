"""What docs/server.md says of addresses, limits and requests."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from pipeline.commands.serve import LIMITS
from pipeline.serving.limits import Limits
from tests.serving.conftest import Running

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")


def test_the_page_has_every_address_and_no_other(serve: Callable[..., Running]):
    running = serve()
    described = {
        (method.upper(), path)
        for path, methods in running.ask("GET", "/openapi.json")[1]["paths"].items()
        for method in methods
    }
    assert set(re.findall(r"^\| `(\w+) (/[\w.]+)` \|", PAGE, re.MULTILINE)) == described | {("GET", "/openapi.json")}


def test_the_page_has_every_limit():
    rows = dict(re.findall(r"^\| `(--[\w-]+)` \| ([\d,]+) ", PAGE, re.MULTILINE))
    assert rows == {option: f"{Limits._field_defaults[key]:,.0f}" for key, (option, _, _) in LIMITS.items()}


def test_the_page_s_requests_are_taken_and_its_response_is_of_their_form(serve: Callable[..., Running]):
    running = serve()
    bodies = re.findall(r"^curl -d '([^']+)' localhost:8000/predict$", PAGE, re.MULTILINE)
    assert len(bodies) == 3
    found = [running.ask("POST", "/predict", body) for body in bodies]
    assert [status for status, _ in found] == [200] * 3
    shown = json.loads(re.findall(r"```json\n(.*)\n```", PAGE)[0])
    assert shown["predictions"][0].keys() == running.predict(["ab"])[1]["predictions"][0].keys()
    assert [len(said["predictions"][0]["predictions"]) for _, said in found] == [1, 2, 1]  # the fake has two
    assert "attention" in found[1][1]["predictions"][0]
