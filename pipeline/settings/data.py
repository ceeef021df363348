"""Section `data`: where the pairs come from and how they become batches."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.settings.checks import require, require_at_least, require_path, require_sane_numbers, require_weights


@dataclasses.dataclass(frozen=True)
class DataConfiguration:
    """Where the pairs come from and how they become batches.

    Args:
        train: Training pairs: a TSV file (source TAB target, UTF-8, may end in .gz), a list of two
            line-aligned files, or the name of a built-in corpus (cmudict). Several of them as a mapping to weights,
            {news.tsv: 0.5, "talks.de,talks.en": 2}: how often a pass over the data has each of their pairs (2: twice;
            0.5: a random half of them, the other half in the next pass; at least one pair of each length group). A
            pattern ('in/*.tsv', 'in/*.de,in/*.en') or a folder stands for its files, in the order of their names. Or a
            folder that `prepare` wrote.
        dev: Development pairs, in one of the first three forms. Left out: the built-in corpus's own, else held out
            from all of train.
        test: Test pairs, same forms. Left out: the built-in corpus's own, else none.
        columns: Which columns of a table hold what, by number from 1, or by name where the first line has names:
            {source: 1, target: 3} or {source: lemma, target: form}. A header that is recognised is left out then.
            null: source is column 1, target column 2. With features, {source: 1, target: 2, features: 3}, what that
            column holds (V;PST) is read beside the source, as symbols of their own. A file named .csv or .csv.gz has
            commas and quotes (RFC 4180).
        feature_separator: What stands between the features of a line.
        unlabeled: Sources without targets, one a line (UTF-8, may end in .gz), which `distill` and `improve` label.
        train_size: Train on this many distinct sources only, as a share (0.2) or a count (20000); which ones does
            not depend on train.seed. null trains on all.
        dev_size: Without dev: how many distinct training sources to hold out, as a share (0.05) or a count (2670).
        shares: How train_size and dev_size are taken where they are shares: counted (exactly so many of the distinct
            sources, rounded, at least one) or hashed (about so many, as earlier versions did; runs that these began go
            on with it).
        max_length: Longest source or target in symbols, end symbol not counted; longer training pairs
            are dropped and counted, longer inputs are cut when predicting.
        min_length: Training pairs with a side of fewer symbols are dropped and counted. This and the next two leave
            dev and test as they are, and vocabularies come from what is dropped, too.
        max_ratio: Training pairs whose longer side has more than this many times the symbols of the shorter one are
            dropped and counted, unless it has no more than 10 symbols; null keeps all.
        drop_duplicates: Of training pairs with equal source and target keep the first only, of several corpora the one
            in the corpus with the highest weight; takes about 70 bytes of memory a pair while they are tokenised.
        hallucinated: So many pairs are made up for each training pair, by other letters in the place of those that its
            source and target share, see docs/training.md; for a few hundred inflected forms or spellings, both sides
            cut into characters. 0: none.
        skip_bad_lines: Leave out lines that are no pairs (not UTF-8, no TAB, an empty side, more than 1,048,576 bytes,
            more than 1,000 combining marks in a row), count and report them, instead of stopping at the first. Of two
            line-aligned files the pair goes if either line is bad. Files that are cut short or whose numbers of lines
            differ are refused all the same.
        batch_tokens: Largest number of symbols (rows times padded length of the longer side) in a batch.
        buckets: Number of length groups; each has its own padded shape.
    """

    train: str | list[str] | dict[str, float] = "cmudict"
    dev: str | list[str] | None = None
    test: str | list[str] | None = None
    columns: dict[str, int | str] | None = None
    feature_separator: str = ";"
    unlabeled: str | None = None
    train_size: float | None = None
    dev_size: float = 0.05
    shares: Literal["counted", "hashed"] = "counted"
    max_length: int = 64
    min_length: int = 1
    max_ratio: float | None = None
    drop_duplicates: bool = False
    hallucinated: int = 0
    skip_bad_lines: bool = False
    batch_tokens: int = 2048
    buckets: int = 6

    def __post_init__(self) -> None:
        require_sane_numbers("data", self)
        for name in ("train", "dev", "test", "unlabeled"):
            require_path(f"data.{name}", getattr(self, name))
        for name, size in (("data.train_size", self.train_size), ("data.dev_size", self.dev_size)):
            if size is not None:
                require(size > 0, name, size, "above 0")
                require(size < 1 or float(size).is_integer(), name, size, "a share below 1 or a whole number")
        if self.columns is not None:
            require_columns("data.columns", self.columns)
        separator = self.feature_separator
        wanted = "one character or more, no TAB and no line end"
        require(bool(separator) and not set("\t\r\n") & set(separator), "data.feature_separator", separator, wanted)
        if isinstance(self.train, dict):
            require_weights("data.train", self.train)
        require_at_least("data", self, 1, ["max_length", "buckets", "min_length", "max_ratio"])
        require_at_least("data", self, 0, ["hallucinated"])
        wanted = f"at most data.max_length ({self.max_length})"
        require(self.min_length <= self.max_length, "data.min_length", self.min_length, wanted)
        require(
            self.batch_tokens > self.max_length,
            "data.batch_tokens",
            self.batch_tokens,
            f"above data.max_length ({self.max_length}), so that the longest pair fits into a batch",
        )

    @property
    def separator_of_features(self) -> str | None:
        """What stands between features; None where there are none."""
        return self.feature_separator if FEATURES in (self.columns or {}) else None


FEATURES = "features"
COLUMNS = ("source", "target", FEATURES)
"""What a column may hold."""


def require_columns(key: str, columns: Mapping[str, Any]) -> None:
    """Refuse columns that say nothing sensible.

    Raises:
        UsageError: With what is wanted.

    Example:
        >>> require_columns("data.columns", {"source": "lemma", "target": "form"})
    """
    wanted = "as {source: 1, target: 2}: numbers from 1, or names of the first line"
    require(set(columns) <= set(COLUMNS) and {"source", "target"} <= set(columns), key, columns, wanted)
    for name, column in columns.items():
        require(isinstance(column, str) or column >= 1, f"{key}: {name}", column, "at least 1, or a name")
    require(len(set(columns.values())) == len(columns), key, columns, "a column of its own for each")
    kinds = {isinstance(column, str) for column in columns.values()}
    require(len(kinds) == 1, key, columns, "all numbers, or all names")
