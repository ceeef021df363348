"""Figures as people and programs want them: a dict, which a notebook shows as a table."""

import html
from collections.abc import Mapping, Sequence
from typing import Any


class Figures(dict[str, Any]):
    """What `train` and `evaluate` found, by name; percentages from 0 to 100.

    Example:
        >>> figures = Figures(n=200, wer=28.5)
        >>> figures["wer"], figures
        (28.5, {'n': 200, 'wer': 28.5})
        >>> figures._repr_html_()
        '<table><tr><th>n</th><th>wer</th></tr><tr><td>200</td><td>28.5</td></tr></table>'
    """

    def _repr_html_(self) -> str:
        return html_table([self])


def html_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as notebooks show them, with the names of the first as heads; nothing where there is None.

    Example:
        >>> html_table([{"trial": "0", "val_wer": 30.123456}, {"trial": "1", "val_wer": None}])
        '<table><tr><th>trial</th><th>val_wer</th></tr><tr><td>0</td><td>30.1235</td></tr><tr><td>1</td><td></td></tr></table>'
    """
    heads = [f"<th>{html.escape(str(name))}</th>" for name in (rows[0] if rows else ())]
    lines = [heads, *([_cell(value) for value in row.values()] for row in rows)]
    return f"<table>{''.join('<tr>' + ''.join(line) + '</tr>' for line in lines)}</table>"


def _cell(value: Any) -> str:
    shown = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"<td>{html.escape(shown)}</td>"
