"""How strings will be cut, guessed from them: tokenizers and normal forms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.defaults.choice import Choice
from pipeline.defaults.kinds_of_text import Guess, guess_tokenizer, lacks_spaces
from pipeline.pairs.pair_file import Pair
from pipeline.settings.text import TOKENIZER_KINDS
from pipeline.text.distinct_symbols import symbols_by_form
from pipeline.text.separators import SeparatorCounts

GUESSED_FROM = 20_000
"""Pairs from which tokenizers are guessed."""
SAME_SCRIPT = 0.5
"""Share of the letters of the side that has fewer, which the other side has too where the script is the same."""
SIDES = ("source", "target")


def choose_text(pairs: Sequence[Pair], given: Mapping[str, Any]) -> list[Choice]:
    """Tokenizers, what stands between symbols, one vocabulary for both sides, and normal forms.

    Args:
        pairs: Of the training data.
        given: Settings that stay, by `section.key`.

    Example:
        >>> [choice[:2] for choice in choose_text([Pair("cat", "k a t", 1), Pair("tack", "t a k", 2)], {})]
        [('text.source_tokenizer', 'char'), ('text.target_tokenizer', 'space')]
    """
    strings = {side: [getattr(pair, side) for pair in pairs] for side in SIDES}
    choices = [*_choose_cuts({side: strings[side][:GUESSED_FROM] for side in SIDES}, given)]
    settings = {**{choice.key: choice.value for choice in choices}, **given}
    choices += [*_share_subwords(strings, settings), *_choose_forms(strings, settings)]
    return [choice for choice in choices if choice.key not in given]


def _choose_cuts(strings: Mapping[str, Sequence[str]], given: Mapping[str, Any]) -> Iterator[Choice]:
    guesses = {side: guess_tokenizer(strings[side]) for side in SIDES}
    for side, other in (SIDES, SIDES[::-1]):
        if guesses[other].tokenizer == "bpe" and guesses[side].tokenizer == "char" and lacks_spaces(strings[side]):
            reason = "sentences as those of the other side, in a script without white space between words"
            guesses[side] = guesses[other]._replace(reason=reason)
    for side in SIDES:
        mark = given.get(f"text.{side}_separator")
        if mark is None and guesses[side].tokenizer == "char":
            mark = _find_separator(strings[side]) if f"text.{side}_tokenizer" not in given else None
        reason = f"{mark} stands between its symbols"
        yield Choice(f"text.{side}_tokenizer", *(guesses[side] if mark is None else Guess("space", reason)))
        if mark is not None:
            yield Choice(f"text.{side}_separator", mark, reason)


def _find_separator(strings: Iterable[str]) -> str | None:
    counts = SeparatorCounts()
    for string in strings:
        counts.see(string)
    return counts.find()


def _share_subwords(strings: Mapping[str, Sequence[str]], settings: Mapping[str, Any]) -> Iterator[Choice]:
    """One vocabulary of subwords, where the sides are written with the same letters."""
    source, target = (settings[f"text.{side}_tokenizer"] for side in SIDES)
    if source != target or not TOKENIZER_KINDS[source].subwords:
        return
    letters = [{letter for text in strings[side] for letter in text.lower() if letter.isalpha()} for side in SIDES]
    common = len(letters[0] & letters[1])
    if common >= SAME_SCRIPT * min(map(len, letters)):
        yield Choice("text.shared_vocabulary", True, f"{common:,} letters are those of both sides")


def _choose_forms(strings: Mapping[str, Sequence[str]], settings: Mapping[str, Any]) -> Iterator[Choice]:
    """`nfd` for a side of which letters and marks are few, but many together, as those of Hangul's syllables."""
    if "text.normalization" in settings or settings.get("text.shared_vocabulary"):
        return
    apart = {}
    for side in SIDES:
        tokenizer, separator = settings[f"text.{side}_tokenizer"], settings.get(f"text.{side}_separator")
        if not TOKENIZER_KINDS[tokenizer].subwords:
            lowercase = bool(settings.get("text.lowercase"))
            counts = symbols_by_form(strings[side], tokenizer, separator, lowercase=lowercase)
            if 2 * counts["nfd"] < counts["nfc"]:
                apart[side] = f"{counts['nfc']:,} {side} symbols are made of {counts['nfd']:,} letters and marks"
    if "source" in apart:
        yield Choice("text.normalization", "nfd", apart["source"])
    if "target" in apart:
        yield Choice("text.target_normalization", "nfd", apart["target"])
    elif apart:
        yield Choice("text.target_normalization", "nfc", "hardly fewer target symbols taken apart")
