"""A training whose corpus, run and export lie in an S3 server: killed, gone on with elsewhere, exported, served."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.stores.copies import FOLDER
from pipeline.stores.store import Store
from tests.store_servers import BUCKET, Way, s3_server

ROOT = Path(__file__).parents[2]
RUN = f"s3://{BUCKET}/runs/tiny"
SETTINGS = [
    *("--config=cmudict", "--text.target_tokenizer=space", "--model.units=16", "--model.embedding_units=8"),
    *("--data.batch_tokens=256", "--data.buckets=2", "--train.epochs=4", "--train.min_epoch_tokens=3000"),
    *("--train.deterministic=true", "--train.checkpoint_steps=5", "--data.max_length=16"),
]
pytestmark = pytest.mark.slow


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    with s3_server(monkeypatch.setenv) as way:
        yield way


def command(*words: str, copies: Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, FOLDER: str(copies)}
    line = [sys.executable, "-m", "pipeline", *words]
    return subprocess.run(line, cwd=ROOT, env=environment, input=text, capture_output=True, text=True, timeout=600)


def weights(run: Path) -> dict[str, bytes]:
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted((run / "checkpoints").rglob("*"))
        if path.name == "variables.safetensors"
    }


def served_answers(folder: str, sources: list[str], copies: Path) -> list[str]:
    """What a server says that was given the address of a folder."""
    environment = {**os.environ, FOLDER: str(copies)}
    line = [sys.executable, "-m", "pipeline", "serve", folder, "--port", "0"]
    with subprocess.Popen(line, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        try:
            lines = iter(server.stderr.readline, "")
            [port] = next(filter(None, (re.findall(r"^http://127\.0\.0\.1:(\d+) ", line) for line in lines)))
            asked = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
            asked.request("POST", "/predict", json.dumps({"sources": sources}), {"Content-Type": "application/json"})
            answers = json.loads(asked.getresponse().read())["predictions"]
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    return [answer["predictions"][0]["text"] for answer in answers]


def test_killed_gone_on_with_elsewhere_and_exported(s3: Way, tiny_splits: dict[str, str], tmp_path: Path):
    there = {}
    for name, path in tiny_splits.items():
        there[name] = f"s3://{BUCKET}/data/{name}.tsv"
        Store(there[name], writes=True).write(there[name], Path(path).read_bytes())
    local = [f"--data.{name}={path}" for name, path in tiny_splits.items()]
    remote = [f"--data.{name}={address}" for name, address in there.items()]
    here = command("train", "--run", str(tmp_path / "local"), *local, *SETTINGS, copies=tmp_path / "none")
    assert here.returncode == 0, here.stderr

    environment = {**os.environ, FOLDER: str(tmp_path / "first")}
    line = [sys.executable, "-m", "pipeline", "train", "--run", RUN, *remote, *SETTINGS]
    with open(tmp_path / "log", "w") as log:
        killed = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=log, stderr=log)
        end = time.monotonic() + 300
        while not Store(RUN).find(f"{RUN}/lists") and killed.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL, (tmp_path / "log").read_text()

    # Another machine: nothing of the first one is there.
    went_on = command("train", "--run", RUN, *remote, *SETTINGS, copies=tmp_path / "second")
    assert went_on.returncode == 0, went_on.stderr
    assert "going on with the unfinished run" in went_on.stderr
    assert went_on.stdout == here.stdout
    [run] = (tmp_path / "second" / "runs").glob("*/tiny")
    assert weights(run) == weights(tmp_path / "local")
    assert (run / "metrics.jsonl").is_file()

    words = "ab\néß\n"
    expected = command("predict", str(tmp_path / "local"), "-", text=words, copies=tmp_path / "none").stdout
    for model in (RUN, f"{RUN}/export"):
        answered = command("predict", model, "-", text=words, copies=tmp_path / "third")
        assert answered.returncode == 0, answered.stderr
        assert answered.stdout == expected
    folder = f"s3://{BUCKET}/served/litert"
    converted = command("export", RUN, folder, "--format", "litert", copies=tmp_path / "third")
    assert converted.returncode == 0, converted.stderr
    assert served_answers(folder, words.split(), tmp_path / "sixth") == expected.split("\n")[:-1]
    # Finished is finished, wherever it is asked for.
    again = command("train", "--run", RUN, *remote, *SETTINGS, copies=tmp_path / "fifth")
    assert again.returncode == 0, again.stderr
    assert again.stdout == here.stdout
    assert "finished before, nothing to do" in again.stderr
