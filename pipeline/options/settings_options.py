"""Settings as options of the command line, by jsonargparse, and refusals of them in plain words."""

import argparse
import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import docstring_parser
import jsonargparse

from pipeline.defaults.configure import default_config, fit_to_data, inherit
from pipeline.defaults.fitted import FittedConfiguration
from pipeline.errors import UsageError
from pipeline.options.arguments import PROGRAM
from pipeline.options.settings_command import SettingsCommand
from pipeline.options.settings_help import HelpTopic, asked_topic, format_help
from pipeline.options.suggestions import suggest_option
from pipeline.prepared.settings import settings_from_corpus
from pipeline.runs.named_runs import EARLIER, inherited_settings
from pipeline.settings.changes import by_name, replace_settings
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import AUTO, DEFAULT_PRESET, find_configuration_file, preset_names, read_sections
from pipeline.settings.search import SearchConfiguration
from pipeline.settings.types import SECTIONS, in_words, setting_type

_NULLS = ("null", "Null", "NULL", "~")


def settings_parser(command: SettingsCommand) -> jsonargparse.ArgumentParser:
    """A parser of `--section.key value` for every setting of a command."""
    parser = jsonargparse.ArgumentParser(
        prog=f"{PROGRAM} {command.name}",
        usage=f"{PROGRAM} {command.name} [--config PRESET|FILE.yaml] {command.options}[--section.key value …]",
        description="Settings on the command line win over those of --config, which win over the defaults below.",
        exit_on_error=False,
        allow_abbrev=False,
        default_env=False,
    )
    presets = ", ".join(preset_names())
    parser.add_argument(
        "--config",
        metavar="NAME",
        type=str,
        help=f"YAML file, or the name of a preset: {presets}. What it leaves out has the project's defaults. Or auto: "
        f"settings follow from the training data. Left out: auto for data of your own, else {DEFAULT_PRESET}.",
    )
    for section, section_class in command.sections.items():
        docstring = docstring_parser.parse(_docstring(section_class))
        group = parser.add_argument_group(f"{section}: {(docstring.short_description or '').rstrip('.')}")
        explained = explanations(section_class)
        for field in dataclasses.fields(section_class):
            key = f"{section}.{field.name}"
            names = [f"--{key}", "--seed"] if key == "train.seed" else [f"--{key}"]
            group.add_argument(*names, type=setting_type(key), default=field.default, help=explained[field.name])
    return parser


def explanations(section_class: Any) -> dict[str, str]:
    """What each key of a section is, as its docstring says, for argparse's help."""
    params = docstring_parser.parse(_docstring(section_class)).params
    return {param.arg_name: (param.description or "").replace("%", "%%") for param in params}


def _docstring(section_class: Any) -> str:
    """Of the class; python -OO drops them, but not from the source."""
    if sys.flags.optimize < 2:
        return section_class.__doc__
    definition = ast.parse(inspect.getsource(section_class)).body[0]
    return (ast.get_docstring(definition) if isinstance(definition, ast.ClassDef) else None) or ""


def parse_settings(
    command: SettingsCommand,
    parser: jsonargparse.ArgumentParser,
    argv: list[str],
    earlier: Callable[[jsonargparse.Namespace], Mapping[str, Any]] | None = None,
    fit: Callable[[Mapping[str, Any]], Configuration] = fit_to_data,
) -> tuple[jsonargparse.Namespace, Configuration]:
    """Everything parsed, and the configuration: of the command line, above the file of --config, above the defaults.

    With --config auto, which is what `parsed.config` becomes where it is left out and the data are somebody's own,
    settings that are not given follow from the data, which are read here.

    Args:
        command: What the parser was made for.
        parser: From `settings_parser`, with what the command takes besides.
        argv: The words after the command.
        earlier: From what is parsed to settings by `section.key` that were chosen before, as those of a run that goes
            on: they stand where the data would decide. Without any, the data decide.
        fit: What the data decide, of settings that are given.

    Raises:
        UsageError: Something there is unknown, of a wrong type or impossible.
        DataError: The data cannot be used from which settings are to follow.
        SystemExit: `--help` was asked for and printed.
    """
    topic = asked_topic(argv, command.sections)
    if topic is not None:
        config = _last_given(argv, "--config") or DEFAULT_PRESET
        values = {} if config == AUTO else by_name(read_sections(find_configuration_file(config), command.sections))
        shown = HelpTopic(topic, command.sections, command.examples, config, values)
        sys.stdout.write(format_help(parser, shown))
        raise SystemExit(0)
    # The first pass only finds --config; its file then lies under the same arguments in the second.
    parsed = _parsed(parser, lambda: parser.parse_args(argv))
    given = _given(parser, argv)
    config = parsed.config or default_config(given)
    if config == AUTO:
        parsed.config = config
        chosen = dict(earlier(parsed)) if earlier else {}
        if not chosen:
            return parsed, fit(given)
        return parsed, replace_settings(FittedConfiguration(given=tuple(given)), chosen | given)
    path = find_configuration_file(config)
    settings = read_sections(path, command.sections)
    parsed.config = config
    for name, value in _inherited({**by_name(settings), **given}, parsed, earlier).items():
        section, _, key = name.partition(".")
        settings.setdefault(section, {})[key] = value
    try:
        base = _parsed(parser, lambda: parser.parse_object(settings, defaults=False))
    except UsageError as error:
        raise UsageError(f"{error} (in {path})") from None
    parsed = _parsed(parser, lambda: parser.parse_args(argv, namespace=base))
    parsed.config = config
    values = by_name({section: parsed[section].as_dict() for section in SECTIONS})
    return parsed, replace_settings(Configuration(), _as_meant(values, argv))


def _inherited(
    given: Mapping[str, Any],
    parsed: jsonargparse.Namespace,
    earlier: Callable[[jsonargparse.Namespace], Mapping[str, Any]] | None,
) -> Mapping[str, Any]:
    """What the run of `train.init_from` decides; of a run that goes on, what it decided when that began. And what a
    prepared corpus has decided.
    """
    decided = settings_from_corpus(given)
    if not given.get(EARLIER.key):
        return decided
    before = inherited_settings(earlier(parsed)) if earlier else {}
    kept = {key: value for key, value in before.items() if key not in given} or inherit(given)
    return {**kept, **decided}


def _given(parser: jsonargparse.ArgumentParser, argv: list[str]) -> dict[str, Any]:
    """The settings that stand on the command line, by `section.key`."""
    parsed = _parsed(parser, lambda: parser.parse_args(argv, defaults=False))
    return _as_meant(by_name({name: parsed[name].as_dict() for name in SECTIONS if name in parsed}), argv)


def parse_search_settings(command: str, written: Mapping[str, str]) -> dict[str, Any]:
    """Search settings, by key, with the types of the configuration.

    Raises:
        UsageError: A value of a wrong type.

    Example:
        >>> parse_search_settings("predict", {"beam_size": "3", "dictionary": "null"})
        {'beam_size': 3, 'dictionary': None}
    """
    parser = settings_parser(SettingsCommand(command, sections={"search": SearchConfiguration}))
    options = [f"--search.{key}={value}" for key, value in written.items()]
    parsed = _parsed(parser, lambda: parser.parse_args(options))["search"]
    settings = {key: parsed[key] for key in written}
    if "dictionary" in settings:
        settings["dictionary"] = _as_written(settings["dictionary"], written["dictionary"])
    if "beam_size" in settings:  # others may depend on the run's, which are not known here
        SearchConfiguration(beam_size=settings["beam_size"])
    return settings


def _last_given(argv: list[str], option: str) -> str | None:
    """The value of an option as it stands on the command line."""
    given = None
    for place, word in enumerate(argv):
        if word == option and place + 1 < len(argv):
            given = argv[place + 1]
        elif word.startswith(f"{option}="):
            given = word.removeprefix(f"{option}=")
    return given


def _as_meant(values: dict[str, Any], argv: list[str]) -> dict[str, Any]:
    """Settings by `section.key`, with places as they stand on the command line."""
    for name in ("data.dev", "data.test", "data.unlabeled", "search.dictionary"):
        if name in values:
            values[name] = _as_written(values[name], _last_given(argv, f"--{name}"))
    for name in ("text.source_separator", "text.target_separator"):
        if name in values:
            written = _last_given(argv, f"--{name}")
            # A tilde is a mark that may well stand between symbols.
            values[name] = written if written == "~" else _as_written(values[name], written)
    return values


def _as_written(value: Any, written: str | None) -> Any:
    """The text that a command line has: YAML takes #dev.tsv for a comment, and so for null."""
    return written if value is None and written is not None and written not in _NULLS else value


def _parsed(parser: jsonargparse.ArgumentParser, parse: Callable[[], jsonargparse.Namespace]) -> jsonargparse.Namespace:
    try:
        return parse()
    except argparse.ArgumentError as error:
        raise UsageError(_plain_message(str(error), parser)) from None


def _plain_message(message: str, parser: jsonargparse.ArgumentParser) -> str:
    """jsonargparse's message, which speaks of Python types, in the words of the configuration."""
    alone = re.match(r"argument (--\S+): expected one argument", message)
    if alone:
        return f"{alone[1]}: a value is missing; one that begins with a dash is written {alone[1]}=-…"
    unknown = re.match(r"unrecognized arguments: ([^\s=]+)", message, re.IGNORECASE)
    if unknown:
        name = unknown[1]
        if not name.startswith("-"):
            return f"{name}: an argument too many ({parser.prog} --help explains)"
        known = [option for option in parser._option_string_actions if not option.endswith("+")]
        return f"{name}: no such option{suggest_option(name, known)} ({parser.prog} --help all lists all)"
    key = re.search(r'Parser key "([^"]+)"', message)
    # What was given as a whole, where a part of it is at fault.
    value = re.search(r"Given value: (.*)", message, re.DOTALL) or re.search(r"Got value: (.*)", message, re.DOTALL)
    if key and value and setting_type(key[1]) is not None:
        return f"{key[1]}: {value[1].strip()} is impossible, it must be {in_words(setting_type(key[1]))}"
    return f"{' '.join(message.split())} ({parser.prog} --help explains)"
