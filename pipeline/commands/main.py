"""The commands: `python -m pipeline train|tune|study|evaluate|predict|score|compare|export|inspect`.

Standard output carries results only; everything else goes to standard error. TensorFlow is imported
inside the commands, so that `--help` and usage errors are there at once.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from pipeline.errors import CircumstanceError, MemoryShortError, UsageError
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
                    _COMMANDS[arguments.command](arguments, results)
            return 0
        except ReaderGone:
            return 0
        except KeyboardInterrupt as interrupt:
            return _complain(getattr(interrupt, "exit_code", 130), f"interrupted{how_to_go_on(argv)}")
        except Exception as error:
            code, message = explain_failure(error)
            return _complain(_code_for_parent(argv, error) or code, message, error)


def _parse(argv: list[str], results: Results) -> argparse.Namespace | None:
    """The arguments; None after `--help`."""
    results.require()
    from pipeline.options.parsing import parse_arguments

    try:
        return parse_arguments(argv)
    except SystemExit as stop:
        if stop.code:
            raise UsageError("the command line cannot be read; python -m pipeline --help explains it") from None
        results.write("")  # flushes the help here, where a closed pipe is no surprise
        return None


def _train(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.training.run import train
    from pipeline.tuning.workers import MEMBER

    if MEMBER in os.environ:
        from pipeline.tuning.trial import end_with_parent

        end_with_parent()
    results.write_json(train(arguments.configuration, arguments.run, overwrite=arguments.overwrite))


def _tune(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.tuning.tune import tune
    from pipeline.tuning.workers import MEMBER

    if MEMBER in os.environ:
        from pipeline.tuning.trial import end_with_parent

        end_with_parent()
    result = tune(arguments.configuration, arguments.tune, arguments.run, arguments.space, arguments.overwrite)
    if result.trials:
        results.write(result.table())
        results.write_json(result.to_json())


def _trial(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.tuning.trial import TrialOrder, end_with_parent, run_trial

    end_with_parent()
    run_trial(TrialOrder(**json.loads(arguments.order)))


def _study(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.study.length import study_length

    found = study_length(arguments.configuration, arguments.study, arguments.run, arguments.overwrite)
    results.write(found.table())
    results.write_json(found.to_json())


def _evaluate(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.evaluation.evaluate import evaluate_file
    from pipeline.saved_models.loading import load_predictor
    from pipeline.saved_models.own_splits import find_own_split

    split = find_own_split(arguments.model, arguments.data)
    predictor = load_predictor(
        arguments.model, beam_size=arguments.beam, search=arguments.search, average=arguments.average
    )
    results.write_json(evaluate_file(predictor, arguments.data, arguments.bleu_tokens, split))


def _predict(arguments: argparse.Namespace, results: Results) -> None:
    from pipeline.answering.input_check import look_at_lines, refuse_table
    from pipeline.answering.line_progress import show_progress
    from pipeline.answering.line_stream import open_input, predict_lines
    from pipeline.files.durable import require_place

    stream = open_input(arguments.file)  # a missing file shows before the model is loaded
    shape = look_at_lines(arguments.file)
    for place in (arguments.attention, arguments.alignments):
        if place:
            require_place(place)
    import_tensorflow()
    from pipeline.answering.alignments import AlignmentWriter
    from pipeline.answering.attention_page import AttentionPage
    from pipeline.saved_models.loading import load_predictor

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


def _score(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.answering.line_progress import show_pair_progress
    from pipeline.pairs.reading import read_pairs
    from pipeline.prediction.pair_check import look_first
    from pipeline.prediction.scoring import score_pairs
    from pipeline.saved_models.loading import load_scorer

    look_first(arguments.data)
    predictor = load_scorer(arguments.model, average=arguments.average)
    pairs = read_pairs(arguments.data, "test")
    with show_pair_progress(arguments.data, results.on_terminal_of_messages()) as on_progress:
        for score in score_pairs(predictor, pairs, arguments.tokens, arguments.data, on_progress):
            results.write(f"{score:.6f}\n")


def _compare(arguments: argparse.Namespace, results: Results) -> None:
    from pipeline.evaluation.comparison import Figures, compare, is_model

    places = arguments.output_a, arguments.output_b
    if any(map(is_model, places)):
        import_tensorflow()
    figures = Figures(arguments.symbols, arguments.tokens, arguments.lowercase)
    found = compare(arguments.reference, places, figures, arguments.samples, arguments.seed)
    results.write(found.table(arguments.show))
    results.write_json(found.to_json())


def _export(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.saved_models.export import export_run

    export_run(
        arguments.run,
        arguments.directory,
        beam_size=arguments.beam,
        n_best=arguments.n_best,
        search=arguments.search,
        average=arguments.average,
    )
    logger.info("exported %s to %s", arguments.run, arguments.directory)


def _inspect(arguments: argparse.Namespace, results: Results) -> None:
    import_tensorflow()
    from pipeline.data.inspection import inspect

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


def _code_for_parent(argv: list[str], error: Exception) -> int | None:
    """What tells a search or study that started this process that not its settings are at fault."""
    from pipeline.tuning.workers import MEMBER

    if argv[:1] != ["trial"] and MEMBER not in os.environ:
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
    places = {
        "train": "where the training stopped",
        "tune": "with the search; the interrupted trial restarts",
        "study": "where the trainings stopped",
    }
    if not argv or argv[0] not in places:
        return "; the same command begins again"
    without = " without --overwrite" if "--overwrite" in argv else ""
    return f"; the same command{without} goes on {places[argv[0]]}"
