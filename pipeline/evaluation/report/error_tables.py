"""The tables of a report, made of what was counted."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.errors import count_of
from pipeline.evaluation.bootstrap import Interval
from pipeline.evaluation.report.edits import ADDED, LEFT_OUT, SUBSTITUTED, Error, ErrorTally
from pipeline.evaluation.report.examples import Wrong
from pipeline.evaluation.report.groups import Group
from pipeline.evaluation.report.tables import Column, Table
from pipeline.text.symbols import FEATURE_MARK
from pipeline.unicode.visible import visible

_INTERVAL = "95 % interval of the accuracy (Wilson)"
_GROUP = (
    Column("answers", "How many sources are of this kind.", "count"),
    Column("right", "How many of them were answered rightly.", "count"),
    Column("accuracy", "The same in percent.", "bar"),
    Column("low", f"Lower end of the {_INTERVAL}.", "percent"),
    Column("high", "Upper end.", "percent"),
    Column("per", "Edit distance over symbols of the references, in percent.", "percent"),
)


def summary_table(figures: Mapping[str, Interval]) -> Table:
    """The figures of all answers.

    Args:
        figures: By name.
    """
    columns = (
        Column("figure", "Its name, as `evaluate` has it."),
        Column("value", "In percent; BLEU, chrF and TER as sacrebleu gives them.", "percent"),
        Column("low", "Lower end of its 95 % bootstrap interval.", "percent"),
        Column("high", "Upper end.", "percent"),
    )
    return Table("summary", "Figures", columns, [(name, *found) for name, found in figures.items()])


def kind_table(tally: ErrorTally) -> Table:
    """How many errors of each kind."""
    columns = (
        Column("kind", "substituted, left out or added."),
        Column("errors", "How many.", "count"),
        Column("share", "In percent of all errors.", "bar"),
    )
    rows = [
        (kind, tally.kinds[kind], _share(tally.kinds[kind], tally.number)) for kind in (SUBSTITUTED, LEFT_OUT, ADDED)
    ]
    return Table("kinds", "Errors by kind", columns, rows)


def error_table(tally: ErrorTally) -> Table:
    """The errors, the most frequent first."""
    columns = (
        Column("kind", "substituted, left out or added."),
        Column("wanted", "The symbol of the reference; none where one was added.", "symbol"),
        Column("written", "The symbol of the output; none where one was left out.", "symbol"),
        Column("errors", "How often.", "count"),
        Column("share", "In percent of all errors.", "bar"),
        Column("of", "How often the wanted symbol stands in the references.", "count"),
        Column(
            "source_symbols", "What of the source the model looked at there, and how often; up to 50 kinds.", "sources"
        ),
        Column("line", "Where the first answer with it stands.", "count", on_page=False),
        Column("source", "That source."),
        Column("reference", "What was wanted there."),
        Column("output", "What was written."),
    )
    rows = [
        (
            *(error.kind, error.wanted, error.written, error.count, _share(error.count, tally.number)),
            *(tally.wanted[error.wanted] if error.wanted else None, error.sources, *error.example),
        )
        for error in tally.ranked()
    ]
    note = "Symbols are spelt so that all is seen: a space as ␣, others by code point, features in brackets."
    return Table("errors", "Errors by symbols", columns, rows, note)


def symbol_table(tally: ErrorTally) -> Table:
    """How each symbol of the references fared, the most often wrong first."""
    columns = (
        Column("wanted", "A symbol of the references.", "symbol"),
        Column("times", "How often it stands there.", "count"),
        Column("right", "How often it was written.", "count"),
        Column("accuracy", "The same in percent.", "bar"),
        Column("substituted", "How often another stood in its place.", "count"),
        Column("left_out", "How often nothing did.", "count"),
        Column("written_instead", "What stood in its place, and how often; up to 50 kinds.", "sources"),
    )
    instead: dict[str, Counter[str]] = {}
    lost: Counter[str] = Counter()
    for error in tally.ranked():
        if error.kind == SUBSTITUTED:
            instead.setdefault(error.wanted, Counter())[visible(error.written)] += error.count
        elif error.kind == LEFT_OUT:
            lost[error.wanted] += error.count
    rows = []
    for symbol, times in tally.wanted.items():
        others = instead.get(symbol, Counter())
        wrong = others.total() + lost[symbol]
        right = times - wrong
        rows.append((symbol, times, right, _share(right, times), others.total(), lost[symbol], others))
    rows.sort(key=lambda row: (-(row[1] - row[2]), row[0]))
    return Table("symbols", "Symbols of the references", columns, rows, shown=20)


def source_symbol_table(tally: ErrorTally) -> Table:
    """What of the sources the errors were about."""
    columns = (
        Column("source_symbols", "What of the source the model looked at."),
        Column("errors", "How many errors were about it.", "count"),
        Column("share", "In percent of all errors.", "bar"),
        Column("which", "The most frequent of these errors, wanted → written; up to 50 kinds.", "sources"),
    )
    found: dict[str, Counter[str]] = {}
    for error in tally.ranked():
        for about, number in error.sources.items():
            if about:
                found.setdefault(about, Counter())[_name(error)] += number
    rows = [(about, which.total(), _share(which.total(), tally.number), which) for about, which in found.items()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return Table("source_symbols", "Source symbols that errors are about", columns, rows, shown=20)


def describe_links(tally: ErrorTally) -> str:
    """How the source symbols of errors were found, and of how many they were not."""
    if not tally.linked:
        return (
            "Source symbols are left out: this model has no attention that could say which ones an error is about, "
            "or it could not be laid beside its outputs."
        )
    rest = f" Of {count_of(tally.unlinked, 'wrong answer')} that is not known." if tally.unlinked else ""
    return (
        "Source symbols are those that the model's attention looked at most when it wrote the symbol; of one that "
        f"was left out, those between what its neighbours looked at.{rest}"
    )


def _name(error: Error) -> str:
    """As in "a → e", with a dash for nothing."""
    return f"{visible(error.wanted) or '–'} → {visible(error.written) or '–'}"


def group_table(name: str, title: str, first: Column, groups: Sequence[Group], note: str = "") -> Table:
    """Answers by what their sources are like.

    Args:
        name: Of the file.
        title: Above it.
        first: The column that says what they are like.
        groups: The rows.
        note: What to know of it.
    """
    rows = [(one.name, one.n, one.right, one.accuracy, *one.interval, one.per) for one in groups]
    return Table(name, title, (first, *_GROUP), rows, note)


def rank_table(ranks: Sequence[int | None], n_best: int) -> Table:
    """How many right answers are among the first outputs.

    Args:
        ranks: Of each source, which output is the first right one, from 1.
        n_best: How many outputs there are.
    """
    columns = (
        Column("n", "How many outputs are looked at, the best first.", "count"),
        Column("right", "For how many sources the right answer is among them.", "count"),
        Column("accuracy", "The same in percent: what choosing the right one of them would reach.", "bar"),
        Column("gained", "Percentage points above the best output alone.", "percent"),
    )
    found = np.array([n_best + 1 if rank is None else rank for rank in ranks], np.int64)
    rows: list[tuple[int, int, float, float]] = []
    for n in range(1, n_best + 1):
        right = int((found <= n).sum())
        share = _share(right, len(found))
        rows.append((n, right, share, share - (rows[0][2] if rows else share)))
    return Table("n_best", "Right answers among the n best outputs", columns, rows)


def wrong_table(rows: Sequence[Wrong], has_features: bool) -> Table:
    """All wrong answers.

    Args:
        rows: In their order.
        has_features: Whether sources have features behind a TAB.
    """
    columns = [
        Column("line", "Where the source stands first.", "count"),
        Column("source", "The source."),
        *([Column("features", "Its features.")] if has_features else []),
        Column("references", "What would have been right, with | between several.", "several"),
        Column("output", "What was written."),
        Column("log_p_output", "log p of the output (natural logarithm).", "number"),
        Column("log_p_reference", "log p of the most probable reference; none if the model cannot write it.", "number"),
        Column("distance", "Symbols to substitute, leave out or add.", "count"),
        Column("rank", "Which of the outputs is the first right one; none where none is.", "count"),
        Column("unknown", "Symbols of the source that training lacks.", "count"),
    ]
    written = [(row.line, *split_source(row.source, has_features), *row[2:]) for row in rows]
    note = "All of them: first what the model cannot write, then by the probability that it gave the reference."
    return Table("wrong", "Wrong answers", columns, written, note, shown=0)


def split_source(source: str, has_features: bool) -> Sequence[str]:
    """A source, and its features where such models have them.

    Example:
        >>> split_source("walk\\tV;PST", True), split_source("walk", True), split_source("walk", False)
        (('walk', 'V;PST'), ('walk', ''), ('walk',))
    """
    if not has_features:
        return (source,)
    text, _, features = source.partition(FEATURE_MARK)
    return text, features


def _share(part: int, of: int) -> float:
    return 100 * part / max(of, 1)
