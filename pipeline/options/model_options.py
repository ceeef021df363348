"""The options of the commands that use a trained model: `evaluate`, `predict`, `score`, `compare` and `export`."""

import argparse
import dataclasses
import re
from pathlib import Path
from typing import NoReturn

from pipeline.errors import UsageError
from pipeline.options.configuration_options import PROGRAM, explanations, parse_search_settings
from pipeline.options.suggestions import suggest_option
from pipeline.settings.search import SearchConfiguration

# How sacrebleu may cut text; "given" is our word for leaving it as it is.
BLEU_TOKENS = ("13a", "intl", "zh", "char", "given")


class ModelParser(argparse.ArgumentParser):
    """Refuses in a sentence, and knows what commands that use models have in common."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"{PROGRAM} {command}", description=description, allow_abbrev=False)
        self.command = command

    def error(self, message: str) -> NoReturn:
        """End with what is wrong.

        Raises:
            UsageError: Always.
        """
        unknown = re.match(r"unrecognized arguments: (-[^\s=]+)", message)
        if unknown:
            known = [option for option in self._option_string_actions if option.startswith("--")]
            message = f"{unknown[1]}: no such option{suggest_option(unknown[1], known)}"
        raise UsageError(f"{message} ({self.prog} --help explains)")

    def add_model(self, name: str, place: str) -> None:
        """The model, and which of its checkpoints."""
        ensemble = "Several runs with commas between them vote: the mean of their probabilities."
        self.add_argument(name, metavar=name.upper(), type=Path, help=f"{place} {ensemble}")
        self.add_argument(
            "--average",
            metavar="K",
            type=_positive,
            help="Take the mean of the weights of the run's last K epochs (train.keep_checkpoints says how many it "
            "keeps); left out: its best epoch.",
        )

    def add_n_best(self, default: int | None) -> None:
        """How many outputs of an input."""
        best = "How many texts; left out: %(default)s." if default else "How many texts; left out: the run's own."
        self.add_argument("--n-best", metavar="N", type=_positive, default=default, help=best)

    def add_search(self) -> None:
        """Every search setting."""
        self.add_argument("--beam", metavar="K", type=_positive, help="Beam size; left out: the model's own.")
        group = self.add_argument_group(
            "search settings in the place of the run's own",
            f"What each is: {PROGRAM} train --help. Those of an export are fixed.",
        )
        for key, text in explanations(SearchConfiguration).items():
            brief = re.split(r"[;:] |[.] (?=[A-Z])|[.]$", " ".join(text.split()))[0]
            group.add_argument(f"--search.{key}", metavar="VALUE", help=f"{brief}.")

    def parse_search(self, argv: list[str]) -> argparse.Namespace:
        """The arguments, with the search settings that were given as `search`, but for the beam size, as `beam`."""
        arguments = self.parse_args(argv)
        keys = [field.name for field in dataclasses.fields(SearchConfiguration)]
        written = {key: vars(arguments).pop(f"search.{key}") for key in keys}
        arguments.search = parse_search_settings(
            self.command, {key: value for key, value in written.items() if value is not None}
        )
        beam = arguments.search.pop("beam_size", arguments.beam)
        if arguments.beam not in (None, beam):
            raise UsageError(f"--beam {arguments.beam}: --search.beam_size is {beam}; give one of them")
        arguments.beam = beam
        n_best = getattr(arguments, "n_best", None)
        if beam and n_best and n_best > beam:
            raise UsageError(f"--n-best: {n_best} is impossible, it must be at most --beam {beam}")
        return arguments


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number")
    return int(text)


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is impossible, it must be a whole number, at least 1")
    return int(text)


def evaluate_parser() -> ModelParser:
    """Of `evaluate`: model, data, search settings."""
    what = "the last line is a JSON object with wer and per in percent, or with bleu, chrf and ter of sentences."
    parser = ModelParser("evaluate", f"Measure a model; {what}")
    parser.add_model("model", "A run directory or an exported SavedModel.")
    data = "Pairs: a TSV file, two line-aligned files as SOURCE,TARGET, or dev or test: the run's own."
    parser.add_argument("data", metavar="DATA", help=data)
    parser.add_argument(
        "--bleu-tokens",
        metavar="HOW",
        choices=BLEU_TOKENS,
        default="",
        help=f"How BLEU cuts text: {', '.join(BLEU_TOKENS)} (tokens as they stand, between spaces); left out: 13a. "
        "Also has symbols measured as sentences.",
    )
    parser.add_search()
    return parser


def score_parser() -> ModelParser:
    """Of `score`: model and pairs."""
    parser = ModelParser(
        "score",
        "How probable every given target is, a line each: log p (natural logarithm, at most 0, higher is better), end "
        "symbol included. Longer targets have lower ones: compare targets of the same source.",
    )
    parser.add_model("model", "A run directory or an exported SavedModel.")
    parser.add_argument("data", metavar="PAIRS", help="Pairs: a TSV file, or two line-aligned files as SOURCE,TARGET.")
    parser.add_argument(
        "--tokens",
        action="store_true",
        help="Targets are symbols with a space between, as predict --json gives them as target_tokens, and are not "
        "cut again; invisible characters as \\u escapes, as in a run's vocabulary.",
    )
    return parser


def compare_parser() -> ModelParser:
    """Of `compare`: a reference and two outputs."""
    parser = ModelParser(
        "compare",
        "Paired bootstrap resampling (Koehn 2004) of two outputs for the same inputs, by sacrebleu: a table, and as "
        "the last line a JSON object with scores, 95 % intervals (mean ± ci), p values and signatures.",
    )
    reference = "A reference a line; or pairs: a TSV file, two files as SOURCE,TARGET. All may end in .gz."
    parser.add_argument("reference", metavar="REFERENCE", help=reference)
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
        "--show",
        metavar="N",
        type=_whole,
        default=5,
        help="How many of the items that differ to show; left out: %(default)s.",
    )
    parser.add_argument("--lowercase", action="store_true", help="Case counts for nothing.")
    parser.add_argument("--samples", metavar="N", type=_positive, default=1000, help="How many; left out: %(default)s.")
    parser.add_argument("--seed", metavar="N", type=_positive, default=12345, help="Left out: %(default)s.")
    return parser


def predict_parser() -> ModelParser:
    """Of `predict`: model, lines, what else to write, search settings."""
    parser = ModelParser(
        "predict",
        "Answer every input line with one output line, in order; one that cannot be answered, with an empty line. "
        "In --json, score is log p of the output (natural logarithm, at most 0, higher is better), rank_score the same "
        "with the penalties of the search, by which outputs are ordered.",
    )
    parser.add_model("model", "A run directory or an exported SavedModel.")
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
    parser.add_search()
    return parser


def export_parser() -> ModelParser:
    """Of `export`: run, directory, search settings."""
    parser = ModelParser("export", "Write a run as a SavedModel directory that needs none of this code.")
    parser.add_model("run", "Run directory.")
    parser.add_argument("directory", metavar="DIR", type=Path, help="Directory to write.")
    parser.add_n_best(None)
    parser.add_search()
    return parser
