"""Pairs as lines of tables whose columns were chosen: whoever reads them by the same columns reads the same pairs."""

from pipeline.pairs.columns import BY_DEFAULT, Columns
from pipeline.settings.data import FEATURES
from pipeline.text.symbols import FEATURE_MARK


def as_row(columns: Columns | None, source: str, target: str) -> str:
    r"""The line of a pair; columns that nobody reads hold a dash.

    Args:
        columns: See `data.columns`.
        source: Where features have a column, with them behind a TAB.
        target: Without TABs.

    Example:
        >>> as_row({"source": 1, "target": 4, "features": 2}, "gehen\tV;PST", "ging")
        'gehen\tV;PST\t-\tging\n'
        >>> as_row(None, "gehen", "ging")
        'gehen\tging\n'
    """
    columns = columns or BY_DEFAULT
    values = {"source": source, "target": target}
    if FEATURES in columns:
        values["source"], _, values[FEATURES] = source.partition(FEATURE_MARK)
    if has_names(columns):
        return "\t".join(values[name] for name in columns) + "\n"
    row = ["-"] * max(int(column) for column in columns.values())
    for name, column in columns.items():
        row[int(column) - 1] = values[name]
    return "\t".join(row) + "\n"


def header(columns: Columns | None) -> str:
    r"""The first line of a table whose columns have names; '' of any other.

    Example:
        >>> header({"source": "lemma", "target": "form"}), header(None)
        ('lemma\tform\n', '')
    """
    return "\t".join(str(column) for column in columns.values()) + "\n" if columns and has_names(columns) else ""


def has_names(columns: Columns) -> bool:
    """Whether columns are found by the names on the first line."""
    return all(isinstance(column, str) for column in columns.values())
