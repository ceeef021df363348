"""Which settings follow from what was counted: the tables that `--config auto` goes by.

docs/defaults.md explains them and has the figures by which they were chosen.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.defaults.choice import Choice
from pipeline.defaults.facts import Facts
from pipeline.errors import count_of


class _Row(NamedTuple):
    """Settings for data of some size."""

    most: float
    """Target symbols of a pass, end symbols included, up to which it holds."""
    values: Mapping[str, Any]
    seen: float
    """Target symbols that the training sees, padding counted."""
    epochs: int


_LITTLE = {
    "model.units": 192,
    "model.embedding_units": 96,
    "model.dropout": 0.5,
    "data.batch_tokens": 256,
    "train.learning_rate": 0.002,
    "train.warmup_steps": 100,
}
_MORE = {"model.dropout": 0.4, "data.batch_tokens": 1024}
_HARD = {"model.attention": "monotonic"}
# Sounds and letters.
SYMBOLS = (
    _Row(15_000, _LITTLE, 600_000, 8),
    _Row(
        60_000,
        {"model.dropout": 0.4, "data.batch_tokens": 512, "train.warmup_steps": 100},
        1_200_000,
        8,
    ),
    _Row(250_000, _MORE, 2_500_000, 8),
    _Row(float("inf"), {"model.dropout": 0.2}, 5_000_000, 10),
)
# The same, where targets move forward through their sources: what a few pairs cannot teach need not be learned, and of
# many it is learned sooner.
FORWARD = (
    _Row(15_000, {**_LITTLE, **_HARD}, 300_000, 6),
    _Row(60_000, {**_LITTLE, **_HARD}, 400_000, 8),
    _Row(120_000, {**_MORE, **_HARD}, 1_500_000, 8),
    _Row(250_000, {**_MORE, **_HARD}, 2_500_000, 8),
    _Row(float("inf"), {"model.dropout": 0.2, **_HARD}, 5_000_000, 10),
)
# The same, where most of a target stands in its source: of ten thousand pairs a network learns more without copying.
COPIED = (_Row(40_000, {**_LITTLE, "model.copy": True}, 1_200_000, 8), *SYMBOLS[1:])
# The same, where these targets move forward as well: what is copied then stands where the position is.
_COPY_FORWARD = {"model.copy": True, **_HARD}
COPIED_FORWARD = (
    _Row(4_000, {**_LITTLE, **_COPY_FORWARD, "data.hallucinated": 4}, 200_000, 6),
    _Row(40_000, {**_LITTLE, **_COPY_FORWARD}, 800_000, 8),
    _Row(250_000, {**_MORE, **_COPY_FORWARD}, 1_200_000, 8),
    SYMBOLS[-1],
)
# Subwords of sentences.
SENTENCES = (
    _Row(
        100_000,
        {"text.vocabulary_size": 2000, "model.units": 256, "model.dropout": 0.5, "data.batch_tokens": 1024},
        2_000_000,
        20,
    ),
    _Row(
        float("inf"),
        {"text.vocabulary_size": 8000, "model.units": 320, "model.dropout": 0.35, "data.batch_tokens": 1600},
        15_000_000,
        30,
    ),
)
ALL_SYMBOLS = {"train.ema_momentum": 0.999, "train.patience": None, "data.buckets": 4}
ALL_SENTENCES = {
    "data.buckets": 8,
    "model.embedding_units": 192,
    "model.cell": "conditional_gru",
    "model.tied_embeddings": True,
    "train.learning_rate": 0.002,
    "train.warmup_steps": 400,
    "train.weight_decay": 0.0001,
    "train.ema_momentum": 0.999,
    "train.patience": 6,
    "search.beam_size": 5,
    "search.length_penalty": 1.0,
}
SMOOTHING = ((200, 5), (1000, 3))
"""Dev sources up to which the best epoch is the one with the best mean over so many epochs: `benchmarks.smoothing`."""
MOSTLY_COPIED = 0.5
"""Share of the target symbols that stand in their source, from which on outputs may copy."""
MOST_DISTINCT = 900
"""Target symbols from which on attention that moves forward alone is not for them: it takes 1,000."""
FORWARD_SHARE = 0.5
"""From which on targets count as moving forward: of fifteen languages' pronunciations it is 0.64 to 0.98, of a source
written backwards -0.99, of dates written otherwise -0.52. See `pipeline.defaults.order`."""
COPIED_FORWARD_SHARE = 0.25
"""The same of targets that are mostly copied: inflected forms of six languages have 0.28 to 0.77, names of which the
last comes first -0.3."""
MOST_NUMBERS = 10_000
"""Of one target symbol, positions of a long source times target symbols: so many numbers hard attention computes."""
MOST_WORK, HIDDEN_LAYER = 5_500, 40
"""The last row of a table has no limit to its passes: there, positions times target symbols and 40 more, for which the
hidden layer at each of them counts. Up to here a step takes up to 1.6 times as long as with other attention."""
SHORTEST_LIMIT, LONGEST_LIMIT = 64, 250


def choose(facts: Facts) -> list[Choice]:
    """Everything that follows from what was counted.

    Args:
        facts: Of the training data, cut by the tokenizers that are given or were guessed.
    """
    return [*_choose_lengths(facts), *_choose_network(facts), *_choose_smoothing(facts)]


def _choose_lengths(facts: Facts) -> Iterator[Choice]:
    """A limit that hardly any pair reaches."""
    limit = min(max(-(-facts.long * 5 // 4), SHORTEST_LIMIT), LONGEST_LIMIT)
    if limit > SHORTEST_LIMIT:
        reason = f"998 of 1,000 strings have no more than {facts.long} symbols"
        yield Choice("data.max_length", limit, reason)


def _choose_network(facts: Facts) -> Iterator[Choice]:
    table, shared, kind = _find_table(facts)
    row = next(row for row in table if facts.target_symbols <= row.most)
    reason = f"{count_of(facts.pairs, 'pair')} with {facts.target_symbols:,} target symbols{kind}"
    for key, value in {**shared, **row.values}.items():
        yield Choice(key, value, reason)
    passes = row.seen / max(facts.target_symbols, 1)
    reason = f"{row.epochs} looks at dev, about {max(passes, row.epochs):,.0f} passes over the data in all"
    yield Choice("train.epochs", row.epochs, reason)
    yield Choice("train.min_epoch_tokens", round(row.seen / row.epochs), reason)


def _find_table(facts: Facts) -> tuple[tuple[_Row, ...], dict[str, Any], str]:
    """The rows, what holds for all of them, and why it is these."""
    if facts.sentences:
        return SENTENCES, ALL_SENTENCES, ""
    forward = f"move forward through their sources ({facts.forward:.2f} of 1)"
    if facts.alike and facts.copied >= MOSTLY_COPIED:
        copied = f", {facts.copied:.0%} of which stand in their source"
        if _moves_forward(facts, COPIED_FORWARD_SHARE):
            return COPIED_FORWARD, ALL_SYMBOLS, f"{copied} and which {forward}"
        return COPIED, ALL_SYMBOLS, copied
    if _moves_forward(facts, FORWARD_SHARE):
        return FORWARD, ALL_SYMBOLS, f", which {forward}"
    return SYMBOLS, ALL_SYMBOLS, ""


def _moves_forward(facts: Facts, least: float) -> bool:
    """Whether attention that can do nothing else is for these targets."""
    few = facts.target_symbols <= FORWARD[-2].most
    quick = few or facts.long * (facts.distinct + HIDDEN_LAYER) <= MOST_WORK
    small = facts.distinct < MOST_DISTINCT and facts.long * facts.distinct <= MOST_NUMBERS
    return facts.forward >= least and small and quick


def _choose_smoothing(facts: Facts) -> Iterator[Choice]:
    """Of a few dev sources one epoch's figure is luck."""
    for most, epochs in SMOOTHING:
        if facts.dev is not None and facts.dev <= most:
            yield Choice("train.smoothing", epochs, f"{count_of(facts.dev, 'dev source')}, of which luck may choose")
            return
