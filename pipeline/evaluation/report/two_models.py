"""What one of two models gets right and the other does not."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.answering.predictions import AnswersStrings
from pipeline.evaluation.comparison import ComparedBy, compare_items, compared_by, normalizer, warn_of_unlike
from pipeline.evaluation.differences import Differences, Items
from pipeline.evaluation.report.answers import answer_in_parts
from pipeline.evaluation.report.edits import ErrorTally
from pipeline.evaluation.report.error_tables import split_source
from pipeline.evaluation.report.tables import Column, Table
from pipeline.evaluation.significance import Comparison
from pipeline.evaluation.test_set import ReferenceSet
from pipeline.process.messages import progress_bar
from pipeline.saved_models.opening import open_model

UNBOUNDED = ("PER", "TER")
"""Figures that may be above 100 %."""


class Other(NamedTuple):
    """A second model, that the first is laid beside."""

    name: str
    predictor: AnswersStrings


def open_other(model: AnswersStrings | str | os.PathLike[str], options: Mapping[str, Any]) -> Other:
    """A second model, with its best outputs alone.

    Args:
        model: Its path, or what `load` made of it.
        options: Of `load`, as the first model has them.

    Raises:
        UsageError: See `load`.
    """
    if isinstance(model, str | os.PathLike):
        return Other(str(model), open_model(Path(model), alone=False, **{**options, "n_best": 1}))
    return Other("the other model", model)


class Beside(NamedTuple):
    """What a second model made of the same sources."""

    comparison: Comparison
    errors: ErrorTally
    """Its own."""


def lay_beside(
    predictor: AnswersStrings, name: str, outputs: list[str], other: Other, test: ReferenceSet, tokens: str = ""
) -> Beside:
    """Decode with the second model, and compare as `compare` does.

    Args:
        predictor: The first model, which says how outputs are compared.
        name: Of it.
        outputs: Its own.
        other: The second model.
        test: What both were asked.
        tokens: How BLEU cuts text, where symbols are to be compared as sentences.
    """
    text = predictor.text
    warn_of_unlike([text, other.predictor.text])
    texts, errors = [], ErrorTally()
    with progress_bar(total=len(test.sources), desc=f"decoding with {other.name}", unit=" sources") as bar:
        for part in answer_in_parts(other.predictor, test, bar.update, text):
            for judged in part:
                texts.append(judged.output)
                errors.add(judged, None)
    form = normalizer(text, symbols=not (tokens or text.has_sentences))
    items = Items(
        lines=test.lines,
        sources=test.sources,
        references=[list(dict.fromkeys(map(form, targets))) for targets in test.references],
        a=list(map(form, outputs)),
        b=list(map(form, texts)),
    )
    how = ComparedBy(None, tokens, text.lowercase) if tokens else compared_by(text)
    return Beside(compare_items(items, (name, other.name), how), errors)


def tables_of_both(beside: Beside, errors: ErrorTally, right: int, has_features: bool) -> list[Table]:
    """All tables about both.

    Args:
        beside: What the second model made of the same sources.
        errors: Of the first.
        right: How many sources the first has right.
        has_features: Whether sources have features behind a TAB.
    """
    differences = beside.comparison.differences
    return [
        comparison_table(beside.comparison),
        count_table(differences, right),
        *difference_tables(differences, has_features),
        error_difference_table(errors, beside.errors),
    ]


def comparison_table(found: Comparison) -> Table:
    """The figures of both, and whether they differ by more than chance."""
    columns = (
        Column("figure", "Its name."),
        Column("a", "Of the first model.", "percent"),
        Column("b", "Of the second.", "percent"),
        Column("difference", "B − A.", "percent"),
        Column("a_low", "95 % bootstrap interval of A.", "percent"),
        Column("a_high", "Its upper end.", "percent"),
        Column("b_low", "95 % bootstrap interval of B.", "percent"),
        Column("b_high", "Its upper end.", "percent"),
        Column("p", "How often chance alone gives a larger difference, in either direction.", "number"),
    )
    rows = []
    for metric in found.metrics:
        a, b = metric.a, metric.b
        most = math.inf if metric.name in UNBOUNDED else 100.0
        bounds = [bound for one in (a, b) for bound in (max(0.0, one.mean - one.ci), min(most, one.mean + one.ci))]
        rows.append((metric.name, a.score, b.score, b.score - a.score, *bounds, metric.p))
    return Table("comparison", "Figures of both", columns, rows, f"Paired bootstrap, {found.samples:,} samples.")


def count_table(differences: Differences, right: int) -> Table:
    """Who is right on how many.

    Args:
        differences: The answers that differ.
        right: How many the first has right in all.
    """
    columns = (Column("right", "Who answers rightly."), Column("answers", "How many sources.", "count"))
    total = len(differences.items.references)
    alone = [len(differences.places[name]) for name in ("a", "b")]
    both = right - alone[0]
    rows = [("A alone", alone[0]), ("B alone", alone[1]), ("both", both), ("neither", total - both - sum(alone))]
    return Table("who_is_right", "Who is right", columns, rows)


def difference_tables(differences: Differences, has_features: bool) -> list[Table]:
    """What A alone has right, what B alone has, and the other answers that differ: one file each."""
    titles = {
        "a": ("a_alone", "A is right, B is not"),
        "b": ("b_alone", "B is right, A is not"),
        "neither": ("neither", "Both are wrong, each in its own way"),
    }
    columns = (
        Column("line", "Where the source stands first.", "count"),
        Column("source", "The source."),
        *([Column("features", "Its features.")] if has_features else []),
        Column("references", "What is right, with | between several.", "several"),
        Column("a", "What A wrote."),
        Column("b", "What B wrote."),
    )
    return [
        Table(file, title, columns, list(_rows(differences, differences.places[name], has_features)))
        for name, (file, title) in titles.items()
    ]


def error_difference_table(a: ErrorTally, b: ErrorTally) -> Table:
    """How often each makes the same error, the largest differences first."""
    columns = (
        Column("kind", "substituted, left out or added."),
        Column("wanted", "The symbol of the reference; none where one was added.", "symbol"),
        Column("written", "The symbol of the output; none where one was left out.", "symbol"),
        Column("a", "How often A does it.", "count"),
        Column("b", "How often B does it.", "count"),
        Column("difference", "B − A.", "count"),
    )
    counts = [{(one.kind, one.wanted, one.written): one.count for one in tally.ranked()} for tally in (a, b)]
    rows = [
        (*error, counts[0].get(error, 0), counts[1].get(error, 0), counts[1].get(error, 0) - counts[0].get(error, 0))
        for error in counts[0] | counts[1]
    ]
    rows.sort(key=lambda row: (-abs(row[-1]), row[:3]))
    return Table("error_differences", "Errors of both", columns, rows, shown=15)


def _rows(differences: Differences, places: Sequence[int], has_features: bool) -> Iterator[tuple[object, ...]]:
    items = differences.items
    for place in places:
        source = split_source(items.sources[place] if items.sources else "", has_features)
        yield (items.lines[place], *source, items.references[place], items.a[place], items.b[place])
