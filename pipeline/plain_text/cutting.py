"""Strings cut as they are compared and named: characters or words, subwords as the words they are of."""

from collections.abc import Iterable

from pipeline.plain_text.features import split_with_features
from pipeline.plain_text.tokenizers import make_plain_tokenizer
from pipeline.settings.text import TOKENIZER_KINDS, SideText, TextConfiguration


def split_sources(sources: Iterable[str], text: TextConfiguration) -> list[list[str]]:
    """Sources as symbols; subwords as words."""
    return _split(sources, text.side("source"))


def split_targets(targets: Iterable[str], text: TextConfiguration) -> list[list[str]]:
    """Targets as symbol sequences, hypotheses and references through the same normalisation; subwords as words."""
    return _split(targets, text.side("target"))


def _split(strings: Iterable[str], how: SideText) -> list[list[str]]:
    name = "space" if TOKENIZER_KINDS[how.tokenizer].subwords else how.tokenizer
    split = make_plain_tokenizer(name, separator=how.separator).split
    return [split_with_features(string, how, split) for string in strings]
