"""The run with whose weights another begins: whether it fits, and what both vocabularies become."""

import logging
from collections.abc import Sequence

from pipeline.errors import UsageError, count_of
from pipeline.runs.best_epoch import checksum_of_best
from pipeline.runs.directory import RunDirectory
from pipeline.runs.named_runs import EARLIER, require_run, text_differences
from pipeline.settings.configuration import Configuration
from pipeline.settings.text import SIDES, Side
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary, escape, load_vocabularies

logger = logging.getLogger(__name__)

SHOWN = 12
"""New symbols that are named."""


def require_usable(configuration: Configuration, directory: RunDirectory) -> None:
    """Refuse a run with whose weights none can begin, before anything is begun.

    Args:
        configuration: Of the run that begins.
        directory: Where it is to be.

    Raises:
        UsageError: It is no run, or several, or the one to be replaced, or its symbols mean something else.
        DataError: It has no checkpoint yet.
    """
    named, runs = EARLIER.of(configuration), EARLIER.find(EARLIER.of(configuration))
    if len(runs) > 1:
        raise UsageError(
            f"{EARLIER.key}: {named}: an ensemble, and a training begins with the weights of one network; give one of "
            "these runs"
        )
    [run] = runs
    require_run(EARLIER.key, run)
    if run.path.resolve() == directory.path.resolve():
        raise UsageError(f"{EARLIER.key}: {run.path}: a run cannot begin with its own weights; choose another --run")
    differences = text_differences(configuration.text, run)
    if differences:
        raise UsageError(
            f"{EARLIER.key}: {run.path}: its symbols mean something else, its {'; its '.join(differences)}; leave "
            "these settings out, then they are those of that run"
        )
    checksum_of_best(run)


def earlier_vocabularies(configuration: Configuration) -> dict[Side, Vocabulary]:
    """Those of the run of `train.init_from`, by side; none without one.

    Raises:
        UsageError: It is not there.
    """
    runs = EARLIER.find(EARLIER.of(configuration))
    if not runs:
        return {}
    require_run(EARLIER.key, runs[0])
    return dict(zip(SIDES, load_vocabularies(runs[0].vocabulary), strict=True))


def extend(earlier: Sequence[Vocabulary], learned: Vocabulary) -> Vocabulary:
    """The symbols of earlier vocabularies in their order, then those of the new data that they lack.

    Example:
        >>> extend([Vocabulary("ab"), Vocabulary("bc")], Vocabulary("dca")).symbols[4:]
        ['a', 'b', 'c', 'd']
    """
    special = len(SPECIAL_SYMBOLS)
    return Vocabulary(dict.fromkeys(symbol for of in [*earlier, learned] for symbol in of.symbols[special:]))


def tell_extended(sides: Sequence[Side], run: str, earlier: Sequence[Vocabulary], now: Vocabulary) -> None:
    """Say how many symbols are the earlier run's, and which are new."""
    known = {symbol for of in earlier for symbol in of.symbols}
    new = [escape(symbol) for symbol in now.symbols if symbol not in known]
    shown = f": {' '.join(new[:SHOWN])}{' …' if len(new) > SHOWN else ''}" if new else ""
    kept = len(now.symbols) - len(SPECIAL_SYMBOLS) - len(new)
    added = f"{len(new)} new" if new else "no new one"
    logger.info("%s: %s of %s, %s%s", " and ".join(sides), count_of(kept, "symbol"), run, added, shown)
