"""The training pairs in parts: each with the files of the pairs that are not in it, all of one source together."""

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import DataError, UsageError, count_of
from pipeline.files.bad_lines import BadLines
from pipeline.files.durable import write_atomically
from pipeline.pairs.locations import TrainingLocation, is_built_in, list_corpora
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import look_at, read_pairs
from pipeline.pairs.references import fold_source
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import TextConfiguration
from pipeline.suspects.directory import Part


def read_training_pairs(configuration: Configuration) -> list[Pair]:
    """All pairs of `data.train`, also those that a training would hold out or leave out.

    Raises:
        UsageError: The pairs have more than a source and a target.
        DataError: They cannot be read.
    """
    data = configuration.data
    more = set(data.columns or ()) - {"source", "target"}
    if more:
        raise UsageError(
            f"data.columns: {', '.join(sorted(more))}: suspects reads sources and targets alone; leave it out"
        )
    look_at(data.train, columns=data.columns)
    return list(read_pairs(data.train, "train", BadLines(data.skip_bad_lines), data.columns))


def assign(pairs: Sequence[Pair], parts: int, seed: int, text: TextConfiguration) -> list[int]:
    """The part of every pair, from 0 on: parts have equally many distinct sources, and pairs that a model cannot tell
    apart by their source are in the same.

    Args:
        pairs: All.
        parts: How many, at least 2.
        seed: Of the choice.
        text: Which sources are the same.

    Raises:
        DataError: There are fewer sources than parts.

    Example:
        >>> pairs = [Pair("a", "x", 1), Pair("b", "y", 2), Pair("a", "z", 3)]
        >>> found = assign(pairs, 2, 1, TextConfiguration())
        >>> found[0] == found[2], sorted(set(found))
        (True, [0, 1])
    """
    keys = [fold_source(pair.source, text) for pair in pairs]
    distinct = sorted(set(keys))
    if len(distinct) < parts:
        raise DataError(f"{count_of(len(distinct), 'distinct source')} cannot be in {parts} parts; give more pairs")
    random.Random(seed).shuffle(distinct)
    part_of = {key: place % parts for place, key in enumerate(distinct)}
    return [part_of[key] for key in keys]


def write_others(part: Part, pairs: Sequence[Pair], configuration: Configuration) -> Configuration:
    """Write the pairs that are not in a part, as line-aligned files, and give the settings to train on them.

    Args:
        part: Whose model this is.
        pairs: The others.
        configuration: Of the search.
    """
    part.path.mkdir(parents=True, exist_ok=True)
    data = configuration.data
    places: list[tuple[tuple[Path, Path], float]] = []
    for corpus, (_, weight) in enumerate(list_corpora(data.train)):
        own = [pair for pair in pairs if pair.corpus == corpus]
        if not own:
            continue
        files = part.pairs(corpus, "source"), part.pairs(corpus, "target")
        for file, side in zip(files, ("source", "target"), strict=True):
            write_atomically(file, "".join(f"{getattr(pair, side)}\n" for pair in own))
        places.append((files, weight))
    train: TrainingLocation = [str(path) for path in places[0][0]]
    if len(places) > 1:
        train = {f"{source},{target}": weight for (source, target), weight in places}
    # A built-in corpus has a dev set of its own; else one is held out of the others.
    dev = data.train if data.dev is None and is_built_in(data.train) else data.dev
    assert not isinstance(dev, dict)
    changed = dataclasses.replace(data, train=train, dev=dev, test=None, unlabeled=None)
    return dataclasses.replace(configuration, data=changed)
