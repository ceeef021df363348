"""`evaluate`: how good a model is."""

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.trusting.round_trip import add_round_trip, check_round_trip, send_back
from pipeline.errors import UsageError
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.model_options import ModelParser

SUMMARY = "measure a model on a TSV file"
ALSO_CALLED = ("test", "eval")


def make_parser() -> "ModelParser":
    """Of `evaluate`: model, data, search settings."""
    from pipeline.options.model_options import BLEU_TOKENS, ModelParser

    what = "the last line is a JSON object with wer and per in percent, or with bleu, chrf and ter of sentences."
    parser = ModelParser("evaluate", f"Measure a model; {what}")
    parser.add_model("model", "A run directory, an exported SavedModel, or a folder that needs no TensorFlow.")
    data = "Pairs: a TSV file, two line-aligned files as SOURCE,TARGET, or dev or test: the run's own."
    parser.add_argument("data", metavar="DATA", help=data)
    parser.add_columns()
    parser.add_argument(
        "--bleu-tokens",
        metavar="HOW",
        choices=BLEU_TOKENS,
        default="",
        help=f"How BLEU cuts text: {', '.join(BLEU_TOKENS)} (tokens as they stand, between spaces); left out: 13a. "
        "Also has symbols measured as sentences.",
    )
    parser.add_argument(
        "--report",
        metavar="DIR",
        type=Path,
        help="Also write what goes wrong, as a page (DIR/report.html) and as tables: errors by symbols, by length, by "
        "frequency, by feature, among the n best, the worst answers; an earlier report there is replaced.",
    )
    parser.add_argument(
        "--against",
        metavar="MODEL",
        type=Path,
        help="A second model, as the first: the report also says what one gets right and the other does not.",
    )
    told = "The figures then have comes_back, and how many answers are wrong of those that do and of those that do not."
    add_round_trip(parser, told)
    parser.add_search()
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """model, data, columns, beam, search, average, bleu_tokens, report, against, round_trip."""
    arguments = check_round_trip(make_parser().parse_search(argv))
    if arguments.against and not arguments.report:
        raise UsageError("--against: needs --report DIR, where what two models get right is written")
    if arguments.report and arguments.round_trip is not None:
        raise UsageError("--round-trip: impossible with --report, which says nothing of it; leave one of them out")
    return arguments


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Measure, and write the figures as JSON."""
    from pipeline.prediction.side_by_side import share_cores_by_batches

    share_cores_by_batches()
    results.write_json(_report(arguments) if arguments.report else _figures(arguments))
    _tell_of_trained_on(arguments)  # which reads the training data, and may be interrupted


def _figures(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure."""
    from pipeline.saved_models.opening import open_model
    from pipeline.saved_models.own_splits import find_columns, find_own_split

    split = find_own_split(arguments.model, arguments.data)
    columns = find_columns(arguments.model, arguments.columns)
    if split is None and not _has_pipe(arguments.data):
        from pipeline.pairs.reading import check_start

        check_start(arguments.data, columns)  # before the seconds that a model takes
    predictor = open_model(
        arguments.model, beam_size=arguments.beam, search=arguments.search, average=arguments.average
    )
    predictor = send_back(predictor, arguments)
    from pipeline.evaluation.evaluate import evaluate_file  # not before TensorFlow is there

    return evaluate_file(predictor, arguments.data, arguments.bleu_tokens, split, columns)


def _has_pipe(location: str) -> bool:
    """Whether one of its files can be read but once."""
    from pipeline.pairs.locations import source_files

    return any(Path(path).is_fifo() for path in source_files(location))


def _tell_of_trained_on(arguments: argparse.Namespace) -> None:
    """Say what of a file the model was trained on."""
    from pipeline.pairs.reading import read_pairs
    from pipeline.saved_models.own_splits import find_columns, is_own_split, warn_of_trained_on

    if is_own_split(arguments.data) or _has_pipe(arguments.data):
        return
    columns = find_columns(arguments.model, arguments.columns)
    pairs = functools.partial(read_pairs, arguments.data, "test", columns=columns)
    warn_of_trained_on(arguments.model, pairs, arguments.data, "the figures will be too good")


def _report(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure, and write what goes wrong."""
    from pipeline.runtime.folder import is_folder

    if not all(is_folder(model) for model in (arguments.model, arguments.against) if model):
        from pipeline.process.quiet_tensorflow import import_tensorflow

        import_tensorflow()
    from pipeline.evaluation.measure import evaluate

    how: dict[str, Any] = {"beam_size": arguments.beam, "search": arguments.search, "average": arguments.average}
    how |= {"report": arguments.report, "against": arguments.against, "columns": arguments.columns}
    return evaluate(arguments.model, arguments.data, arguments.bleu_tokens, **how)
