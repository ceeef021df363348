"""A report's sections and tables, made of what was found."""

import dataclasses
import html
from pathlib import Path

import numpy as np

from pipeline.answering.predictions import AnswersStrings
from pipeline.errors import count_of
from pipeline.evaluation.bootstrap import SAMPLES, Interval
from pipeline.evaluation.report.confusion import confuse, draw_confusion
from pipeline.evaluation.report.error_tables import (
    describe_links,
    error_table,
    group_table,
    kind_table,
    rank_table,
    source_symbol_table,
    summary_table,
    symbol_table,
    wrong_table,
)
from pipeline.evaluation.report.examples import SHOWN
from pipeline.evaluation.report.findings import Findings
from pipeline.evaluation.report.groups import Places, by_frequency, by_length, group_answers
from pipeline.evaluation.report.page import Section, make_page, say, show_cards, show_examples, show_tables
from pipeline.evaluation.report.tables import Column, Table
from pipeline.evaluation.report.two_models import Beside, Other, tables_of_both
from pipeline.evaluation.test_set import ReferenceSet, source_lengths
from pipeline.pairs.columns import Columns
from pipeline.pairs.splits import Split

PAGE = "report.html"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a report is asked of.

    Args:
        predictor: What decodes; with all outputs that it keeps.
        model: Its path; None where only the object is known.
        location: Where the pairs are.
        split: See `evaluate_file`; so are the next two.
        columns: See there.
        tokens: See there.
        other: A second model that it is laid beside.
    """

    predictor: AnswersStrings
    model: Path | None
    location: str
    split: Split | None = None
    columns: Columns | None = None
    tokens: str = ""
    other: Other | None = None

    @property
    def name(self) -> str:
        """Of the model."""
        return "the model" if self.model is None else str(self.model)


class Composer:
    """Makes the files of a report.

    Args:
        asked: Model and pairs.
        test: Sources and references.
        findings: Of all answers.
        figures: Of the same, by name.
        untold: Why it is not known how often training had a symbol; '' where it is.
    """

    def __init__(
        self, asked: Asked, test: ReferenceSet, findings: Findings, figures: dict[str, Interval], untold: str
    ) -> None:
        self.asked, self.test, self.findings, self.figures = asked, test, findings, figures
        self.untold, self.text = untold, asked.predictor.text
        self.counts = findings.counts
        self.has_features = self.text.feature_separator is not None
        self.tables: list[Table] = []
        self.sections: list[Section] = []

    def compose(self, split: str, beside: Beside | None) -> dict[str, str]:
        """The content of every file, by name."""
        self._keep(summary_table(self.figures))
        if beside:
            self._two_models(beside)
        self._errors()
        self._confusion()
        self._length()
        self._frequency()
        self._unseen()
        self._features()
        self._n_best()
        self._examples()
        self._method()
        page = make_page(self.asked.name, self._header(split), self.sections)
        readme = "# What goes wrong\n\n" + "\n".join(table.to_markdown() for table in self.tables)
        return {PAGE: page, "README.md": readme, **{table.file: table.to_tsv() for table in self.tables}}

    def _keep(self, *tables: Table) -> tuple[Table, ...]:
        self.tables += tables
        return tables

    def _section(self, name: str, title: str, *content: str) -> None:
        self.sections.append(Section(name, title, "".join(content)))

    @property
    def _items(self) -> str:
        by_line = self.asked.tokens or self.text.has_sentences
        return "sentences" if by_line else "sources"

    @property
    def _joint(self) -> str:
        """What stands between the symbols of an output."""
        target = self.text.compared.side("target")
        return "" if target.tokenizer == "char" else target.separator or " "

    def _header(self, split: str) -> str:
        n = len(self.counts)
        beside = f" beside {self.asked.other.name}" if self.asked.other else ""
        data = split if self.asked.split else self.asked.location
        what = html.escape(f"{self.asked.name}{beside} on {data}")
        cards = show_cards(self.figures, n - int(self.counts[:, 0].sum()), n, self._items)
        return f'<h1>What goes wrong</h1><p>{what}</p>{cards}<p class="note"><a href="summary.tsv">summary.tsv</a></p>'

    def _errors(self) -> None:
        tally = self.findings.errors
        if not tally.number:
            self._section("errors", "Errors", say("There are none: every answer is right."))
            self._keep(kind_table(tally), error_table(tally), symbol_table(tally))
            return
        said = (
            f"{count_of(tally.number, 'error')} in {count_of(tally.linked + tally.unlinked, 'wrong answer')}. "
            "Each output was laid beside its nearest reference on one of the shortest ways from one to the other."
        )
        notes = say(said) + say(describe_links(tally), note=True)
        if tally.others:
            notes += say(f"{tally.others:,} errors of rarer kinds are in no row.", note=True)
        tables = self._keep(kind_table(tally), error_table(tally), symbol_table(tally))
        if tally.linked:
            tables += self._keep(source_symbol_table(tally))
        self._section("errors", "Errors", notes, show_tables(tables))

    def _confusion(self) -> None:
        tally = self.findings.errors
        if not tally.number:
            return
        found = confuse(tally)
        said = (
            f"Wanted symbols down, written ones across; the last column are symbols that were left out, the last row "
            f"those that were added. The picture has {found.shown:,} of {count_of(found.all, 'error')}, those between "
            f"the {len(found.symbols)} symbols that most errors are about; right symbols count for nothing here."
        )
        self._section("confusion", "Which symbol for which", say(said), f"<figure>{draw_confusion(found)}</figure>")

    def _length(self) -> None:
        unit, lengths = source_lengths(self.test.sources, self.text)
        groups = group_answers(self.counts, by_length(lengths))
        first = Column("length", f"Length of the source in {unit}.")
        [table] = self._keep(group_table("length", f"By length of the source in {unit}", first, groups))
        self._section("length", "By length", say(f"Sources by their length in {unit}."), table.to_html())

    def _frequency(self) -> None:
        title = "By the rarest symbol"
        if self.untold:
            self._section("frequency", title, say(f"Left out: {self.untold}."))
            return
        groups = group_answers(self.counts, by_frequency(np.array(self.findings.rarest, np.int64)))
        first = Column("rarest", "How often the training data have the rarest symbol of the source.")
        [table] = self._keep(group_table("frequency", "By frequency of the rarest symbol of the source", first, groups))
        said = (
            "Sources by how often their rarest symbol stands in the training data (of an ensemble, of its first run)."
        )
        self._section("frequency", title, say(said), table.to_html())

    def _unseen(self) -> None:
        places = np.array(self.findings.with_unseen, np.int64)
        others = np.setdiff1d(np.arange(len(self.counts)), places)
        first = Column("source", "Whether it has symbols that training lacks.")
        kinds = [("with symbols that training lacks", places), ("with known symbols alone", others)]
        by_kind = group_table("unseen", "Sources with unseen symbols", first, group_answers(self.counts, kinds))
        named = Column("symbol", "A symbol that training lacks.")
        symbols = group_answers(self.counts, self.findings.unseen.ordered())
        tables = self._keep(by_kind, group_table("unseen_symbols", "By unseen symbol", named, symbols))
        if len(places):
            verb = "have" if len(places) > 1 else "has"
            said = f"{len(places):,} of {count_of(len(self.counts), 'source')} {verb} symbols that training lacks."
            self._section("unseen", "Unseen symbols", say(said), show_tables(tables), _rest(self.findings.unseen))
        else:
            self._section("unseen", "Unseen symbols", say("No source has a symbol that training lacks."))

    def _features(self) -> None:
        if not self.has_features:
            return
        first = Column("feature", "A source that has it counts here.")
        all_of = Column("features", "All features of a source, as they are read.")
        ordered = (self.findings.features.ordered(), self.findings.bundles.ordered())
        one, bundles = (group_answers(self.counts, groups) for groups in ordered)
        bundles.sort(key=lambda group: (group.right - group.n, group.name))
        tables = self._keep(
            group_table("features", "By feature", first, one),
            group_table("feature_sets", "By all features of a source, most wrong answers first", all_of, bundles),
        )
        rest = _rest(self.findings.features) + _rest(self.findings.bundles)
        self._section("features", "By feature", show_tables(tables), rest)

    def _n_best(self) -> None:
        n = self.findings.most_outputs
        [table] = self._keep(rank_table(self.findings.ranks, n))
        said = f"For how many sources the right answer is among the first outputs of the search, up to {n}."
        if n == 1:
            said = (
                "One output is kept for a source. A larger beam gives more (--beam 5; of an export, one that was made "
                "with it; in Python load with n_best=None)."
            )
        self._section("n_best", "Among the n best", say(said), table.to_html())

    def _examples(self) -> None:
        wrong = self.findings.wrong
        [table] = self._keep(wrong_table(wrong.ranked(), self.has_features))
        if not wrong.rows:
            return
        doubted, surest = wrong.most_doubted(), wrong.surest()
        said = (
            f"The {SHOWN} worst of {count_of(len(wrong.rows), 'wrong answer')}, by two measures"
            if len(wrong.rows) > SHOWN
            else "All wrong answers, by two measures"
        )
        lost = ""
        if wrong.unwritable:
            items = count_of(wrong.unwritable, "wrong answer has", "wrong answers have")
            lost = say(
                f"{items} no reference that the model can write; they stand first in the table, not here.", note=True
            )
        self._section(
            "examples",
            "Worst answers",
            say(f"{said}; all are in the table, with the probabilities."),
            lost,
            f'<p><a href="{table.file}">{table.file}</a></p>',
            "<h3>Right answers that the model held for least probable</h3>",
            show_examples(doubted, self._joint),
            "<h3>Wrong answers that it was surest of</h3>",
            show_examples(surest, self._joint),
        )

    def _two_models(self, beside: Beside) -> None:
        name, other = beside.comparison.names
        right = len(self.counts) - int(self.counts[:, 0].sum())
        tables = self._keep(*tables_of_both(beside, self.findings.errors, right, self.has_features))
        said = f"A is {name}, B is {other}. All other sections are about A."
        self._section("two_models", "Two models", say(said), show_tables(tables))

    def _method(self) -> None:
        figures = (
            f"Intervals of the figures above: {SAMPLES:,} bootstrap samples of the {self._items}; of groups: Wilson."
        )
        several = "A source with several references is right with any of them, and compared with the nearest."
        self._section("method", "How it was counted", say(f"{figures} {several} README.md explains every column."))


def _rest(places: Places) -> str:
    """What to say of names that have no row."""
    return (
        say(f"{places.left_out:,} times one stood there that has no row: they are too many.", note=True)
        if places.left_out
        else ""
    )
