"""What happens around a command: streams, messages, failures, exit codes; `pipeline.commands.table` has the commands.

Standard output carries results only; everything else goes to standard error. TensorFlow is imported
inside the commands, so that `--help` and usage errors are there at once.
"""

import argparse
import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator

from pipeline.commands.table import COMMANDS, parse_arguments
from pipeline.errors import CircumstanceError, MemoryShortError, UsageError
from pipeline.process.children import CHILD
from pipeline.process.extensions import VARIABLE, import_extensions
from pipeline.process.failures import explain_failure, is_expected, is_want_of_memory
from pipeline.process.messages import PACKAGES, Formatter
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import ReaderGone, Results, hold_standard_streams, use_utf8

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0; 1 data or run time; 2 usage, configuration or installation; 130 Ctrl-C; 143 SIGTERM.
    """
    argv = sys.argv[1:] if argv is None else argv
    hold_standard_streams()
    use_utf8()
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "10")  # a log file is no place for ten lines a second
    results = Results(sys.stdout)
    with _log_to_stderr():
        try:
            arguments = _parse(argv, results)
            if arguments is not None:
                with contextlib.redirect_stdout(sys.stderr):  # Keras prints there
                    COMMANDS[arguments.command].run(arguments, results)
            return 0
        except ReaderGone:
            return 0
        except KeyboardInterrupt as interrupt:
            return _complain(getattr(interrupt, "exit_code", 130), f"interrupted{how_to_go_on(argv)}")
        except Exception as error:
            code, message = explain_failure(error)
            return _complain(_code_for_parent(error) or code, message, error)


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


@contextlib.contextmanager
def _log_to_stderr() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    for name in PACKAGES:  # other packages' chatter stays at warnings
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _complain(exit_code: int, message: str, error: Exception | None = None) -> int:
    if error is not None and not is_expected(error) and os.environ.get("ATTENTIF_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    try:
        print(f"error: {message}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        # As on the full disk of a log: what is in the buffer would fail once more at the end, with a code of its own.
        Results(sys.stderr).discard()
    return exit_code


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
    if argv[:1] == ["trial"]:
        return ""
    place = getattr(COMMANDS.get(argv[0]), "GOES_ON", None) if argv else None
    if place is None:
        return "; the same command begins again"
    without = " without --overwrite" if "--overwrite" in argv else ""
    return f"; the same command{without} goes on {place}"
