"""Sources as far as a model can tell them apart, and their references."""

from collections.abc import Iterable, Sequence

from pipeline.pairs.pair_file import Pair
from pipeline.settings.text import TextConfiguration
from pipeline.unicode.normal_forms import NORMAL_FORMS, normalize_string


def fold_source(source: str, text: TextConfiguration) -> str:
    """The source as far as the model can tell it from others: in its normal form, lowercased if that is set."""
    return normalize_string(source, NORMAL_FORMS[text.normalization].equals, text.lowercase)


def group_references(pairs: Iterable[Pair], text: TextConfiguration | None = None) -> dict[str, list[str]]:
    """What evaluation needs: distinct sources by first appearance, each with its distinct targets in file order.

    Sources that `text` makes the same are one, under the spelling that came first.
    """
    text = text or TextConfiguration()
    spelling: dict[str, str] = {}
    references: dict[str, dict[str, None]] = {}
    for pair in pairs:
        source = spelling.setdefault(fold_source(pair.source, text), pair.source)
        references.setdefault(source, {})[pair.target] = None
    return {source: list(targets) for source, targets in references.items()}


def overlap(
    train: Iterable[Pair], others: Sequence[Iterable[Pair]], text: TextConfiguration | None = None
) -> list[int]:
    """How many distinct sources of each of others are also training sources; streams train, keeps theirs in memory."""
    text = text or TextConfiguration()
    unseen = [{fold_source(pair.source, text) for pair in pairs} for pairs in others]
    totals = list(map(len, unseen))
    for pair in train:
        source = fold_source(pair.source, text)
        for sources in unseen:
            sources.discard(source)
    return [total - len(sources) for total, sources in zip(totals, unseen, strict=True)]
