"""One request from its body to its answer: read within limits, let wait for its turns, given up in time."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.errors import AttentifError
from pipeline.process.system_errors import brief
from pipeline.runtime.model import Model
from pipeline.serving.connection import error_body
from pipeline.serving.counts import Counts
from pipeline.serving.limits import Limits
from pipeline.serving.questions import Question, RefusedError, read_question
from pipeline.serving.turns import AnswerTooLongError, Job, QueueFullError, Turns
from pipeline.serving.workers import Workers

logger = logging.getLogger(__name__)

PIECE = 1 << 16
ENDING = "the server is ending"
GONE = 499
_DISCARDED = 16
"""How many times the longest body is read and forgotten, so that its sender reads why."""


class EndingError(Exception):
    """The server ends before a request has its turn."""

    def __init__(self) -> None:
        super().__init__(ENDING)


class Service:
    """What answers requests; used by the event loop alone, but for the turns.

    Args:
        model: What answers.
        limits: What a client may take.
        workers: How many threads answer.
    """

    def __init__(self, model: Model, limits: Limits, workers: int) -> None:
        self.model, self.limits = model, limits
        self.turns, self.counts = Turns(limits.queue), Counts()
        self.workers = Workers(model, workers, self.turns)
        self.ending = False

    @property
    def ready(self) -> bool:
        """Whether requests are taken."""
        return self.workers.ready and not self.ending

    def describe(self) -> dict[str, Any]:
        """What the folder is, without its symbols, and the limits."""
        folder = self.model.folder
        return {
            "folder": folder.path.name,
            "kind": folder.kind,
            "n_best": folder.n_best,
            "max_length": folder.max_length,
            "max_target_length": folder.max_target_length,
            "search": folder.search,
            "text": dataclasses.asdict(folder.text),
            "workers": self.workers.count,
            "limits": self.limits._asdict(),
        }

    async def predict(self, request: Request) -> Response:
        """Answer a request, or refuse it with a reason."""
        try:
            question = read_question(await self._read_body(request), self.limits, self.model.folder.n_best)
            began = time.monotonic()
            answers = await self._wait_for(self._enter(question), request)
        except RefusedError as refused:
            return self.refuse(refused)
        except ClientDisconnect:
            self.counts.requests[GONE] += 1
            return Response(status_code=GONE)  # nobody reads it
        except asyncio.CancelledError:
            if not self.ending:
                raise
            return self.refuse(RefusedError(503, f"{ENDING}; try again"))
        except Exception as error:
            return self.refuse(RefusedError(500, f"unexpected {brief(error)}"))
        self.counts.answered(len(answers), time.monotonic() - began)
        return Answers(answers, {"connection": "close"} if self.ending else {})

    def refuse(self, refused: RefusedError) -> Response:
        """Say why, to the client and in the log."""
        self.counts.requests[refused.status] += 1
        logger.warning("refused (%d): %s", refused.status, refused)
        headers = {"connection": "close"} if refused.close or self.ending else {}
        if refused.again:
            headers["retry-after"] = str(refused.again)
        return Response(error_body(str(refused)), refused.status, headers, "application/json")

    async def _read_body(self, request: Request) -> bytes:
        most, body, size = self.limits.body_bytes, bytearray(), 0
        declared = request.headers.get("content-length", "0")
        too_long = declared.isdecimal() and int(declared) > most
        waits_to_send = too_long and request.headers.get("expect", "").lower() == "100-continue"
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                if not waits_to_send:
                    async for piece in request.stream():
                        size += len(piece)
                        if size <= most and not too_long:
                            body += piece
                        elif size > _DISCARDED * most:
                            break
        except TimeoutError:
            seconds = self.limits.body_seconds
            raise RefusedError(408, f"the body did not come within {seconds:g} s", close=True) from None
        if too_long or size > most:
            raise RefusedError(413, f"the body has more than {most:,} bytes; ask in parts", close=True)
        return bytes(body)

    def _enter(self, question: Question) -> tuple[Job, asyncio.Future[None]]:
        """Let the strings wait for their turns; the future tells when all have had them."""
        if not self.ready:
            words = ENDING if self.ending else "the model is being opened"
            raise RefusedError(503, f"{words}; try again", again=1)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            if not ended.done():
                ended.set_result(None)

        job = Job(
            question.sources,
            question.prefixes,
            question.n_best,
            question.attention,
            lambda job: loop.call_soon_threadsafe(tell),
            self.limits.answer_bytes,
        )
        try:
            self.turns.add(job)
        except QueueFullError:
            wrong = f"{self.turns.waiting:,} strings wait, at most {self.turns.most:,} may; try again later"
            raise RefusedError(503, wrong, again=1) from None
        return job, ended

    async def _wait_for(self, entered: tuple[Job, asyncio.Future[None]], request: Request) -> list[bytes]:
        job, ended = entered
        left = asyncio.create_task(_until_left(request.receive))
        try:
            await asyncio.wait({ended, left}, timeout=self.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.turns.drop(job)
            left.cancel()
        if ended.done():
            _raise_error(job, self.limits)
            return job.answers
        if left.done():
            raise ClientDisconnect
        raise RefusedError(504, f"no answer within {self.limits.seconds:g} s; ask for less at once", again=1)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raise_error(job: Job, limits: Limits) -> None:
    error = job.error
    if error is None:
        return
    if isinstance(error, EndingError):
        raise RefusedError(503, f"{ENDING}; try again", again=1)
    if isinstance(error, AnswerTooLongError):
        raise RefusedError(413, f"the answers have more than {limits.answer_bytes:,} bytes; ask in parts")
    words = str(error) if isinstance(error, AttentifError) else f"unexpected {brief(error)}"
    raise RefusedError(500, f"sources[{job.failed_at}]: {words}")


class Answers(Response):
    """The answers, each JSON already, sent in pieces: a long response is never copied as a whole.

    Args:
        answers: As `answer_string` gives them.
        headers: Further ones.
    """

    media_type = "application/json"

    def __init__(self, answers: list[bytes], headers: dict[str, str]) -> None:
        length = sum(map(len, answers)) + 2 * max(0, len(answers) - 1) + len(_BEFORE) + len(_AFTER)
        super().__init__(None, headers={**headers, "content-length": str(length)})
        self.answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        start: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        with contextlib.suppress(asyncio.CancelledError):  # the server ends, and has waited for the client to read
            for piece, last in _pieces(self.answers):
                await send({"type": "http.response.body", "body": piece, "more_body": not last})
                if not last:
                    await asyncio.sleep(0)  # others first


_BEFORE, _AFTER = b'{"predictions": [', b"]}"


def _pieces(answers: list[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The body, and of each piece whether it is the last."""
    piece = bytearray(_BEFORE)
    for number, answer in enumerate(answers):
        piece += b", " + answer if number else answer
        if len(piece) > PIECE:
            yield bytes(piece), False
            piece.clear()
    yield bytes(piece + _AFTER), True
