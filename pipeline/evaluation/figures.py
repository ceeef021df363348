"""Figures as people and programs want them: a dict, which a notebook shows as a table."""

import html
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
        names = "".join(f"<th>{html.escape(str(name))}</th>" for name in self)
        values = "".join(f"<td>{html.escape(str(value))}</td>" for value in self.values())
        return f"<table><tr>{names}</tr><tr>{values}</tr></table>"
