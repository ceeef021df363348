"""Clients of `serve`: processes that ask over kept connections, and hold every answer to `predict`'s.

They import nothing but the standard library, so that what they do beside the server is little.
"""

import array
import http.client
import json
import multiprocessing
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

ANSWER_SECONDS = 120
RETRY_SECONDS = 0.1


class Load(NamedTuple):
    """What each client does."""

    port: int
    requests: int
    """Of each client; 0 goes on until `seconds` are over."""
    least: int
    most: int
    """Strings of a request: every number from `least` on is as frequent."""
    seed: int
    pace: float = 0.0
    """Seconds from one request to the next; 0 asks again as soon as it is answered."""
    seconds: float = 0.0
    retry: bool = False
    """Whether to ask again where the connection breaks or the server refuses, until there is an answer."""


class Seen(NamedTuple):
    """What came of it."""

    seconds: list[float]
    """For each request."""
    strings: int
    wrong: int
    """Responses that are not, byte by byte, what `predict --json` says of their strings."""
    retries: int


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    ordered = sorted(seconds)
    at = {part: ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (50, 99)}
    return {f"p{part} ms": round(1000 * value, 2) for part, value in at.items()}


def run_clients(count: int, load: Load, answers: Mapping[str, bytes], done: Any) -> Seen:
    """Let clients ask at the same time.

    Args:
        count: How many processes.
        load: What each does, with a seed of its own.
        answers: Of each word that may be asked for.
        done: A `multiprocessing.Value` that counts the requests.
    """
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    processes = [
        context.Process(
            target=_client, args=(load._replace(seed=load.seed + number), dict(answers), done, found), daemon=True
        )
        for number in range(count)
    ]
    for process in processes:
        process.start()
    seen = [found.get() for _ in processes]
    for process in processes:
        process.join()
    failures = [one for one in seen if isinstance(one, str)]
    if failures:
        raise RuntimeError(failures[0])
    return Seen(
        [seconds for one in seen for seconds in one.seconds],
        *(sum(getattr(one, field) for one in seen) for field in ("strings", "wrong", "retries")),
    )


def requests_of(load: Load, words: Sequence[str]) -> Iterator[list[str]]:
    """The strings of one request after the other, the same for the same seed."""
    chance, number = random.Random(load.seed), 0
    while not load.requests or number < load.requests:
        yield chance.choices(words, k=chance.randint(load.least, load.most))
        number += 1


def _client(load: Load, answers: dict[str, bytes], done: Any, found: Any) -> None:
    try:
        found.put(_ask_all(load, answers, done))
    except Exception as error:
        found.put(f"a client: {type(error).__name__}: {error}")


def _ask_all(load: Load, answers: dict[str, bytes], done: Any) -> Seen:
    words = list(answers)
    taken, strings, wrong = array.array("d"), 0, 0
    client = Client(load.port, load.retry)
    began = time.perf_counter()
    following = began + load.pace * random.Random(load.seed).random()
    for asked in requests_of(load, words):
        if load.pace:
            time.sleep(max(0.0, following - time.perf_counter()))
            following += load.pace
        sent = time.perf_counter()
        if load.seconds and sent - began > load.seconds:
            break
        said = client.ask(asked)
        taken.append(time.perf_counter() - sent)
        strings += len(asked)
        wrong += said != b'{"predictions": [' + b", ".join([answers[word] for word in asked]) + b"]}"
        with done.get_lock():
            done.value += 1
    return Seen(taken.tolist(), strings, wrong, client.retries)


class Client:
    """One connection.

    Args:
        port: Of the server.
        retry: See `Load`.
    """

    def __init__(self, port: int, retry: bool = False) -> None:
        self.port, self.retry, self.retries = port, retry, 0
        self.connection: http.client.HTTPConnection | None = None

    def ask(self, sources: Sequence[str]) -> bytes:
        """The body of the response.

        Raises:
            RuntimeError: It is refused, and shall not be tried again.
            OSError: The connection breaks, likewise.
        """
        body = json.dumps({"sources": sources})
        while True:
            try:
                status, said = self._ask(body)
                if status == 200:
                    return said
                if not (self.retry and status == 503):
                    raise RuntimeError(f"{status}: {said[:300].decode()}")
            except (OSError, http.client.HTTPException):
                self.close()
                if not self.retry:
                    raise
            self.retries += 1
            time.sleep(RETRY_SECONDS)

    def _ask(self, body: str) -> tuple[int, bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        self.connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        said = response.read()
        if response.will_close:
            self.close()
        return response.status, said

    def close(self) -> None:
        """End the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
