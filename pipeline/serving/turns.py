"""Whose string comes next: requests take turns, a string each, so that a long one delays nobody.

Requests come from the event loop; threads take the strings. Nothing here knows of HTTP or of the model.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

Done = Callable[["Job"], object]


class QueueFullError(Exception):
    """More strings than may wait."""


class AnswerTooLongError(Exception):
    """The answers to a request are longer than they may be."""


class Job:
    """The strings of one request, on their way to answers.

    Args:
        sources: As they were given.
        prefixes: What their outputs begin with, one each.
        n_best: How many outputs of each.
        attention: Whether the answers tell it.
        done: Called once, by whichever thread, when all are answered or an error is known; never after `Turns.drop`.
        most_bytes: Of all answers.
    """

    def __init__(
        self,
        sources: Sequence[str],
        prefixes: Sequence[str] | None = None,
        n_best: int = 1,
        attention: bool = False,
        done: Done = lambda job: None,
        most_bytes: int = 1 << 26,
    ) -> None:
        self.sources, self.prefixes, self.n_best, self.attention = sources, prefixes, n_best, attention
        self.answers: list[bytes] = [b""] * len(sources)
        self.error: Exception | None = None
        self.failed_at = 0
        """The place of the source to which the error belongs."""
        self._done, self._bytes_left = done, most_bytes
        self._taken, self._open, self._ended = 0, len(sources), False

    @property
    def waiting(self) -> int:
        """How many strings nobody has taken yet."""
        return 0 if self._ended else len(self.sources) - self._taken


class Turns:
    """The strings that wait, of all requests.

    Args:
        most: How many may wait.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._jobs: deque[Job] = deque()
        self._waiting, self._closed = 0, False
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)

    @property
    def waiting(self) -> int:
        """How many strings wait."""
        return self._waiting

    def add(self, job: Job) -> None:
        """Let a request's strings wait for their turns.

        Raises:
            QueueFullError: There are too many with them, or nothing is taken any more.
        """
        with self._lock:
            if self._closed or self._waiting + job.waiting > self.most:
                raise QueueFullError
            if job.waiting:
                self._jobs.append(job)
                self._waiting += job.waiting
                self._arrived.notify(job.waiting)
                return
        job._done(job)

    def take(self) -> tuple[Job, int] | None:
        """The next string, waiting for one if need be: its request, and its place there; None at the end of all."""
        with self._lock:
            while not self._jobs:
                if self._closed:
                    return None
                self._arrived.wait()
            job = self._jobs.popleft()
            place = job._taken
            job._taken += 1
            self._waiting -= 1
            if job.waiting:
                self._jobs.append(job)  # behind all others
            return job, place

    def answer(self, job: Job, place: int, answer: bytes) -> None:
        """Keep the answer to a string; the last of them, or one too long, ends the request."""
        with self._lock:
            if job._ended:
                return
            job.answers[place] = answer
            job._open -= 1
            job._bytes_left -= len(answer)
            if job._bytes_left < 0:
                job.error, job.failed_at = AnswerTooLongError(), place
            elif job._open:
                return
            self._end(job)
        job._done(job)

    def fail(self, job: Job, place: int, error: Exception) -> None:
        """End a request by what went wrong with one of its strings."""
        with self._lock:
            if job._ended:
                return
            job.error, job.failed_at = error, place
            self._end(job)
        job._done(job)

    def drop(self, job: Job) -> None:
        """Forget a request that nobody waits for: its remaining strings get no answers."""
        with self._lock:
            if not job._ended:
                self._end(job)

    def close(self, error: Exception) -> None:
        """Take nothing more, and end every request that still waits with an error."""
        with self._lock:
            self._closed = True
            ended = list(self._jobs)
            for job in ended:
                job.error, job.failed_at = error, job._taken
                self._end(job)
            self._arrived.notify_all()
        for job in ended:
            job._done(job)

    def _end(self, job: Job) -> None:
        waiting = job.waiting
        job._ended = True
        if waiting:
            self._waiting -= waiting
            self._jobs.remove(job)
