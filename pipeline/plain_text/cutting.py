"""Strings cut as they are compared and named: characters or words, subwords as the words they are of."""

from collections.abc import Iterable

from pipeline.plain_text.tokenizers import make_plain_tokenizer
from pipeline.settings.text import TOKENIZER_KINDS, TextConfiguration
from pipeline.unicode.normal_forms import normalize_string


def split_sources(sources: Iterable[str], text: TextConfiguration) -> list[list[str]]:
    """Sources as symbols; subwords as words."""
    return _split(sources, text.source_tokenizer, text)


def split_targets(targets: Iterable[str], text: TextConfiguration) -> list[list[str]]:
    """Targets as symbol sequences, hypotheses and references through the same normalisation; subwords as words."""
    return _split(targets, text.target_tokenizer, text)


def _split(strings: Iterable[str], tokenizer: str, text: TextConfiguration) -> list[list[str]]:
    split = make_plain_tokenizer("space" if TOKENIZER_KINDS[tokenizer].subwords else tokenizer).split
    return [split(normalize_string(string, text.normalization, text.lowercase)) for string in strings]
