"""What is said of the data when they are prepared: what was left out, what training lacks, what flatters figures."""

import logging
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pipeline.data.pair_filter import BAD_LINE, PairFilter, training_filter
from pipeline.data.planning.buckets import Bucket, assign_buckets
from pipeline.data.tokenized_corpus import TokenizedCorpus
from pipeline.errors import count_of
from pipeline.pairs.locations import TrainingLocation, describe_line
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.references import fold_source, overlap
from pipeline.pairs.splits import Split
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import Side, TextConfiguration
from pipeline.text.chunks import CHUNK, in_chunks
from pipeline.text.processor import TextProcessor
from pipeline.text.separators import SeparatorCounts
from pipeline.text.symbol_tally import SymbolTally
from pipeline.text.symbols import SPECIAL_SYMBOLS, UNKNOWN
from pipeline.text.vocabulary import count_common

logger = logging.getLogger(__name__)

FEW_SOURCES = 30
"""Of fewer, an epoch's figures say little."""
FEW_PAIRS = 50
"""With fewer, a training learns them by heart and nothing else."""


def warn_of_odd_data(
    configuration: Configuration,
    splits: Mapping[str, Split],
    corpora: Mapping[str, TokenizedCorpus],
    texts: tuple[TextProcessor, TextProcessor],
    buckets: list[Bucket],
) -> None:
    """Say it.

    Args:
        configuration: Every setting.
        splits: The pairs, "train" and "dev"; of a prepared corpus "dev" alone.
        corpora: Their ids.
        texts: Of source and target.
        buckets: The shapes of the training's batches.
    """
    for name, corpus in corpora.items():
        _warn_of_dropped(configuration.data, name, corpus)
    _warn_of_few_pairs(configuration.data, splits, corpora)
    _warn_of_unknown(splits["dev"](), corpora["dev"], texts, dev_location(configuration.data))
    _warn_of_few(splits, configuration)
    if "train" in corpora:
        _warn_of_uncut(corpora["train"], configuration.text)
    if configuration.model.copy:
        _warn_of_nothing_to_copy(texts)
    _warn_of_shared(configuration, splits)
    unusual = int((assign_buckets(corpora["dev"], buckets) == len(buckets)).sum())
    if unusual:
        logger.warning(
            "dev: %s longer than every training pair: left out of the dev loss, but decoded and measured",
            count_of(unusual, "pair is", "pairs are"),
        )


def _warn_of_few_pairs(
    data: DataConfiguration, splits: Mapping[str, Split], corpora: Mapping[str, TokenizedCorpus]
) -> None:
    """Say so if there is next to nothing to learn from, whatever is made up of it."""
    if "train" not in corpora:
        return
    pairs = sum(1 for _ in splits["train"]()) if data.hallucinated else len(corpora["train"])
    if pairs < FEW_PAIRS:
        number = count_of(pairs, "pair")
        logger.warning("train: only %s to learn from; of so few a model learns hardly more than these", number)


def _warn_of_shared(configuration: Configuration, splits: Mapping[str, Split]) -> None:
    """Say which figures will look too good."""
    if "train" not in splits:
        return
    remedies = {"dev": ", or leave data.dev out to have some held out", "test": ""}
    measured = [name for name in remedies if name in splits]
    counts = overlap(splits["train"](), [splits[name]() for name in measured], configuration.text)
    for name, count in zip(measured, counts, strict=True):
        if count:
            logger.warning(
                "%s in the training data too: %s figures will look too good; take them out of data.train%s",
                count_of(count, f"{name} source is", f"{name} sources are"),
                name,
                remedies[name],
            )


def is_told_of_separators(text: TextConfiguration, sides: Sequence[Side]) -> bool:
    """Whether strings are to be looked at for `warn_of_separator`: it takes time where they are sentences."""
    how = text.side(sides[0])
    return len(sides) == 1 and how.separator is None and how.tokenizer in ("space", "char")


def warn_of_separator(side: Side, text: TextConfiguration, counts: SeparatorCounts) -> None:
    """Say so if something else than white space stands between symbols: to `space` the strings are whole symbols, to
    `char` the mark is one.
    """
    mark, tokenizer = counts.find(), text.side(side).tokenizer
    if not mark:
        return
    strings, cut, setting = count_of(counts.strings, "string"), f"{counts.cut[mark]:,}", shlex.quote(mark)
    if tokenizer == "space":
        logger.warning(
            "%s: white space cuts %s of its %s, and %r stands between short symbols in %s: text.%s_separator %s cuts "
            "there",
            side,
            f"{counts.spaced:,}" if counts.spaced else "none",
            strings,
            mark,
            cut,
            side,
            setting,
        )
    else:
        logger.info(
            "note: %s: %r stands between short symbols in %s of its %s: text.%s_tokenizer space with text.%s_separator "
            "%s makes those the symbols",
            side,
            mark,
            cut,
            strings,
            side,
            side,
            setting,
        )


def _warn_of_uncut(train: TokenizedCorpus, text: TextConfiguration) -> None:
    """Say so if a separator that was set cuts nothing."""
    for side, lengths in (("source", train.source_lengths), ("target", train.target_lengths)):
        separator = getattr(text, f"{side}_separator")
        if separator is not None and len(train) and max(lengths) <= 2:  # a symbol and the end
            logger.warning(
                "train: text.%s_separator %s cuts none of %s: each is one symbol; null cuts at white space",
                side,
                shlex.quote(separator),
                count_of(len(train), side),
            )


def _warn_of_nothing_to_copy(texts: tuple[TextProcessor, TextProcessor]) -> None:
    source, target = (text.vocabulary for text in texts)
    if not count_common(source, target):
        logger.warning(
            "model.copy: none of the %s is one of the %s: all that is copied is what the targets lack; tokenizers, "
            "text.normalization and text.lowercase decide what a symbol is",
            count_of(len(source) - source.features - len(SPECIAL_SYMBOLS), "source symbol"),
            count_of(len(target) - len(SPECIAL_SYMBOLS), "target symbol"),
        )


def _warn_of_few(splits: Mapping[str, Split], configuration: Configuration) -> None:
    """Say so if the best epoch is chosen by so few sources that chance chooses it."""
    number = _count_sources(splits["dev"](), FEW_SOURCES, configuration.text)
    if number >= FEW_SOURCES:
        return
    if configuration.data.dev is not None:
        remedy = f"give at least {FEW_SOURCES} in data.dev"
    else:
        # Held out, they are none of the training's, of which as many must be left.
        others = _count_sources(splits["train"](), 2 * FEW_SOURCES - number, configuration.text)
        remedy = f"data.dev_size {FEW_SOURCES} holds out more"
        if number + others < 2 * FEW_SOURCES:
            remedy = f"there are {number + others} in all, too few to hold out more: give more pairs, or data.dev"
    logger.warning(
        "dev: only %s: the best epoch is chosen by so few, and each of them is %.1f points of its error rate; %s",
        count_of(number, "source"),
        100 / number,
        remedy,
    )


def _count_sources(pairs: Iterable[Pair], enough: int, text: TextConfiguration) -> int:
    """How many different ones there are, counted no further than is enough."""
    sources: set[str] = set()
    for pair in pairs:
        sources.add(fold_source(pair.source, text))
        if len(sources) >= enough:
            break
    return len(sources)


def split_filter(data: DataConfiguration, split: str) -> PairFilter:
    """What is left out of "train", or of the loss of "dev": only what would not fit there."""
    return (
        training_filter(data) if split == "train" else PairFilter(data.max_length, skip_bad_lines=data.skip_bad_lines)
    )


def dev_location(data: DataConfiguration) -> TrainingLocation:
    """Whose lines the pairs of "dev" have: a dev that is held out has the training data's."""
    return data.train if data.dev is None else data.dev


def describe_first(corpus: TokenizedCorpus, reason: str, data: DataConfiguration, split: str) -> str:
    """Where the first pair of a split stands that was left out for this reason."""
    location = data.train if split == "train" else dev_location(data)
    return describe_line(*corpus.first_dropped[reason], location)


def _warn_of_dropped(data: DataConfiguration, split: str, corpus: TokenizedCorpus) -> None:
    for reason, number in corpus.dropped.items():
        logger.warning(
            "%s: %s left out of %s, first on %s: %s",
            split,
            count_of(number, "pair"),
            _left_out_of(split, reason),
            describe_first(corpus, reason, data, split),
            split_filter(data, split).describe(reason),
        )


def _left_out_of(split: str, reason: str) -> str:
    if split == "train":
        return "training"
    return "dev" if reason == BAD_LINE else "the dev loss, but decoded and measured"


def _warn_of_unknown(
    pairs: Iterable[Pair], dev: TokenizedCorpus, texts: tuple[TextProcessor, TextProcessor], location: TrainingLocation
) -> None:
    places = _places_of_unknown(dev, texts)
    if not any(places):
        return
    wanted = set.union(*places)
    tallies = SymbolTally(), SymbolTally()
    firsts = [min((corpus, line) for line, corpus in found) if found else (0, 0) for found in places]
    for chunk in in_chunks((pair for pair in pairs if (pair.line, pair.corpus) in wanted), CHUNK):
        for tally, text, side in zip(tallies, texts, ("source", "target"), strict=True):
            for symbols in _unknown_symbols([getattr(pair, side) for pair in chunk], text):
                tally.add(symbols)
    for side, tally, (corpus, line), ids, text in zip(
        ("source", "target"), tallies, firsts, (dev.source_ids, dev.target_ids), texts, strict=True
    ):
        number = int(_are_unknown(ids, text).sum())
        if number:
            logger.warning(
                "dev: %s that training lacks (%s), first on %s: read as <unk>",
                count_of(number, f"{side} symbol"),
                tally.names(),
                describe_line(line, corpus, location),
            )


def _are_unknown(ids: np.ndarray, text: TextProcessor) -> np.ndarray:
    """Of every id whether it is that of the unknown symbol or feature."""
    unknown = ids == UNKNOWN
    features = text.vocabulary.features
    return unknown | (ids == len(text.vocabulary) - features) if features else unknown


def _places_of_unknown(dev: TokenizedCorpus, texts: tuple[TextProcessor, TextProcessor]) -> list[set[tuple[int, int]]]:
    """Line and corpus of the pairs with unknown symbols in their source, and in their target."""
    places = []
    sides = (dev.source_ids, dev.source_offsets), (dev.target_ids, dev.target_offsets)
    for (ids, offsets), text in zip(sides, texts, strict=True):
        unknown = np.flatnonzero(_are_unknown(np.asarray(ids), text))
        rows = np.unique(np.searchsorted(offsets, unknown, side="right") - 1)
        places.append(set(zip(dev.lines[rows].tolist(), dev.corpora[rows].tolist(), strict=True)))
    return places


def _unknown_symbols(strings: list[str], text: TextProcessor) -> Iterator[list[str]]:
    """Of the strings that have symbols without an id, these."""
    rows = text.split(strings)
    ids = rows.with_flat_values(text.table.lookup(rows.flat_values))
    for symbols, values in zip(rows.to_list(), ids.to_list(), strict=True):
        found = [symbol.decode() for symbol, value in zip(symbols, values, strict=True) if value == UNKNOWN]
        if found:
            yield found
