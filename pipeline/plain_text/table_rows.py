"""Pairs as lines of tables whose columns were chosen: whoever reads them by the same columns reads the same pairs."""

from collections.abc import Mapping

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
    return _arrange(columns, values)


def header(columns: Columns | None) -> str:
    r"""The first line of a table with chosen columns; '' where none are chosen, for then every line is a pair.

    Numbered ones have it, too: without it a first pair that looks like names would be taken for such.

    Example:
        >>> header({"source": "lemma", "target": "form"}), header({"source": 1, "target": 3}), header(None)
        ('lemma\tform\n', 'source\t-\ttarget\n', '')
    """
    if not columns:
        return ""
    return _arrange(
        columns, {name: str(column) if isinstance(column, str) else name for name, column in columns.items()}
    )


def _arrange(columns: Columns, values: Mapping[str, str]) -> str:
    """A line with the values in their columns; where these have names, in the order in which they are told."""
    places = {name: place for place, name in enumerate(columns, 1)}
    places |= {name: column for name, column in columns.items() if isinstance(column, int)}
    row = ["-"] * max(places.values())
    for name, place in places.items():
        row[place - 1] = values[name]
    return "\t".join(row) + "\n"
