"""How long an output may become: a line over the lengths of the training pairs, kept in the run."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import DataError
from pipeline.settings.search import SearchConfiguration

# One broken pair must not make the limit of all: this share of the training pairs may lie above the line.
MAY_LIE_ABOVE = 0.001
SLACK_SHARE, SLACK_SYMBOLS = 0.2, 5
_SLOPES = 33


@dataclasses.dataclass(frozen=True)
class LengthLimits:
    """The longest output, in symbols without the end symbol: length_ratio · source + length_offset."""

    length_ratio: float = 2.0
    length_offset: int = 20
    pairs: int = 0
    """The training pairs that it was taken from; 0 where it was not."""

    def to_json(self) -> str:
        """As it stands in a run."""
        return json.dumps(dataclasses.asdict(self)) + "\n"

    def complete(self, search: SearchConfiguration) -> SearchConfiguration:
        """The settings with numbers in the place of what they leave to the data."""
        ratio, offset = search.length_ratio, search.length_offset
        return dataclasses.replace(
            search,
            length_ratio=self.length_ratio if ratio is None else ratio,
            length_offset=self.length_offset if offset is None else offset,
        )


# What runs had before they had limits of their own.
GENERAL = LengthLimits()


def read_limits(path: Path) -> LengthLimits:
    """A run's limits; those for everybody if it was begun before it had some of its own.

    Raises:
        DataError: The file is damaged.
    """
    if not path.is_file():
        return GENERAL
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        ratio, offset, pairs = float(found["length_ratio"]), int(found["length_offset"]), int(found["pairs"])
        if not (0 <= ratio < 2**31 and 0 <= offset < 2**31 and pairs >= 0):
            raise ValueError("these are no lengths")
        return LengthLimits(ratio, offset, pairs)
    except (OSError, ValueError, LookupError, TypeError, OverflowError) as error:
        raise DataError(f"{path}: damaged ({error}); bring back a copy, or train anew with --overwrite") from error


def fit_limits(source_lengths: Any, target_lengths: Any, numbers: Any = None) -> LengthLimits:
    """The line that is shortest on average and has all but a thousandth of the targets below it, and a fifth more.

    Its slope is at least the ratio of all targets to all sources, so that it holds for sources that are longer than
    those of training.

    Args:
        source_lengths: Of the training pairs, without end symbols.
        target_lengths: Likewise.
        numbers: How many pairs have both lengths; None: one each.

    Example:
        >>> fit_limits(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 4]))
        LengthLimits(length_ratio=1.2, length_offset=5, pairs=4)
    """
    width = int(np.max(target_lengths)) + 1
    pairs, places, counts = np.unique(
        np.asarray(source_lengths, np.int64) * width + target_lengths, return_inverse=True, return_counts=True
    )
    if numbers is not None:
        counts = np.bincount(places, numbers).astype(np.int64)
    source, target = np.divmod(pairs, width)
    below = counts.sum() - int(MAY_LIE_ABOVE * counts.sum())

    def almost_largest(values: np.ndarray) -> float:
        order = np.argsort(values)
        return float(values[order][np.searchsorted(np.cumsum(counts[order]), below)])

    def line(slope: float) -> tuple[float, float, float]:
        offset = max(0.0, almost_largest(target - slope * source))
        return slope * np.average(source, weights=counts) + offset, slope, offset

    least = (target * counts).sum() / max((source * counts).sum(), 1)
    most = max(least, almost_largest(target / np.maximum(source, 1)))
    _, slope, offset = min(line(slope) for slope in np.linspace(least, most, _SLOPES))
    return LengthLimits(
        length_ratio=round(float((1 + SLACK_SHARE) * slope), 3),
        length_offset=int(np.ceil((1 + SLACK_SHARE) * offset)) + SLACK_SYMBOLS,
        pairs=int(counts.sum()),
    )


def longest_output(search: SearchConfiguration, source_lengths: Any) -> Any:
    """The most symbols of outputs, end symbols not counted, as the search computes it.

    Args:
        search: Complete.
        source_lengths: Without end symbols.

    Example:
        >>> longest_output(SearchConfiguration(length_ratio=1.5, length_offset=2, max_length=8), [1, 3, 9]).tolist()
        [3, 6, 8]
    """
    assert search.length_ratio is not None
    assert search.length_offset is not None
    longest = np.float32(search.length_ratio) * np.asarray(source_lengths, np.float32)
    limits = longest.astype(np.int64) + search.length_offset
    if search.max_length is not None:
        limits = np.minimum(limits, search.max_length)
    return np.maximum(limits, search.min_length)


def describe_limit(search: SearchConfiguration) -> str:
    """The limit in words.

    Example:
        >>> describe_limit(SearchConfiguration(length_ratio=1.5, length_offset=2))
        '1.5 · source + 2 symbols'
        >>> describe_limit(SearchConfiguration(length_ratio=1.5, length_offset=2, max_length=8))
        '1.5 · source + 2 symbols, at most 8'
    """
    most = "" if search.max_length is None else f", at most {search.max_length}"
    return f"{search.length_ratio:g} · source + {search.length_offset} symbols{most}"


@dataclasses.dataclass(frozen=True)
class LengthReport:
    """What limits outputs, where that comes from, and what it means for training."""

    search: SearchConfiguration
    """Complete."""
    origin: str
    cut: int
    """Training targets that are longer."""
    pairs: int
    """Training pairs."""
    set_by: tuple[str, ...]
    """The settings that do not come from the data."""

    def __str__(self) -> str:
        longer = f"; {self.cut:,} of {self.pairs:,} training targets are longer" if self.cut else ""
        return f"outputs have at most {describe_limit(self.search)} ({self.origin}{longer})"

    @property
    def warning(self) -> str:
        """What to say where more than a few training targets are longer; else nothing."""
        if self.cut <= MAY_LIE_ABOVE * self.pairs:
            return ""
        remedy = (
            f"raise {' and '.join(self.set_by)}, or leave it to the data" if self.set_by else "set search.length_ratio"
        )
        return (
            f"{100 * self.cut / self.pairs:.1f} % of the training targets ({self.cut:,} of {self.pairs:,}) are longer "
            f"than outputs may become ({describe_limit(self.search)}): such outputs will lack their ends; {remedy}"
        )


def report_limits(
    search: SearchConfiguration, limits: LengthLimits, source_lengths: Any, target_lengths: Any, numbers: Any = None
) -> LengthReport:
    """Hold limits against the training pairs.

    Args:
        search: As it was set.
        limits: The run's.
        source_lengths: Of the training pairs, without end symbols.
        target_lengths: Likewise.
        numbers: See `fit_limits`.

    Example:
        >>> limits = LengthLimits(2.0, 1, 2)
        >>> print(report_limits(SearchConfiguration(), limits, [1, 2], [2, 4]))
        outputs have at most 2 · source + 1 symbols (from the lengths of 2 training pairs)
    """
    names = ("length_ratio", "length_offset", "max_length")
    set_by = tuple(f"search.{name}" for name in names if getattr(search, name) is not None)
    origin = [", ".join(set_by)] if set_by else []
    if None in (search.length_ratio, search.length_offset):
        data = f"from the lengths of {limits.pairs:,} training pairs" if limits.pairs else "as in earlier versions"
        origin.append(f"else {data}" if set_by else data)
    complete = limits.complete(search)
    each = np.ones(len(target_lengths), np.int64) if numbers is None else numbers
    cut = int(each[np.asarray(target_lengths) > longest_output(complete, source_lengths)].sum())
    return LengthReport(complete, "; ".join(origin), cut, int(each.sum()), set_by)


def describe_limited(number: int) -> str:
    """What is said of outputs that the limit ended.

    Example:
        >>> print(describe_limited(1))
        1 output was ended by the search's limit (see --search.length_ratio and --search.max_length): its end is missing
    """
    whose, what = ("output was", "its end is missing") if number == 1 else ("outputs were", "their ends are missing")
    return f"{number:,} {whose} ended by the search's limit (see --search.length_ratio and --search.max_length): {what}"
