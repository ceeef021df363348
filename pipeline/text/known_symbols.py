"""Which symbols a model lacks, asked of the model itself: an export can tell as well as a run."""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from pipeline.settings.text import TextConfiguration
from pipeline.text.chunks import in_chunks
from pipeline.text.symbol_names import name_symbol
from pipeline.text.symbols import CONTINUES, FEATURE_MARK

BATCH = 256
MOST_KEPT = 100_000
# Nothing composes with it, and a symbol between two of them is not taken for white space at an end.
_FENCE = "0"
# Other forms in which a model may know what it lacks as it stands.
FORMS: dict[str, Callable[[str], str]] = {
    "in lower case": str.lower,
    "in upper case": str.upper,
    "without digits": lambda symbol: re.sub(r"\d", "", symbol),
    **{f"in the normal form {form}": functools.partial(unicodedata.normalize, form) for form in ("NFC", "NFD", "NFKC")},
}


class CountsUnknown(Protocol):
    """What is asked: a model, live or exported, or the vocabularies themselves."""

    def in_sources(self, sources: Sequence[str]) -> list[int]:
        """How many symbols of each source are unknown."""

    def in_targets(self, targets: Sequence[str]) -> list[int]:
        """How many symbols of each target are."""

    def among_target_symbols(self, symbols: Sequence[str]) -> list[bool]:
        """Whether each is, taken as a symbol of targets."""


class KnownSymbols:
    """Answers which symbols are in a model's vocabularies; each is asked for once.

    Args:
        unknown: What knows the vocabularies.
        text: How its strings become symbols.
    """

    def __init__(self, unknown: CountsUnknown, text: TextConfiguration) -> None:
        self.unknown, self.text = unknown, text
        self._source: dict[str, bool] = {}
        self._target: dict[str, bool] = {}

    @property
    def reads_tab(self) -> bool:
        """Whether a TAB says something: as a symbol of the sources, which to words and subwords it is not, or as what
        stands before features.
        """
        if self.text.feature_separator is not None:
            return True
        return self.text.source.characters and not self.lacking_in_source(["\t"])

    def lacking_in_source(self, symbols: Iterable[str]) -> list[str]:
        """Those that training never saw in a source, each once, in order of appearance."""
        if self.text.source.bytewise:
            # Cut into bytes, nothing is unknown but features.
            symbols = (symbol for symbol in symbols if symbol.startswith(FEATURE_MARK) and len(symbol) > 1)
        if self.text.source.whole_unknown:
            # An unknown word is not cut: what continues a word is known.
            symbols = (symbol for symbol in symbols if not symbol.startswith(CONTINUES))
        return _look_up(symbols, self._source, self._ask_source)

    def lacking_in_target(self, symbols: Iterable[str]) -> list[str]:
        """Those that the model cannot write, each once, in order of appearance; of `wordpiece`, words are asked for."""
        if self.text.target.bytewise:
            return []
        return _look_up(symbols, self._target, self._ask_target)

    def hint_at_source(self, lacking: Sequence[str]) -> str:
        """In which other form training saw most of the symbols that it lacks, to be put behind a sentence; or ''."""
        return _find_form(lacking, self.lacking_in_source)

    def hint_at_target(self, lacking: Sequence[str]) -> str:
        """In which other form the model writes most of the symbols that it lacks; or ''."""
        return _find_form(lacking, self.lacking_in_target)

    def _ask_source(self, symbols: Sequence[str]) -> list[bool]:
        if self.text.feature_separator is not None:
            alone, *counts = self.unknown.in_sources(
                [_FENCE, *(_FENCE + symbol if symbol.startswith(FEATURE_MARK) else _FENCE for symbol in symbols)]
            )
            own = iter(self._ask_symbols([symbol for symbol in symbols if not symbol.startswith(FEATURE_MARK)]))
            return [
                count > alone if symbol.startswith(FEATURE_MARK) else next(own)
                for symbol, count in zip(symbols, counts, strict=True)
            ]
        return self._ask_symbols(symbols)

    def _ask_symbols(self, symbols: Sequence[str]) -> list[bool]:
        """Of symbols that are no features."""
        if self.text.source.characters:
            probes = [f"{_FENCE}{symbol}{_FENCE}" for symbol in symbols]
            fences, *counts = self.unknown.in_sources([_FENCE * 2, *probes])
            return [count > fences for count in counts]
        return [count > 0 for count in self.unknown.in_sources(symbols)]

    def _ask_target(self, symbols: Sequence[str]) -> list[bool]:
        if self.text.target.whole_unknown:
            return [count > 0 for count in self.unknown.in_targets(symbols)]
        return self.unknown.among_target_symbols(symbols)


def _look_up(symbols: Iterable[str], lacking: dict[str, bool], ask: Callable[[Sequence[str]], list[bool]]) -> list[str]:
    distinct = list(dict.fromkeys(symbols))
    if len(lacking) > MOST_KEPT:
        lacking.clear()
    for chunk in in_chunks((symbol for symbol in distinct if symbol not in lacking), BATCH):
        lacking.update(zip(chunk, ask(chunk), strict=True))
    return [symbol for symbol in distinct if lacking[symbol]]


def _find_form(lacking: Sequence[str], ask: Callable[[Iterable[str]], list[str]]) -> str:
    for form, change in FORMS.items():
        changed = {symbol: change(symbol) for symbol in lacking}
        others = [other for symbol, other in changed.items() if other and other != symbol]
        known = set(others) - set(ask(others))
        if sum(other in known for other in others) > len(changed) / 2:
            symbol = next(symbol for symbol, other in changed.items() if other in known)
            return f"; the model has {name_symbol(changed[symbol])} for {name_symbol(symbol)}: give them {form}"
    return ""
