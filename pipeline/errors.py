"""The errors that people see: one sentence that says what is wrong, where, and what to do."""


class AttentifError(Exception):
    """Base of every error that is the user's to mend; printed without a traceback."""

    exit_code = 1


class DataError(AttentifError):
    """A file, or what a file holds, cannot be used. The message names file, line and remedy."""

    exit_code = 1


class TrainingError(AttentifError):
    """A training cannot go on. The message says at which step and what to change."""

    exit_code = 1


class CircumstanceError(TrainingError):
    """Not the settings are at fault but the disk: the same command goes on when it has room again."""

    code_for_parent = 75


class MemoryShortError(CircumstanceError):
    """Not the settings alone are at fault but the memory that was free."""

    code_for_parent = 137


class LostWorkerError(TrainingError):
    """Another process of the same training is gone: all are to be started again, and go on."""

    exit_code = 75
    code_for_parent = 75


class UsageError(AttentifError):
    """The command line, the configuration or a model path cannot be what was meant."""

    exit_code = 2


def count_of(number: int, thing: str, things: str | None = None) -> str:
    """A number with its noun, which may be followed by a verb.

    Example:
        >>> count_of(1, "pair"), count_of(2000, "bad line"), count_of(0, "line has", "lines have")
        ('1 pair', '2,000 bad lines', '0 lines have')
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
