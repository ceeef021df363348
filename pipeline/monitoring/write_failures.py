"""What happens when a disk is full, a quota reached or a directory no longer writable while a model is trained."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from pipeline.errors import CircumstanceError

logger = logging.getLogger(__name__)


class WriteFailures:
    """Ends a training that cannot write, or lets it go on, and says so in either case.

    Args:
        go_on: Whether the training goes on; what could not be written is tried again with what comes next.
        last_good: Describes the newest checkpoint.
    """

    def __init__(self, go_on: bool, last_good: Callable[[], str]) -> None:
        self.go_on, self.last_good = go_on, last_good

    @contextlib.contextmanager
    def watch(self, what: str) -> Iterator[None]:
        """Around whatever writes.

        Args:
            what: Its name in the message.

        Raises:
            CircumstanceError: It failed, and the training is not to go on.
        """
        try:
            yield
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            message = f"{place}{what} cannot be written ({error.strerror or error}); saved: {self.last_good()}"
            if not self.go_on:
                raise CircumstanceError(
                    f"{message}. Make room and give the same command again: it goes on from there "
                    "(with --train.on_write_failure continue it would go on by itself)"
                ) from error
            logger.warning("%s. Training goes on and tries again with the next", message)
