"""What a student is trained on: the real pairs and the labelled ones, each with its weight, as files."""

import dataclasses
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import DataError, count_of
from pipeline.files.durable import write_atomically
from pipeline.pairs.columns import Columns
from pipeline.pairs.locations import is_built_in, list_corpora
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.splits import Split
from pipeline.plain_text.table_rows import as_row, header
from pipeline.settings.configuration import Configuration
from pipeline.settings.data import FEATURES, DataConfiguration
from pipeline.text.symbols import FEATURE_MARK

logger = logging.getLogger(__name__)


def fix_splits(configuration: Configuration, splits: Mapping[str, Split], folder: Path) -> Configuration:
    """The same data with a dev set of its own, whatever joins the training pairs and whatever the seed is.

    Pairs that a setting chooses (a held-out dev set, a part of the training pairs, columns of tables) are written into
    files, which have the same columns.

    Args:
        configuration: Every setting.
        splits: What `open_splits` made of it.
        folder: Where files go that are needed.

    Raises:
        DataError: There is nothing to write.
    """
    data = configuration.data
    if is_built_in(data.train):
        own = list_corpora(data.train)[0][0]
        data = dataclasses.replace(data, dev=data.dev or own, test=data.test or own)
    if data.train_size is None and data.dev is not None and data.columns is None:
        return dataclasses.replace(configuration, data=data)
    folder.mkdir(parents=True, exist_ok=True)
    if data.dev is None or data.columns is not None:
        data = dataclasses.replace(data, dev=_write_pairs(folder / "dev.tsv", splits["dev"](), data.columns))
    if data.test is not None and data.columns is not None:
        data = dataclasses.replace(data, test=_write_pairs(folder / "test.tsv", splits["test"](), data.columns))
    corpora: dict[str, float] = {}
    for number, (_, weight) in enumerate(list_corpora(data.train)):
        pairs = (pair for pair in splits["train"]() if pair.corpus == number)
        corpora[_write_pairs(folder / f"train-{number + 1}.tsv", pairs, data.columns)] = weight
    return dataclasses.replace(configuration, data=dataclasses.replace(data, train=corpora, train_size=None))


def _write_pairs(path: Path, pairs: Iterable[Pair], columns: Columns | None) -> str:
    """A TSV file of them; those that none can hold are left out, and counted."""
    lines, left_out, has_features = [], 0, FEATURES in (columns or {})
    for pair in pairs:
        if FEATURE_MARK in pair.target or pair.source.count(FEATURE_MARK) > has_features:
            left_out += 1
        else:
            lines.append(as_row(columns, pair.source, pair.target))
    if not lines:
        raise DataError(f"{path}: no pair is left to write; look at data.train and data.train_size")
    write_atomically(path, header(columns) + "".join(lines))
    if left_out:
        logger.warning("%s: %s a TAB, left out", path, count_of(left_out, "pair with", "pairs with"))
    return str(path)


def mix(configuration: Configuration, labels: Path, weight: float) -> Configuration:
    """The settings with the labels among the training pairs.

    Args:
        configuration: Whose dev set does not depend on the training pairs, see `fix_splits`.
        labels: The labelled pairs.
        weight: How often a pass over the data has each of them.

    Example:
        >>> from pipeline.settings.configure import configure
        >>> mixed = mix(configure("cmudict", {"data.train": {"a,b": 2}, "data.dev": "c"}), Path("labels.tsv"), 0.5)
        >>> mixed.data.train
        {'a,b': 2.0, 'labels.tsv': 0.5}
    """
    data: DataConfiguration = configuration.data
    real = {place if isinstance(place, str) else ",".join(place): own for place, own in list_corpora(data.train)}
    # The labels are new stems enough, and true ones.
    data = dataclasses.replace(data, train={**real, str(labels): weight}, hallucinated=0)
    return dataclasses.replace(configuration, data=data)
