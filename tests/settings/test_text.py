"""Section `text`: what each side takes, what two settings exclude, and what earlier runs lack."""

from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.options.settings_command import SettingsCommand
from pipeline.options.settings_options import parse_settings, settings_parser
from pipeline.settings.changes import with_defaults
from pipeline.settings.configure import configure
from pipeline.settings.text import SideText, TextConfiguration


def test_targets_take_the_form_of_both_sides_unless_they_have_their_own():
    text = TextConfiguration(normalization="nfkd")
    assert text.side("source") == text.side("target") == SideText("char", "nfkd", False, None)
    text = TextConfiguration(normalization="nfd", target_normalization="none")
    assert (text.side("source").normalization, text.side("target").normalization) == ("nfd", "none")
    assert (text.compared.normalization, text.compared.target_form) == ("nfc", "none")


def test_a_separator_has_the_form_of_its_strings():
    text = TextConfiguration("space", "space", source_separator="X", target_separator="\u0387", lowercase=True)
    assert (text.side("source").separator, text.side("target").separator) == ("x", "·")
    text = TextConfiguration("char", "space", target_normalization="none", target_separator="\u0387")
    assert text.side("target").separator == "\u0387"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source_separator": "-"}, "it must be null where text.source_tokenizer is char; text.source_tokenizer space"),
        ({"target_tokenizer": "bpe", "target_separator": "-"}, "text.target_separator: '-' is impossible"),
        ({"target_tokenizer": "space", "target_separator": ""}, "one character or more"),
        ({"target_tokenizer": "space", "target_separator": " \u3000"}, "not white space alone"),
        ({"target_tokenizer": "space", "target_separator": "a\tb"}, "no TAB"),
        ({"shared_vocabulary": True, "target_normalization": "nfd"}, "must be nfc, as sources have it"),
        (
            {
                "source_tokenizer": "space",
                "target_tokenizer": "space",
                "source_separator": "-",
                "shared_vocabulary": True,
            },
            "text.target_separator: None is impossible, it must be -, as sources have it",
        ),
    ],
)
def test_what_is_refused(settings: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=message):
        TextConfiguration(**settings)


def test_a_shared_vocabulary_may_be_told_twice():
    TextConfiguration(shared_vocabulary=True, normalization="nfd", target_normalization="nfd")


def parsed(*options: str) -> TextConfiguration:
    command = SettingsCommand("train")
    given = ["--text.target_tokenizer", "space", *options]
    return parse_settings(command, settings_parser(command), given)[1].text


@pytest.mark.parametrize("mark", ["-", "|", "·", "_", ",", ".", "#", "~", ": ", "*", "1", "true", "["])
def test_any_mark_may_be_given_on_the_command_line(mark: str):
    assert parsed("--text.target_separator", mark).target_separator == mark
    assert parsed(f"--text.target_separator={mark}").target_separator == mark


def test_null_is_the_default():
    text = parsed("--text.target_separator", "null", "--text.target_normalization", "null")
    assert text == TextConfiguration(target_tokenizer="space")
    settings = {"text.normalization": "nfd", "text.target_normalization": "nfc", "text.target_tokenizer": "space"}
    assert configure(changes=settings).text.target_form == "nfc"
    with pytest.raises(UsageError, match=r"text\.target_normalization: odd is impossible, it must be none or nfc or"):
        configure(changes={"text.target_normalization": "odd"})


def test_runs_of_before_are_as_they_were():
    before = with_defaults({"text.normalization": "nfd"})
    assert (before["text.target_normalization"], before["text.target_separator"]) == (None, None)
