"""The command of a folder: lines in, answers out, as `python -m pipeline predict` gives them."""

import argparse
import contextlib
import logging
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from pipeline.answering.alignments import AlignmentWriter
from pipeline.answering.input_check import look_at_lines, refuse_table
from pipeline.answering.line_stream import open_input, predict_lines
from pipeline.errors import AttentifError, UsageError
from pipeline.files.durable import require_place
from pipeline.process.messages import complain, log_to_stderr
from pipeline.process.standard_streams import ReaderGone, Results, hold_standard_streams, use_utf8
from pipeline.process.system_errors import brief, explain_os_error
from pipeline.runtime.fixed_settings import require_fixed
from pipeline.runtime.model import Model
from pipeline.version import __version__

logger = logging.getLogger(__name__)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with what is wrong."""
        raise UsageError(f"{message} ({self.prog} --help explains)")


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number, at least 1")
    return int(text)


def make_runtime_parser() -> argparse.ArgumentParser:
    """Of a folder's command."""
    parser = _Parser(
        description="Answer every input line with one output line, in order; one that cannot be answered, with an "
        "empty line. In --json, score is log p of the output (natural logarithm, at most 0, higher is better), "
        "rank_score the same with the penalties of the search, by which outputs are ordered.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="What export --format litert or onnx wrote.")
    what = "UTF-8 lines, decompressed if it ends in .gz; - or left out: stdin."
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help=what)
    parser.add_argument(
        "--n-best", metavar="N", type=_positive, default=1, help="How many texts; left out: %(default)s."
    )
    parser.add_argument("--json", action="store_true", help="A JSON object a line, with scores and attention.")
    prefixes = "Lines are SOURCE TAB PREFIX: answers begin with the prefix; a line without TAB has none."
    parser.add_argument("--prefixes", action="store_true", help=prefixes)
    parser.add_argument(
        "--alignments",
        metavar="FILE",
        type=Path,
        help="Also write which source symbol each target symbol looked at most, as 0-0 1-2, a line each.",
    )
    parser.add_argument(
        "--threads", metavar="N", type=_positive, default=1, help="For the answer to one line; left out: %(default)s."
    )
    parser.add_argument("--version", action="version", version=f"attentif {__version__}")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Answer the lines.

    Returns:
        The exit code: 0; 1 data or run time; 2 usage or installation; 130 Ctrl-C.
    """
    hold_standard_streams()
    use_utf8()
    results = Results(sys.stdout)
    with log_to_stderr([__name__]):
        try:
            results.require()
            _run(_parse(argv), results)
            return 0
        except ReaderGone:
            return 0
        except KeyboardInterrupt:
            complain("interrupted; the same command begins again")
            return 130
        except Exception as error:
            code, message = _explain(error)
            complain(message, None if isinstance(error, AttentifError) else error)
            return code


def _parse(argv: list[str] | None) -> argparse.Namespace:
    try:
        return make_runtime_parser().parse_args(argv)
    except SystemExit:  # after --help and --version
        raise ReaderGone from None


def _run(arguments: argparse.Namespace, results: Results) -> None:
    stream = open_input(arguments.file)  # a missing file shows before the model is loaded
    shape = look_at_lines(arguments.file)
    if arguments.alignments:
        require_place(arguments.alignments)
    model = Model(arguments.folder, arguments.threads)
    model.n_best = require_fixed(arguments.folder, {}, {}, model.n_best, arguments.n_best, None)
    if shape and not arguments.prefixes:
        refuse_table(shape, arguments.folder, model)
    with contextlib.ExitStack() as stack:
        listeners: list[Any] = []
        if arguments.alignments:
            file = stack.enter_context(open(arguments.alignments, "w", encoding="utf-8", newline="\n"))
            listeners.append(AlignmentWriter(file))
        if stream.isatty():
            logger.info("reading lines from the terminal, answering each; Ctrl-D on an empty line ends")
        predict_lines(model, stream, results.write, arguments.n_best, arguments.json, listeners, arguments.prefixes)


def _explain(error: Exception) -> tuple[int, str]:
    """The exit code and the sentence."""
    if isinstance(error, AttentifError):
        return error.exit_code, str(error)
    if isinstance(error, ImportError):
        return 2, f"{error.name or 'a library'} cannot be imported ({error}): install it anew"
    if isinstance(error, MemoryError):
        return 1, "memory ran out: end other programs, or give shorter lines"
    known = explain_os_error(error) if isinstance(error, OSError) else None
    return 1, known or f"unexpected {brief(error)} (ATTENTIF_DEBUG=1 shows the traceback)"
