"""The commands: `python -m pipeline train|tune|study|evaluate|predict|score|compare|export|inspect`.

Standard output carries results only; everything else goes to standard error. TensorFlow is imported
inside the commands, so that `--help` and usage errors are there at once.
"""

import argparse
import contextlib
import errno
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any, TextIO

from pipeline.errors import AttentifError, CircumstanceError, MemoryShortError, UsageError
from pipeline.messages import PACKAGES, Formatter
from pipeline.quiet_tensorflow import import_tensorflow

logger = logging.getLogger(__name__)

_REMEDIES = {
    errno.ENOSPC: "make room on the disk, then run the same command again",
    errno.EDQUOT: "make room in your quota, then run the same command again",
    errno.EACCES: "change its permissions or choose another place",
    errno.EPERM: "change its permissions or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.ENOENT: "check the path",
    errno.EISDIR: "give a file",
    errno.ENOTDIR: "give a directory",
}


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0; 1 data or run time; 2 usage or configuration; 130 Ctrl-C; 143 SIGTERM.
    """
    argv = sys.argv[1:] if argv is None else argv
    _use_utf8()
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "10")  # a log file is no place for ten lines a second
    results = _Results(sys.stdout)
    with _log_to_stderr():
        try:
            arguments = _parse(argv, results)
            if arguments is not None:
                with contextlib.redirect_stdout(sys.stderr):  # Keras prints there
                    _COMMANDS[arguments.command](arguments, results)
            return 0
        except _ReaderGone:
            return 0
        except KeyboardInterrupt as interrupt:
            return _complain(getattr(interrupt, "exit_code", 130), _how_to_go_on(argv))
        except AttentifError as error:
            return _complain(_code_for_parent(argv, error) or error.exit_code, str(error))
        except OSError as error:
            return _complain(_code_for_parent(argv, error) or 1, _explain(error), error)
        except Exception as error:
            return _complain(_code_for_parent(argv, error) or 1, _one_line(error), error)


def _parse(argv: list[str], results: "_Results") -> argparse.Namespace | None:
    """The arguments; None after `--help`."""
    from pipeline.parsing import parse_arguments

    try:
        return parse_arguments(argv)
    except SystemExit as stop:
        if stop.code:
            raise UsageError("the command line cannot be read; python -m pipeline --help explains it") from None
        results.write("")  # flushes the help here, where a closed pipe is no surprise
        return None


class _ReaderGone(Exception):
    """Nobody reads standard output any more, as in `… | head`."""


class _Results:
    """The real standard output, flushed at every write."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        """Write and flush.

        Raises:
            _ReaderGone: The pipe is closed at its other end.
            OSError: The results cannot be written.
        """
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as error:
            self._discard()
            if isinstance(error, BrokenPipeError):
                raise _ReaderGone from None
            raise OSError(error.errno, error.strerror, "standard output") from None

    def write_json(self, result: dict[str, Any]) -> None:
        """Write an object as a line; NumPy's numbers become plain ones."""
        self.write(json.dumps(result, ensure_ascii=False, default=float) + "\n")

    def on_terminal_of_messages(self) -> bool:
        """Whether results and messages come on a terminal, where a bar would garble the results."""
        return self.stream.isatty() and sys.stderr.isatty()

    def _discard(self) -> None:
        # What is still in the buffer would fail once more, loudly, when Python exits.
        with contextlib.suppress(OSError, ValueError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self.stream.fileno())
            os.close(sink)


def _train(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.search_processes import MEMBER
    from pipeline.training import train

    if MEMBER in os.environ:
        from pipeline.trial import end_with_parent

        end_with_parent()
    results.write_json(train(arguments.configuration, arguments.run, overwrite=arguments.overwrite))


def _tune(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.search_processes import MEMBER
    from pipeline.tuning import tune

    if MEMBER in os.environ:
        from pipeline.trial import end_with_parent

        end_with_parent()
    result = tune(arguments.configuration, arguments.tune, arguments.run, arguments.space, arguments.overwrite)
    if result.trials:
        results.write(result.table())
        results.write_json(result.to_json())


def _trial(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.trial import TrialOrder, end_with_parent, run_trial

    end_with_parent()
    run_trial(TrialOrder(**json.loads(arguments.order)))


def _study(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.study import study_length

    found = study_length(arguments.configuration, arguments.study, arguments.run, arguments.overwrite)
    results.write(found.table())
    results.write_json(found.to_json())


def _evaluate(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.evaluation import evaluate_file
    from pipeline.loading import load_predictor
    from pipeline.own_splits import find_own_split

    split = find_own_split(arguments.model, arguments.data)
    predictor = load_predictor(
        arguments.model, beam_size=arguments.beam, search=arguments.search, average=arguments.average
    )
    results.write_json(evaluate_file(predictor, arguments.data, arguments.bleu_tokens, split))


def _predict(arguments: argparse.Namespace, results: _Results) -> None:
    from pipeline.files import require_place
    from pipeline.input_check import look_at_lines, refuse_table
    from pipeline.line_progress import show_progress
    from pipeline.streaming import open_input, predict_lines

    stream = open_input(arguments.file)  # a missing file shows before the model is loaded
    shape = look_at_lines(arguments.file)
    for place in (arguments.attention, arguments.alignments):
        if place:
            require_place(place)
    import_tensorflow()
    from pipeline.alignments import AlignmentWriter
    from pipeline.attention_page import AttentionPage
    from pipeline.loading import load_predictor

    # The page shows all outputs that there are, whatever the lines hold.
    n_best = None if arguments.attention else arguments.n_best
    predictor = load_predictor(
        arguments.model, beam_size=arguments.beam, n_best=n_best, search=arguments.search, average=arguments.average
    )
    if arguments.attention and predictor.n_best < arguments.n_best:
        raise UsageError(
            f"--n-best {arguments.n_best}: {arguments.model} keeps {predictor.n_best}; give a larger --beam"
        )
    if shape and not arguments.prefixes:
        refuse_table(shape, arguments.model, predictor)
    page = AttentionPage(arguments.attention) if arguments.attention else None
    with contextlib.ExitStack() as stack:
        listeners: list[Any] = [page] if page else []
        if arguments.alignments:
            file = stack.enter_context(open(arguments.alignments, "w", encoding="utf-8", newline="\n"))
            listeners.append(AlignmentWriter(file))
        if stream.isatty():
            logger.info("reading lines from the terminal, answering each; Ctrl-D on an empty line ends")
        on_progress = stack.enter_context(show_progress(stream, results.on_terminal_of_messages()))
        asked = (arguments.n_best, arguments.json, listeners, arguments.prefixes, on_progress)
        predict_lines(predictor, stream, results.write, *asked)
    if page:
        left_out = page.write()
        if left_out:
            logger.warning("%s: the last %d inputs are left out, a browser copes with no more", page.path, left_out)
        logger.info("attention: open %s in a browser", page.path)


def _score(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.corpus import read_pairs
    from pipeline.line_progress import show_pair_progress
    from pipeline.loading import load_scorer
    from pipeline.pair_check import look_first
    from pipeline.scoring import score_pairs

    look_first(arguments.data)
    predictor = load_scorer(arguments.model, average=arguments.average)
    pairs = read_pairs(arguments.data, "test")
    with show_pair_progress(arguments.data, results.on_terminal_of_messages()) as on_progress:
        for score in score_pairs(predictor, pairs, arguments.tokens, arguments.data, on_progress):
            results.write(f"{score:.6f}\n")


def _compare(arguments: argparse.Namespace, results: _Results) -> None:
    from pipeline.comparison import Figures, compare, is_model

    places = arguments.output_a, arguments.output_b
    if any(map(is_model, places)):
        import_tensorflow()
    figures = Figures(arguments.symbols, arguments.tokens, arguments.lowercase)
    found = compare(arguments.reference, places, figures, arguments.samples, arguments.seed)
    results.write(found.table(arguments.show))
    results.write_json(found.to_json())


def _export(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.export import export_run

    export_run(
        arguments.run,
        arguments.directory,
        beam_size=arguments.beam,
        n_best=arguments.n_best,
        search=arguments.search,
        average=arguments.average,
    )
    logger.info("exported %s to %s", arguments.run, arguments.directory)


def _inspect(arguments: argparse.Namespace, results: _Results) -> None:
    import_tensorflow()
    from pipeline.inspection import inspect

    results.write(inspect(arguments.configuration).rstrip("\n") + "\n")


_COMMANDS = {
    "train": _train,
    "tune": _tune,
    "trial": _trial,
    "study": _study,
    "evaluate": _evaluate,
    "predict": _predict,
    "score": _score,
    "compare": _compare,
    "export": _export,
    "inspect": _inspect,
}


def _use_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # File names that are no UTF-8 come as lone surrogates: shown escaped, which JSON reads too.
            reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


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


def _complain(exit_code: int, message: str, unexpected: Exception | None = None) -> int:
    if unexpected is not None and os.environ.get("ATTENTIF_DEBUG") == "1":
        traceback.print_exception(unexpected, file=sys.stderr)
    try:
        print(f"error: {message}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        # As on the full disk of a log: what is in the buffer would fail once more at the end, with a code of its own.
        _Results(sys.stderr)._discard()
    return exit_code


def _code_for_parent(argv: list[str], error: Exception) -> int | None:
    """What tells a search or study that started this process that not its settings are at fault."""
    from pipeline.search_processes import MEMBER

    if argv[:1] != ["trial"] and MEMBER not in os.environ:
        return None
    if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
        return CircumstanceError.code_for_parent
    if isinstance(error, MemoryError):
        return MemoryShortError.code_for_parent
    return getattr(error, "code_for_parent", None)


def _how_to_go_on(argv: list[str]) -> str:
    if argv[:1] == ["trial"]:
        return "interrupted"
    places = {
        "train": "where the training stopped",
        "tune": "with the search; the interrupted trial restarts",
        "study": "where the trainings stopped",
    }
    if not argv or argv[0] not in places:
        return "interrupted; the same command begins again"
    without = " without --overwrite" if "--overwrite" in argv else ""
    return f"interrupted; the same command{without} goes on {places[argv[0]]}"


def _explain(error: OSError) -> str:
    reason = error.strerror or " ".join(str(error).split())
    code = errno.ENOSPC if os.strerror(errno.ENOSPC) in reason else error.errno  # some libraries set none
    remedy = _REMEDIES.get(code or 0, "check the path and the disk, then run the same command again")
    return f"{error.filename or 'a file'} cannot be used ({reason}): {remedy}"


def _one_line(error: Exception) -> str:
    first = next(iter(str(error).strip().splitlines()), "")
    return f"unexpected {type(error).__name__}: {first} (ATTENTIF_DEBUG=1 shows the traceback)"
