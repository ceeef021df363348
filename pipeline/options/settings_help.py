"""`--help` of the commands that take settings: the few that most people change, or a section, or all of them."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

import jsonargparse

from pipeline.errors import UsageError
from pipeline.settings.checks import suggest

ALL = "all"
MOST_USED = (
    "data.train",
    "data.dev",
    "text.source_tokenizer",
    "text.target_tokenizer",
    "model.units",
    "model.attention",
    "train.epochs",
    "train.min_epoch_tokens",
    "train.patience",
    "train.seed",
    "search.beam_size",
)
# Settings of one command alone are few: all are shown.
OWN_SECTIONS = ("tune", "study")


class HelpFormatter(jsonargparse.DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Examples stay on lines of their own."""


def asked_topic(argv: list[str], sections: Mapping[str, Any]) -> str | None:
    """What is to be explained: a section, `all`, the most used settings (empty); None: no help was asked for.

    Raises:
        UsageError: There is no such topic.

    Example:
        >>> asked_topic(["--model.units", "8", "--help", "data"], {"data": None})
        'data'
    """
    for place, word in enumerate(argv):
        if word == "--help-all":
            return ALL
        if word in ("-h", "--help"):
            topic = argv[place + 1] if place + 1 < len(argv) and not argv[place + 1].startswith("-") else ""
        elif word.startswith("--help="):
            topic = word.removeprefix("--help=")
        else:
            continue
        if topic and topic not in (ALL, *sections):
            raise UsageError(f"--help {topic}: no such section{suggest(topic, [ALL, *sections])}")
        return topic
    return None


@dataclasses.dataclass(frozen=True)
class HelpTopic:
    """What is to be explained.

    Args:
        topic: From `asked_topic`.
        sections: Those of the command.
        examples: Options that are worth an example.
        config: What `--config` says.
        values: What its file says, by `section.key`: the defaults that apply.
    """

    topic: str
    sections: Mapping[str, Any]
    examples: tuple[str, ...]
    config: str
    values: Mapping[str, Any]


def format_help(parser: jsonargparse.ArgumentParser, shown: HelpTopic) -> str:
    """The help of a command.

    Args:
        parser: Its parser; is changed, and of no more use.
        shown: What is to be explained.
    """
    # As if given there: null stands for itself.
    for action in parser._actions:
        if action.dest in shown.values:
            action.default = shown.values[action.dest]
        if _is_setting(action.dest, shown.sections) and not _is_shown(action.dest, shown.topic):
            action.help = argparse.SUPPRESS
    parser.description = (
        "Settings on the command line win over those of --config, which win over the project's own.\n"
        f"Defaults shown are those that apply with --config {shown.config}; with auto many follow from the data."
    )
    examples = "\n".join(f"  {parser.prog} {options}" for options in shown.examples)
    parser.epilog = f"examples:\n{examples}" if shown.topic == "" and examples else ""
    if shown.topic != ALL:
        more = f"--help {'|'.join(shown.sections)} explains a section, --help all every setting."
        parser.epilog = "\n\n".join(filter(None, (parser.epilog, more)))
    parser.formatter_class = HelpFormatter
    return parser.format_help()


def _is_setting(name: str, sections: Mapping[str, Any]) -> bool:
    return name.partition(".")[0] in sections


def _is_shown(name: str, topic: str) -> bool:
    section = name.partition(".")[0]
    if topic == "":
        return name in MOST_USED or section in OWN_SECTIONS
    return topic in (ALL, section)
