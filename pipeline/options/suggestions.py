"""What a mistyped command or option may have meant."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

# What other programs call it.
OTHER_NAMES = {
    "lr": "train.learning_rate",
    "batch": "data.batch_tokens",
    "batch_size": "data.batch_tokens",
    "hidden": "model.units",
    "hidden_size": "model.units",
    "hidden_units": "model.units",
    "num_layers": "model.encoder_layers",
    "layers": "model.encoder_layers",
    "steps": "train.epochs",
    "num_epochs": "train.epochs",
    "max_epochs": "train.epochs",
    "valid": "data.dev",
    "validation": "data.dev",
    "input": "data.train",
    "preset": "config",
    "output": "run",
    "out": "run",
    "model_dir": "run",
    "save_dir": "run",
    "nbest": "n-best",
    "beam": "search.beam_size",
    "average": "train.keep_checkpoints",
}


def suggest_option(option: str, known: Collection[str]) -> str:
    """`; did you mean …?` for an option that there is not.

    Example:
        >>> options = ["--run", "--data.train", "--train.epochs", "--train.seed"]
        >>> [suggest_option(option, options) for option in ("--train", "--epochs", "--train-seed")]
        ['; did you mean --data.train?', '; did you mean --train.epochs?', '; did you mean --train.seed?']
    """
    name = _plain(option)
    for candidates in (
        [candidate for candidate in known if _plain(candidate) == name],
        [candidate for candidate in known if _plain(candidate.rpartition(".")[2]) == name],
        [f"--{OTHER_NAMES[name]}"] if f"--{OTHER_NAMES.get(name)}" in known else [],
        [candidate for candidate in known if _plain(candidate.partition(".")[0]) == name],
    ):
        if candidates:
            return f"; did you mean {candidates[0]}?"
    if name in OTHER_NAMES:
        return ""
    # A part of a setting's name may stand for it, too.
    by_name = {_plain(candidate.rpartition(".")[2]): candidate for candidate in known}
    by_name |= {_plain(candidate): candidate for candidate in known}
    close = get_close_matches(name, by_name, n=1)
    return f"; did you mean {by_name[close[0]]}?" if close else ""


def suggest_command(name: str, commands: Mapping[str, Collection[str]]) -> str:
    """The same of a command; empty where nothing is near.

    Args:
        name: What was typed.
        commands: By name, what other programs call each.

    Example:
        >>> commands = {"predict": ["decode"], "evaluate": ["test"]}
        >>> suggest_command("evalute", commands), suggest_command("decode", commands)
        ('; did you mean evaluate?', '; did you mean predict?')
    """
    for command, others in commands.items():
        if name.lower() in others:
            return f"; did you mean {command}?"
    close = get_close_matches(name.lower().lstrip("-"), commands, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _plain(option: str) -> str:
    return re.sub(r"[._-]+", "_", option.lstrip("-")).lower()
