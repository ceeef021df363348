"""What is odd about the start of a file: a table of kinds, each refused or warned of."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pipeline.errors import DataError
from pipeline.pairs import odd_columns, odd_files, odd_pairs
from pipeline.pairs.file_shape import Finding, Shape


class _Kind(NamedTuple):
    find: Callable[[Shape], Finding | None]
    is_certain: bool
    """Whether it cannot be meant, and is refused."""
    needs_columns: bool = False
    """Whether it concerns tables alone, not lines that are text as a whole."""


def judge_table(shape: Shape) -> list[Finding]:
    """What is odd about a file of pairs in columns, and may be meant all the same.

    Raises:
        DataError: What cannot be meant, with file, line and the command that mends it.
    """
    return _judge(shape, _KINDS)


def judge_lines(shape: Shape) -> list[Finding]:
    """The same for two aligned files, whose lines are text as a whole."""
    return _judge(shape, [kind for kind in _KINDS if not kind.needs_columns])


def _judge(shape: Shape, kinds: Iterable[_Kind]) -> list[Finding]:
    findings = []
    for kind in kinds:
        finding = kind.find(shape)
        if finding and kind.is_certain:
            raise DataError(str(finding))
        if finding:
            findings.append(finding)
    return findings


# Whoever meets another kind adds a row. What cannot be meant comes first.
_KINDS = [
    _Kind(odd_files.find_returns, True),
    _Kind(odd_files.find_document, True),
    _Kind(odd_files.find_json, True, needs_columns=True),
    _Kind(odd_files.find_separator, True, needs_columns=True),
    _Kind(odd_files.find_other_csv, True, needs_columns=True),
    _Kind(odd_files.find_tables_side_by_side, True),
    _Kind(odd_columns.find_index, True, needs_columns=True),
    _Kind(odd_columns.find_probabilities, True, needs_columns=True),
    _Kind(odd_columns.find_leading_probabilities, True, needs_columns=True),
    _Kind(odd_columns.find_features, True, needs_columns=True),
    _Kind(odd_columns.find_identifiers, True, needs_columns=True),
    _Kind(odd_files.find_columns_in_lines, False),
    _Kind(odd_files.find_two_csv, False, needs_columns=True),
    _Kind(odd_columns.find_few_values, False, needs_columns=True),
    _Kind(odd_columns.find_running_numbers, False, needs_columns=True),
    _Kind(odd_columns.find_counts, False, needs_columns=True),
    _Kind(odd_columns.find_shares, False, needs_columns=True),
    _Kind(odd_pairs.find_header, False),
    _Kind(odd_pairs.find_quotes, False),
    _Kind(odd_pairs.find_variants, False),
    _Kind(odd_pairs.find_comments, False, needs_columns=True),
    _Kind(odd_pairs.find_wrong_characters, False),
    _Kind(odd_pairs.find_constant, False),
    _Kind(odd_pairs.find_copies, False),
]
