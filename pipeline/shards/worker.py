"""A process that answers shards until all of a folder are done, by it or by others."""

import json
import logging
import time
from collections.abc import Sequence

from pipeline.answering.predictions import AnswersStrings
from pipeline.files.durable import write_atomically
from pipeline.shards.asked import Asked
from pipeline.shards.claims import Claims
from pipeline.shards.hashed_files import ShardError
from pipeline.shards.listing import Shard
from pipeline.shards.place import Place
from pipeline.shards.shard_answers import answer_shard

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.0


class Worker:
    """Answers shards.

    Args:
        asked: What is asked.
        predictor: The model, opened.
        place: Where the answers go.
        token: Names the command that this is a worker of: what one of its workers cannot answer, none tries again.
        claims: What others are at.
    """

    def __init__(
        self, asked: Asked, predictor: AnswersStrings, place: Place, token: str, claims: Claims | None = None
    ) -> None:
        self.asked, self.predictor, self.place, self.token = asked, predictor, place, token
        self.claims = claims or Claims(place)

    def work(self, shards: Sequence[Shard]) -> None:
        """Answer what nobody else does, then wait for the others: whose lock is free, or stale, is replaced.

        Raises:
            UsageError: Answers are there that are none of these.
            OSError: The folder cannot be written.
        """
        left = list(shards)
        while left:
            left = [shard for shard in left if not self._settle(shard)]
            if left:
                time.sleep(WAIT_SECONDS)

    def _settle(self, shard: Shard) -> bool:
        """Whether there is nothing more to do for a shard."""
        if self._is_settled(shard):
            return True
        with self.claims.take(shard) as claim:
            if claim is None:
                return False
            # It may have been done between the look and the claim.
            if self._is_settled(shard):
                return True
            try:
                how = self.predictor, self.asked.model, self.asked.form
                return answer_shard(*how, shard, self.place, claim.tell) is not None
            except ShardError as error:
                logger.warning("%s", error)
                write_failure(self.place, shard, self.token, str(error))
                return True

    def _is_settled(self, shard: Shard) -> bool:
        return read_failure(self.place, shard, self.token) is not None or self.place.find_done(shard) is not None


def write_failure(place: Place, shard: Shard, token: str, reason: str) -> None:
    """Note that a shard cannot be answered, and why, for those of the same command."""
    write_atomically(place.beside(shard, ".failed"), json.dumps({"token": token, "reason": reason}))


def read_failure(place: Place, shard: Shard, token: str) -> str | None:
    """Why a shard cannot be answered, as a worker of the same command found."""
    try:
        told = json.loads(place.beside(shard, ".failed").read_text(encoding="utf-8"))
        return str(told["reason"]) if told["token"] == token else None
    except (OSError, ValueError, LookupError, TypeError):
        return None
