"""`predict`: every line answered."""

import argparse
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.sharding.options import (
    add_shard_options,
    answer_shards,
    asked_of,
    check_shard_options,
    where_it_goes_on,
)
from pipeline.commands.trusting.round_trip import add_round_trip, check_round_trip, send_back
from pipeline.commands.trusting.split_list import ListSplit, add_split_options, check_split_options, find_calibration
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.model_options import ModelParser

logger = logging.getLogger(__name__)

SUMMARY = "answer every line of a file or of standard input"
GOES_ON = where_it_goes_on
ALSO_CALLED = ("infer", "inference", "decode", "translate", "transcribe")


def make_parser() -> "ModelParser":
    """Of `predict`: model, lines, what else to write, search settings."""
    from pipeline.options.model_options import ModelParser

    parser = ModelParser(
        "predict",
        "Answer every input line with one output line, in order; one that cannot be answered, with an empty line. "
        "In --json, score is log p of the output (natural logarithm, at most 0, higher is better), rank_score the same "
        "with the penalties of the search, by which outputs are ordered.",
    )
    parser.add_model("model", "A run directory, an exported SavedModel, or a folder that needs no TensorFlow.")
    what = "UTF-8 lines, decompressed if it ends in .gz; - or left out: stdin."
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help=what)
    parser.add_n_best(1)
    parser.add_argument("--json", action="store_true", help="A JSON object a line, with scores and attention.")
    prefixes = "Lines are SOURCE TAB PREFIX: answers begin with the prefix; a line without TAB has none."
    parser.add_argument("--prefixes", action="store_true", help=prefixes)
    parser.add_argument("--attention", metavar="PAGE.html", type=Path, help="Also write a page to explore attention.")
    parser.add_argument(
        "--alignments",
        metavar="FILE",
        type=Path,
        help="Also write which source symbol each target symbol looked at most, as 0-0 1-2, a line each.",
    )
    parser.add_argument(
        "--lexicon",
        metavar="FILE",
        type=Path,
        help="Exceptions, source TAB target on every line, whose targets are answered in the place of the model's; "
        "several lines of a source are its n-best.",
    )
    add_split_options(parser)
    told = "Behind the texts of a line then stands of each which output of the way back is the source, 0 where none is."
    add_round_trip(parser, f"{told} --json has comes_back, back_rank and back.")
    add_shard_options(parser)
    parser.add_search()
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """model, file, beam, n_best, search, average, json, attention, alignments, prefixes, lexicon, accuracy, queue,
    round_trip, shards, out, workers.
    """
    arguments = make_parser().parse_search(argv)
    return check_shard_options(check_round_trip(check_split_options(arguments)))


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Answer the lines, as they come; or those of many files."""
    if arguments.shards:
        answer_shards(arguments, results)
        return
    from pipeline.answering.input_check import look_at_lines, refuse_table
    from pipeline.answering.line_progress import show_progress
    from pipeline.answering.line_stream import open_input, predict_lines
    from pipeline.files.durable import require_place
    from pipeline.prediction.side_by_side import share_cores_by_batches

    share_cores_by_batches()
    stream = open_input(arguments.file)  # a missing file shows before the model is loaded
    shape = look_at_lines(arguments.file)
    for place in (arguments.attention, arguments.alignments, arguments.queue):
        if place:
            require_place(place)
    from pipeline.saved_models.opening import open_model

    calibration = find_calibration(arguments)
    # The page shows all outputs that there are, whatever the lines hold; how sure an answer is follows from all.
    n_best = None if arguments.attention or calibration else arguments.n_best
    predictor = open_model(
        arguments.model, beam_size=arguments.beam, n_best=n_best, search=arguments.search, average=arguments.average
    )
    asked = asked_of(arguments)
    asked.require_usable(predictor)
    if shape and not arguments.prefixes:
        refuse_table(shape, arguments.model, predictor)
    from pipeline.answering.alignments import AlignmentWriter  # not before TensorFlow is there
    from pipeline.answering.attention_page import AttentionPage

    page = AttentionPage(arguments.attention) if arguments.attention else None
    split = None
    if calibration:
        from pipeline.trust.confident_predictor import ConfidentPredictor

        predictor = ConfidentPredictor(predictor, calibration)
        split = ListSplit(arguments, calibration) if arguments.accuracy is not None else None
    predictor = send_back(asked.with_lexicon(predictor), arguments)
    with contextlib.ExitStack() as stack:
        listeners: list[Any] = [listener for listener in (page, split and split.splitter) if listener]
        if arguments.alignments:
            file = stack.enter_context(open(arguments.alignments, "w", encoding="utf-8", newline="\n"))
            listeners.append(AlignmentWriter(file))
        if stream.isatty():
            logger.info("reading lines from the terminal, answering each; Ctrl-D on an empty line ends")
        on_progress = stack.enter_context(show_progress(stream, results.on_terminal_of_messages()))
        how = (arguments.n_best, arguments.json and not split, listeners, arguments.prefixes, on_progress)
        predict_lines(predictor, stream, _write_nothing if split else results.write, *how)
    if split:
        split.write(results.write)
    if page:
        left_out = page.write()
        if left_out:
            logger.warning("%s: the last %d inputs are left out, a browser copes with no more", page.path, left_out)
        logger.info("attention: open %s in a browser", page.path)


def _write_nothing(text: str) -> None:
    """Answers of a list that is to be split wait for its end."""
