"""Tables as files and as parts of a page: columns of a few kinds, each with what it says."""

import dataclasses
import html
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pipeline.errors import count_of
from pipeline.unicode.visible import direction, shorten, visible

FEW_SOURCES, MOST_SOURCES = 4, 50
"""Of what an error was about, on the page and in its file."""
LONGEST = 1000
"""Characters of a text on the page, and symbols of an output."""
_BETWEEN_FIELDS = str.maketrans("\t\n\r", "   ")


class CellKind(NamedTuple):
    """How a value stands in a file and on the page."""

    in_file: Callable[[Any], str]
    on_page: Callable[[Any], str]
    is_number: bool = False


def _text(value: str) -> str:
    return value.translate(_BETWEEN_FIELDS)


def show_text(value: str) -> str:
    """Any string as HTML, in its own direction; of a very long one the beginning.

    Example:
        >>> show_text("<b>")
        '<bdi dir="ltr">&lt;b&gt;</bdi>'
    """
    return f'<bdi dir="{direction(value)}">{html.escape(shorten(value, LONGEST))}</bdi>'


def _show_symbol(value: str) -> str:
    return show_text(visible(value)) if value else '<span class="faint">–</span>'


def _several(values: Sequence[str]) -> str:
    return " | ".join(map(_text, values))


def _sources(values: Counter[str], most: int = MOST_SOURCES) -> str:
    named = sorted(((name, number) for name, number in values.items() if name), key=lambda item: (-item[1], item[0]))
    shown = [f"{_text(name)} ×{number:,}" for name, number in named[:most]]
    return ", ".join([*shown, "…"] if len(named) > len(shown) else shown)


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _bar(value: float | None) -> str:
    if value is None:
        return ""
    return f'<span class="bar" style="--part: {value:.1f}%"></span><span class="figure">{value:.2f}</span>'


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _show_count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


CELLS = {
    "text": CellKind(_text, show_text),
    "symbol": CellKind(visible, _show_symbol),
    "several": CellKind(_several, lambda values: " | ".join(map(show_text, values))),
    "sources": CellKind(_sources, lambda values: show_text(_sources(values, FEW_SOURCES))),
    "count": CellKind(_count, _show_count, is_number=True),
    "percent": CellKind(_percent, _percent, is_number=True),
    "bar": CellKind(_percent, _bar, is_number=True),
    "number": CellKind(_number, _number, is_number=True),
}


class Column(NamedTuple):
    """A column of a table."""

    name: str
    what: str
    """What it says, for README.md and for who points at its head."""
    kind: str = "text"
    """A row of `CELLS`."""
    on_page: bool = True
    """Whether the page has it; the file has all."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the report.

    Example:
        >>> columns = (Column("letter", "Which."), Column("times", "How often.", "count"))
        >>> Table("letters", "Letters", columns, [("a", 1200)]).to_tsv()
        'letter\\ttimes\\na\\t1200\\n'
    """

    name: str
    """Of its file, without .tsv."""
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    """What to know of it, a sentence or two."""
    shown: int = 30
    """Rows on the page."""

    @property
    def file(self) -> str:
        """Its file."""
        return f"{self.name}.tsv"

    def to_tsv(self) -> str:
        """A head and a line for every row; a TAB or a line end within a text is a space."""
        kinds = [CELLS[column.kind] for column in self.columns]
        lines = ["\t".join(column.name for column in self.columns)]
        lines += ["\t".join(kind.in_file(cell) for kind, cell in zip(kinds, row, strict=True)) for row in self.rows]
        return "".join(f"{line}\n" for line in lines)

    def to_html(self) -> str:
        """The first rows."""
        places = [place for place, column in enumerate(self.columns) if column.on_page]
        heads = "".join(_head(self.columns[place]) for place in places)
        lines = [
            "<tr>" + "".join(_cell(self.columns[place].kind, row[place]) for place in places) + "</tr>"
            for row in self.rows[: self.shown]
        ]
        if not self.rows:
            lines = [f'<tr><td class="faint" colspan="{len(places)}">none</td></tr>']
        more = len(self.rows) - self.shown
        rest = f"{count_of(more, 'more row')} in " if more > 0 else ""
        return (
            f'<figure class="table"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
            f'<figcaption>{rest}<a href="{self.file}">{self.file}</a></figcaption></figure>'
        )

    def to_markdown(self) -> str:
        """What its file has, for README.md."""
        head = f"## {self.file}\n\n{self.title}. {self.note}".rstrip() + "\n\n| column | what it is |\n|---|---|\n"
        return head + "".join(f"| `{column.name}` | {column.what} |\n" for column in self.columns)


def _head(column: Column) -> str:
    number = ' class="number"' if CELLS[column.kind].is_number else ""
    name = column.name.replace("_", " ")
    return f'<th{number} scope="col" title="{html.escape(column.what)}">{html.escape(name)}</th>'


def _cell(kind: str, value: Any) -> str:
    number = ' class="number"' if CELLS[kind].is_number else ""
    return f"<td{number}>{CELLS[kind].on_page(value)}</td>"
