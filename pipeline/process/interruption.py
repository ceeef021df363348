"""Ctrl-C and SIGTERM: a training ends at a moment when all of it is saved."""

import contextlib
import logging
import signal
import threading
from types import FrameType
from typing import Any

logger = logging.getLogger(__name__)


class Interrupted(KeyboardInterrupt):
    """A training was asked to end, and has saved where it stands.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interruption:
    """Remembers that Ctrl-C or SIGTERM came, while it is entered; the second Ctrl-C ends at once.

    Does nothing outside of the main thread, where Python takes no signals.

    Args:
        alone: Whether a signal is heeded as soon as it is heard; else when somebody says that it is (`heed`), as where
            several processes have to end at the same step.
    """

    def __init__(self, alone: bool = True) -> None:
        self.alone = alone
        self.heard: int | None = None
        """The signal that came."""
        self.number: int | None = None
        """The one that is heeded."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # Who starts a program in the background has it ignore Ctrl-C.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None: it was not set by Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.heard is not None:
            raise KeyboardInterrupt
        self.heard = number
        if self.alone:
            self.number = number
        # In the middle of another message nothing can be said.
        with contextlib.suppress(RuntimeError):
            logger.info("%s: saving, then ending (once more ends at once)", signal.Signals(number).name)

    def heed(self) -> None:
        """From now on this process is asked to end, by its own signal or by another process's."""
        self.number = self.number or self.heard or signal.SIGTERM

    def end_if_asked(self) -> None:
        """End, now that everything is saved.

        Raises:
            Interrupted: It was asked to.
        """
        if self.number is not None:
            raise Interrupted(self.number)
