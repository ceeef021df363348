"""`compare`: whether one output is better than another."""

import argparse
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.process.quiet_tensorflow import import_tensorflow
from pipeline.process.standard_streams import Results

if TYPE_CHECKING:
    from pipeline.options.model_options import ModelParser

SUMMARY = "say whether one output is better than another, or by chance"
ALSO_CALLED = ("diff",)


def make_parser() -> "ModelParser":
    """Of `compare`: a reference and two outputs."""
    from pipeline.options.arguments import positive, whole
    from pipeline.options.model_options import BLEU_TOKENS, ModelParser

    parser = ModelParser(
        "compare",
        "Paired bootstrap resampling (Koehn 2004) of two outputs for the same inputs, by sacrebleu: a table, and as "
        "the last line a JSON object with scores, 95 % intervals (mean ± ci), p values and signatures.",
    )
    reference = "A reference a line; or pairs: a TSV file, two files as SOURCE,TARGET. All may end in .gz."
    parser.add_argument("reference", metavar="REFERENCE", help=reference)
    parser.add_columns()
    output = "file (lines, those of --n-best or --json, or SOURCE TAB OUTPUT), or a run or export that decodes now."
    parser.add_argument("output_a", metavar="OUTPUT_A", help=f"What one system made of the inputs: a {output}")
    parser.add_argument("output_b", metavar="OUTPUT_B", help="What the other made of them.")
    parser.add_argument(
        "--tokens",
        metavar="HOW",
        choices=BLEU_TOKENS,
        help=f"How BLEU cuts text: {', '.join(BLEU_TOKENS)} (tokens as they stand, between spaces); left out: 13a.",
    )
    parser.add_argument(
        "--symbols",
        metavar="HOW",
        choices=("space", "char"),
        help="WER and PER instead of BLEU, chrF and TER, of symbols between white space (space) or characters (char); "
        "left out, with --tokens too: as the data are.",
    )
    parser.add_argument(
        "--separator",
        metavar="TEXT",
        help="What stands between symbols, as the dash of b-a-t, in the place of white space: --symbols space follows.",
    )
    parser.add_argument(
        "--show",
        metavar="N",
        type=whole,
        default=5,
        help="How many of the items that differ to show; left out: %(default)s.",
    )
    parser.add_argument("--lowercase", action="store_true", help="Case counts for nothing.")
    parser.add_argument("--samples", metavar="N", type=positive, default=1000, help="How many; left out: %(default)s.")
    parser.add_argument("--seed", metavar="N", type=positive, default=12345, help="Left out: %(default)s.")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """reference, output_a, output_b, columns, tokens, symbols, separator, lowercase, samples, seed, show."""
    arguments = make_parser().parse_args(argv)
    if arguments.tokens and arguments.symbols:
        raise UsageError("--tokens: impossible with --symbols, which does not measure BLEU; leave one of them out")
    if arguments.separator is not None:
        _require_separator(arguments)
    return arguments


def _require_separator(arguments: argparse.Namespace) -> None:
    """Refuse one that is none, or that nothing would be cut at."""
    from pipeline.unicode.white_space import strip

    if not strip(arguments.separator):
        raise UsageError(f"--separator: {arguments.separator!r} is impossible; left out, white space stands between")
    for option, given in (("--tokens", arguments.tokens), ("--symbols char", arguments.symbols == "char")):
        if given:
            raise UsageError(f"--separator: impossible with {option}, for which nothing is cut at it; leave one out")
    arguments.symbols = "space"


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Write a table, and the same as JSON."""
    from pipeline.evaluation.comparison import ComparedBy, compare, is_model

    places = arguments.output_a, arguments.output_b
    if any(map(is_model, places)):
        import_tensorflow()
    figures = ComparedBy(arguments.symbols, arguments.tokens, arguments.lowercase, arguments.separator)
    found = compare(arguments.reference, places, figures, arguments.samples, arguments.seed, arguments.columns)
    results.write(found.table(arguments.show))
    results.write_json(found.to_json())
