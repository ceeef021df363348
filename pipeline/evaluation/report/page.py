"""The page of a report: one HTML file without scripts that needs no network, and prints."""

import html
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from pipeline.evaluation.bootstrap import Interval
from pipeline.evaluation.report.answers import Judged
from pipeline.evaluation.report.examples import Wrong
from pipeline.evaluation.report.tables import LONGEST, Table, show_text
from pipeline.pictures.svg_map import ATTENTION, draw_map
from pipeline.unicode.visible import direction, visible

TEMPLATE = Path(__file__).with_suffix(".html")
MOST_CELLS = 1600
"""Of a heat-map: of longer sequences there is none on the page."""
_NAMES = {"wer": "WER", "per": "PER", "bleu": "BLEU", "chrf": "chrF", "ter": "TER"}
_WITHOUT_UNIT = ("bleu", "chrf", "ter")


class Section(NamedTuple):
    """A part of the page."""

    name: str
    """By which it is linked."""
    title: str
    content: str


def make_page(title: str, header: str, sections: Sequence[Section]) -> str:
    """The whole page.

    Args:
        title: Of the window.
        header: HTML above all.
        sections: Those that there are.
    """
    links = "".join(f'<a href="#{one.name}">{html.escape(one.title)}</a>' for one in sections)
    main = "".join(
        f'<section id="{one.name}"><h2>{html.escape(one.title)}</h2>{one.content}</section>\n' for one in sections
    )
    page = TEMPLATE.read_text(encoding="utf-8")
    # The parts may hold what looks like the next place: split first.
    before, rest = page.split("/*TITLE*/")
    between, rest = rest.split("/*HEADER*/")
    middle, after = rest.split("/*MAIN*/")
    return "".join((before, html.escape(title), between, header, f"<nav>{links}</nav>", middle, main, after))


def say(text: str, note: bool = False) -> str:
    """A sentence or several as a paragraph."""
    return f"<p{' class=note' if note else ''}>{html.escape(text)}</p>"


def show_tables(tables: Sequence[Table]) -> str:
    """Tables one below the other, those behind the first with their titles."""
    parts = []
    for number, table in enumerate(tables):
        heading = f"<h3>{html.escape(table.title)}</h3>" if number else ""
        note = say(table.note, note=True) if table.note else ""
        parts.append(heading + note + table.to_html())
    return "".join(parts)


def show_cards(figures: Mapping[str, Interval], right: int, n: int, items: str) -> str:
    """The figures in large letters."""
    cards = [f'<div class="card"><b>{right:,} of {n:,}</b><span>{html.escape(items)} right</span></div>']
    for name, found in figures.items():
        unit = "" if name in _WITHOUT_UNIT else " %"
        label = _NAMES.get(name, name.replace("_", " "))
        bounds = f"{label}, 95 %: {found.low:.2f} to {found.high:.2f}"
        cards.append(f'<div class="card"><b>{found.value:.2f}{unit}</b><span>{html.escape(bounds)}</span></div>')
    return f'<div class="cards">{"".join(cards)}</div>'


def show_examples(examples: Sequence[tuple[Judged, Wrong]], joint: str) -> str:
    """Answers with their heat-maps.

    Args:
        examples: The worst first.
        joint: What stands between the symbols of outputs.
    """
    return f'<div class="examples">{"".join(_example(*one, joint) for one in examples)}</div>'


def _example(judged: Judged, wrong: Wrong, joint: str) -> str:
    prediction = judged.prediction
    steps = Levenshtein.editops(judged.wanted, judged.symbols)
    missed = {step.src_pos for step in steps if step.tag != "insert"}
    faulty = {step.dest_pos for step in steps if step.tag != "delete"}
    others = [show_text(text) for place, text in enumerate(judged.references) if place != judged.nearest]
    right = " | ".join([_mark(judged.wanted, missed, joint), *others])
    written = _mark(judged.symbols, faulty, joint) if judged.symbols else '<span class="faint">nothing</span>'
    log_p = "" if math.isinf(wrong.log_p_reference) else _probability(wrong.log_p_reference)
    notes = []
    if wrong.rank:
        notes.append(f"the right one is output {wrong.rank}")
    if wrong.unknown:
        notes.append(f"symbols that training lacks: {wrong.unknown}")
    if prediction.cut:
        notes.append("longer than the model reads: cut")
    parts = [
        f'<p><span class="faint">line {wrong.line}</span> <span class="source">'
        f"{show_text(wrong.source.replace(chr(9), '  '))}</span></p>",
        f'<p><span class="side">right</span><span class="wanted">{right}</span> <span class="faint">{log_p}</span></p>',
        f'<p><span class="side">written</span><span class="written">{written}</span> '
        f'<span class="faint">{_probability(wrong.log_p_output)}</span></p>',
        say("; ".join(notes), note=True) if notes else "",
        _heat_map(judged),
    ]
    return f"<article>{''.join(parts)}</article>"


def _mark(symbols: Sequence[str], places: Collection[int], joint: str) -> str:
    """Symbols as text, some of them marked; of very many the first.

    Example:
        >>> _mark(["a", "<"], [1], " ")
        '<bdi dir="ltr">a <span class="bad">&lt;</span></bdi>'
    """
    shown = [
        f'<span class="bad">{html.escape(symbol)}</span>' if place in places else html.escape(symbol)
        for place, symbol in enumerate(symbols[:LONGEST])
    ]
    if len(symbols) > LONGEST:
        shown.append("…")
    return f'<bdi dir="{direction(joint.join(symbols))}">{html.escape(joint).join(shown)}</bdi>'


def _probability(log_p: float) -> str:
    """A probability, and its logarithm.

    Example:
        >>> _probability(-0.6931472), _probability(-20.0)
        ('p 0.5000 (log −0.69)', 'p 2.1e-09 (log −20.00)')
    """
    p = math.exp(log_p)
    shown = f"{p:.4f}" if p >= 0.0001 else f"{p:.1e}"
    logarithm = f"{log_p:.2f}".replace("-", "−")
    return f"p {shown} (log {logarithm})"


def _heat_map(judged: Judged) -> str:
    prediction = judged.prediction
    attention, targets = prediction.attention, prediction.target_tokens
    if not np.any(attention):
        return ""
    if attention.size > MOST_CELLS:
        return say(f"{attention.shape[0]} × {attention.shape[1]} symbols: too many for a heat-map here", note=True)
    sources = [visible(token) for token in prediction.source_tokens]
    leftwards = direction("".join(prediction.source_tokens[:-1])) == "rtl"
    title = f"attention of {judged.output}: source across, output down"
    drawn = draw_map(attention, [visible(token) for token in targets], sources, ATTENTION, title, leftwards)
    return f"<figure>{drawn}</figure>"
