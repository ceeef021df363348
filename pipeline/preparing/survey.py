"""What is counted of a shard before there are vocabularies: symbols or a sample of strings, normal forms, features."""

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from pipeline.data.data_warnings import is_told_of_separators
from pipeline.data.features import text_of
from pipeline.data.vocabularies.learned import groups_of
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.data_files import checksum_of_content
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.source_subset import hash_source
from pipeline.pairs.splits import fold_of
from pipeline.plain_text.features import split_with_features
from pipeline.preparing.plan import Plan
from pipeline.preparing.shard_pairs import folding, held_out, read_shard, stamps
from pipeline.settings.text import SIDES, TOKENIZER_KINDS, Side, TextConfiguration
from pipeline.text.chunks import CHUNK, in_chunks
from pipeline.text.learning import count_symbols
from pipeline.text.separators import SeparatorCounts
from pipeline.text.symbols import FEATURE_MARK
from pipeline.text.tokenizers import make_tokenizer
from pipeline.unicode.normal_forms import FormCounts

_ROOM, _MORE = 1.5, 1000
"""A shard keeps this many times its share of the strings that subwords are learned of, and some more: how many pairs
its bytes are is known when all have been read."""
_HASHES = 1 << 16
Tell = Callable[[int], object]
"""Called with how many pairs are done."""


def hold_out_survey(plan: Plan, shard: int, tell: Tell) -> dict[str, Any]:
    """The smallest hashes of a shard's sources: as many as are to be held out, and one more."""
    data, seed, fold = plan.configuration.data, plan.configuration.train.seed, fold_of(plan.configuration.text)
    pairs, _ = read_shard(plan, shard)
    hashes = (hash_source(fold(pair.source), seed) for pair in told(pairs, tell))
    smallest = np.zeros(0, np.uint64)
    for chunk in in_chunks(hashes, _HASHES):
        smallest = np.union1d(smallest, np.array(chunk, np.uint64))[: int(data.dev_size) + 1]
    return {"smallest": smallest.tolist()}


@dataclasses.dataclass
class _Group:
    """What is counted of the strings of one side, or of both."""

    sides: list[Side]
    kept: int
    """Strings that are kept to learn subwords of, drawn at random."""
    chance: random.Random
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    chosen: list[str] = dataclasses.field(default_factory=list)
    strings: int = 0
    marks: SeparatorCounts = dataclasses.field(default_factory=SeparatorCounts)

    def draw(self, string: str) -> None:
        """Keep it, in the place of another one where there is no room, or not, as chance has it."""
        self.strings += 1
        if len(self.chosen) < self.kept:
            self.chosen.append(string)
        elif (place := self.chance.randrange(self.strings)) < self.kept:
            self.chosen[place] = string


def survey(plan: Plan, shard: int, tell: Tell) -> dict[str, Any]:
    """Read a shard once, and count.

    Args:
        plan: What is prepared.
        shard: Its number.
        tell: Told of the pairs that are done.

    Returns:
        What `pipeline.preparing.vocabularies` sums up, for JSON.

    Raises:
        DataError: The file cannot be used.
    """
    text, before = plan.configuration.text, stamps(plan, shard)
    dev, rule = _dev_sources(plan), held_out(plan)
    fold, seen = folding(text), set[str]()
    forms = {side: FormCounts() for side in SIDES}
    chance = random.Random(repr([plan.configuration.train.seed, shard]))
    groups = [_Group(sides, _kept(plan, shard), chance) for sides in groups_of(text)]
    features: Counter[str] = Counter()
    number = 0
    pairs, _ = read_shard(plan, shard, says=True)
    for chunk in in_chunks(told(pairs, tell), CHUNK, lambda pair: len(pair.source) + len(pair.target)):
        own = [pair for pair in chunk if not rule.has(pair)]
        number += len(own)
        if dev:
            seen.update(dev.intersection(fold(pair.source) for pair in own))
        if text.feature_separator is not None:
            features.update(_features(own, text))
        for group in groups:
            _count(group, own, text, forms)
    return {
        "sha256": [checksum_of_content(path) for path in plan.files(shard)],
        "stamps": before,
        "pairs": number,
        "forms": {side: dataclasses.asdict(counts) for side, counts in forms.items()},
        "features": features,
        "dev": sorted(seen),
        "groups": [
            {
                "counts": group.counts,
                "chosen": group.chosen,
                "strings": group.strings,
                "marks": dataclasses.asdict(group.marks),
            }
            for group in groups
        ],
    }


def told(pairs: Iterable[Pair], tell: Tell) -> Iterator[Pair]:
    """The pairs, and tell of them now and then."""
    number = 0
    for number, pair in enumerate(pairs, 1):
        if number % CHUNK == 0:
            tell(number)
        yield pair
    tell(number)


def _dev_sources(plan: Plan) -> set[str]:
    """Those of a dev set that was given, as they are compared with training."""
    data = plan.configuration.data
    if data.dev is None:
        return set()
    fold = folding(plan.configuration.text)
    return {fold(pair.source) for pair in read_pairs(data.dev, "dev", BadLines(data.skip_bad_lines), data.columns)}


def _features(pairs: Iterable[Pair], text: TextConfiguration) -> Iterator[str]:
    how = text.side("source")
    for pair in pairs:
        for symbol in split_with_features(pair.source, how, lambda string: []):
            yield symbol.removeprefix(FEATURE_MARK)


def _count(group: _Group, pairs: list[Pair], text: TextConfiguration, forms: dict[Side, FormCounts]) -> None:
    how, strings = text.side(group.sides[0]), list[str]()
    for side in group.sides:
        form = text.side(side).normalization
        strings += [forms[side].see(text_of(pair, side, text), form, text.lowercase) for pair in pairs]
    if is_told_of_separators(text, group.sides):
        for string in strings:
            group.marks.see(string)
    if TOKENIZER_KINDS[how.tokenizer].subwords:
        for string in strings:
            group.draw(string)
    else:
        group.strings += len(strings)
        tokenizer = make_tokenizer(how.tokenizer, separator=how.separator)
        group.counts += count_symbols(strings, tokenizer, how.normalization, how.lowercase)


def _kept(plan: Plan, shard: int) -> int:
    """Strings that a shard keeps for learning subwords."""
    share = plan.size(shard) / max(1, sum(map(plan.size, range(len(plan.shards)))))
    return int(min(1, _ROOM * share) * plan.configuration.text.learn_size) + _MORE


def draw_from(chosen: list[list[str]], strings: list[int], size: int, seed: int) -> list[str]:
    """So many strings of all shards, each as likely as any other, of what each shard has kept of its own.

    Args:
        chosen: What each has kept, in a random order.
        strings: How many each had.
        size: How many are wanted.
        seed: Another one draws others.

    Example:
        >>> draw_from([["a", "b"], ["c"]], [2, 1], 5, seed=1)
        ['a', 'b', 'c']
    """
    if sum(strings) <= size:
        return [string for of in chosen for string in of]
    shares = np.random.default_rng([seed]).multivariate_hypergeometric(strings, size, method="marginals")
    chance = random.Random(seed)
    return [
        string
        for of, share in zip(chosen, shares.tolist(), strict=True)
        for string in chance.sample(of, min(len(of), share))
    ]
