"""What happens around a command: streams, messages, failures, exit codes; `pipeline.commands.table` has the commands.

Standard output carries results only; everything else goes to standard error. TensorFlow is imported
inside the commands, so that `--help` and usage errors are there at once.
"""

import argparse
import contextlib
import logging
import os
import sys

from pipeline.commands.table import COMMANDS, parse_arguments
from pipeline.errors import CircumstanceError, MemoryShortError, UsageError
from pipeline.process.children import CHILD
from pipeline.process.extensions import VARIABLE, import_extensions
from pipeline.process.failures import explain_failure, is_expected, is_want_of_memory
from pipeline.process.messages import complain, log_to_stderr
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import ReaderGone, Results, hold_standard_streams, use_utf8

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0; 1 data or run time; 2 usage, configuration or installation; 75 another worker of the same
        training is lost; 130 Ctrl-C; 143 SIGTERM.
    """
    argv = sys.argv[1:] if argv is None else argv
    hold_standard_streams()
    use_utf8()
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "10")  # a log file is no place for ten lines a second
    results = Results(sys.stdout)
    with log_to_stderr():
        try:
            arguments = _parse(argv, results)
            if arguments is not None:
                with contextlib.redirect_stdout(sys.stderr):  # Keras prints there
                    COMMANDS[arguments.command].run(arguments, results)
            return 0
        except ReaderGone:
            return 0
        except KeyboardInterrupt as interrupt:
            complain(f"interrupted{how_to_go_on(argv)}")
            return getattr(interrupt, "exit_code", 130)
        except Exception as error:
            code, message = explain_failure(error)
            complain(message, None if is_expected(error) else error)
            return _code_for_parent(error) or code


def _parse(argv: list[str], results: Results) -> argparse.Namespace | None:
    """The arguments; None after `--help`."""
    results.require()
    if os.environ.get(VARIABLE):
        with contextlib.redirect_stdout(sys.stderr):
            import_tensorflow()
            import_extensions()
    try:
        return parse_arguments(argv)
    except SystemExit as stop:
        if stop.code:
            raise UsageError("the command line cannot be read; python -m pipeline --help explains it") from None
        results.write("")  # flushes the help here, where a closed pipe is no surprise
        return None


def _code_for_parent(error: Exception) -> int | None:
    """What tells a tuning or study that started this process that not its settings are at fault."""
    if CHILD not in os.environ:
        return None
    if is_want_of_memory(error):
        return MemoryShortError.code_for_parent
    if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
        return CircumstanceError.code_for_parent
    return getattr(error, "code_for_parent", None)


def how_to_go_on(argv: list[str]) -> str:
    """What an interrupted command can do next.

    Example:
        >>> how_to_go_on(["train"])
        '; the same command goes on where the training stopped'
    """
    command = COMMANDS.get(argv[0]) if argv else None
    if command and not command.SUMMARY:
        return ""  # who started it says so
    place = getattr(command, "GOES_ON", None)
    place = place(argv) if callable(place) else place
    if place is None:
        return "; the same command begins again"
    without = " without --overwrite" if "--overwrite" in argv else ""
    return f"; the same command{without} goes on {place}"
