"""How strings will be cut, guessed from them: tokenizers and normal forms."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.defaults.choice import Choice
from pipeline.defaults.kinds_of_text import Guess, guess_tokenizer, lacks_spaces
from pipeline.pairs.pair_file import Pair
from pipeline.settings.text import TOKENIZER_KINDS
from pipeline.text.distinct_symbols import symbols_by_form

GUESSED_FROM = 20_000
"""Pairs from which tokenizers are guessed."""
SAME_SCRIPT = 0.5
"""Share of the letters of the side that has fewer, which the other side has too where the script is the same."""
SIDES = ("source", "target")


def choose_text(pairs: Sequence[Pair], given: Mapping[str, Any]) -> list[Choice]:
    """Tokenizers, and the normal form of a side whose vocabulary it makes less than half as large.

    Args:
        pairs: Of the training data.
        given: Settings that stay, by `section.key`.

    Example:
        >>> [choice[:2] for choice in choose_text([Pair("cat", "k a t", 1), Pair("tack", "t a k", 2)], {})]
        [('text.source_tokenizer', 'char'), ('text.target_tokenizer', 'space')]
    """
    strings = {side: [getattr(pair, side) for pair in pairs] for side in SIDES}
    choices = _choose_tokenizers({side: strings[side][:GUESSED_FROM] for side in SIDES}, given)
    tokenizers = {side: str(given.get(f"text.{side}_tokenizer")) for side in SIDES}
    for choice in choices:
        tokenizers[choice.key.removeprefix("text.").removesuffix("_tokenizer")] = choice.value
    return [*choices, *_share_subwords(strings, tokenizers, given), *_choose_forms(strings, tokenizers, given)]


def _choose_tokenizers(strings: Mapping[str, Sequence[str]], given: Mapping[str, Any]) -> list[Choice]:
    guesses = {side: guess_tokenizer(strings[side]) for side in SIDES}
    for side, other in (SIDES, SIDES[::-1]):
        if guesses[other].tokenizer == "bpe" and guesses[side].tokenizer == "char" and lacks_spaces(strings[side]):
            reason = "sentences as those of the other side, in a script without white space between words"
            guesses[side] = guesses[other]._replace(reason=reason)
    for side in SIDES:
        if given.get(f"text.{side}_separator"):
            guesses[side] = Guess("space", f"text.{side}_separator is given")
    choices = [Choice(f"text.{side}_tokenizer", *guesses[side]) for side in SIDES]
    return [choice for choice in choices if choice.key not in given]


def _share_subwords(
    strings: Mapping[str, Sequence[str]], tokenizers: Mapping[str, str], given: Mapping[str, Any]
) -> list[Choice]:
    """One vocabulary of subwords, where the sides are written with the same letters."""
    source, target = (tokenizers[side] for side in SIDES)
    if "text.shared_vocabulary" in given or source != target or not TOKENIZER_KINDS[source].subwords:
        return []
    letters = [{letter for text in strings[side] for letter in text.lower() if letter.isalpha()} for side in SIDES]
    common, fewest = len(letters[0] & letters[1]), min(map(len, letters))
    if common < SAME_SCRIPT * fewest:
        return []
    return [Choice("text.shared_vocabulary", True, f"{common:,} letters are those of both sides")]


def _choose_forms(
    strings: Mapping[str, Sequence[str]], tokenizers: Mapping[str, str], given: Mapping[str, Any]
) -> list[Choice]:
    """`nfd` for a side of which letters and marks are few, but many together, as those of Hangul's syllables."""
    if "text.normalization" in given or given.get("text.shared_vocabulary"):
        return []
    apart = {}
    for side in SIDES:
        if not TOKENIZER_KINDS[tokenizers[side]].subwords:
            separator, lowercase = given.get(f"text.{side}_separator"), bool(given.get("text.lowercase"))
            counts = symbols_by_form(strings[side], tokenizers[side], separator, lowercase=lowercase)
            if 2 * counts["nfd"] < counts["nfc"]:
                apart[side] = f"{counts['nfc']:,} {side} symbols are made of {counts['nfd']:,} letters and marks"
    choices = [Choice("text.normalization", "nfd", apart["source"])] if "source" in apart else []
    if "target" in apart:
        choices.append(Choice("text.target_normalization", "nfd", apart["target"]))
    elif choices:
        choices.append(Choice("text.target_normalization", "nfc", "hardly fewer target symbols taken apart"))
    return [choice for choice in choices if choice.key not in given]
