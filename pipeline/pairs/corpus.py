"""Pairs of source and target, streamed from anyone's files or a built-in corpus, and their splits."""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator

from pipeline.errors import DataError, UsageError
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.cmudict import Role, find_cmudict, read_cmudict_split
from pipeline.pairs.file_shape import Shape, look, look_at_aligned
from pipeline.pairs.odd_shapes import judge_lines, judge_table
from pipeline.pairs.pair_file import Pair, read_aligned, read_table
from pipeline.pairs.source_subset import SourceSubset, choose_sources, hold_out
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration
from pipeline.unicode.normal_forms import NORMAL_FORMS, normalize_string

logger = logging.getLogger(__name__)

Location = str | list[str]
TrainingLocation = Location | dict[str, float]

_SUBSET_SEED = -1  # which no held-out dev has


def _read_cmudict(role: Role, bad: BadLines | None) -> Iterator[Pair]:
    return (Pair(*entry) for entry in read_cmudict_split(role, bad=bad))


# A corpus added here is a name that `data.train`, `data.dev` and `data.test` take.
BUILT_IN: dict[str, Callable[[Role, BadLines | None], Iterator[Pair]]] = {"cmudict": _read_cmudict}


def is_built_in(location: TrainingLocation) -> bool:
    """Whether a location is the name of a built-in corpus alone, which then brings its own dev and test."""
    corpora = list_corpora(location)
    return len(corpora) == 1 and isinstance(corpora[0][0], str) and corpora[0][0] in BUILT_IN


def list_corpora(location: TrainingLocation) -> list[tuple[Location, float]]:
    """The corpora that a location stands for, each with its weight, those with the highest weight first.

    The order does not depend on how a mapping is written, which YAML gives no meaning to.

    Example:
        >>> list_corpora({"web.tsv": 0.5, "talks.de,talks.en": 1, "news.tsv": 1})
        [('news.tsv', 1), ('talks.de,talks.en', 1), ('web.tsv', 0.5)]
        >>> list_corpora("pairs.tsv")
        [('pairs.tsv', 1.0)]
    """
    if isinstance(location, dict):
        return sorted(location.items(), key=lambda item: (-item[1], item[0]))
    return [(location, 1.0)]


def describe_line(line: int, corpus: int, location: TrainingLocation) -> str:
    """Where a pair stands, for messages; the corpus is named where there are several.

    Example:
        >>> describe_line(3, 1, {"a.tsv": 2, "b.tsv": 1}), describe_line(3, 0, "a.tsv")
        ('line 3 of b.tsv', 'line 3')
    """
    corpora = list_corpora(location)
    return f"line {line} of {corpora[corpus][0]}" if len(corpora) > 1 else f"line {line}"


def read_pairs(location: TrainingLocation, role: Role, bad: BadLines | None = None) -> Iterator[Pair]:
    """Stream the pairs of a built-in corpus, a TSV file or two line-aligned files, in file order.

    Args:
        location: Name of a built-in corpus; else path of a TSV file (source TAB target, further columns
            ignored); else two paths of line-aligned files, as a list or with a comma between them.
            Files are UTF-8; those whose names end in .gz are decompressed. Of a mapping of these to weights,
            the corpora one after the other, in the order of `list_corpora`, each once.
        role: Which split of a built-in corpus; files do not depend on it.
        bad: Takes the lines that are no pairs, which are then left out; None refuses them. Two aligned files lose the
            pair of a line that is bad in one of them. Blank lines at the end of a file are none.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: A file that cannot be read, no good line, or a line that is not a pair and not left out; found when
            its turn comes. Damaged gzip and aligned files of different length are refused in any case: nobody knows
            what they lack.
    """
    if isinstance(location, dict):
        return _read_corpora([corpus for corpus, _ in list_corpora(location)], role, bad)
    if isinstance(location, str) and location in BUILT_IN:
        return BUILT_IN[location](role, bad)
    if isinstance(location, str) and location.startswith("{") and not os.path.lexists(location):
        raise UsageError(
            f"data: {location} is no file, and no mapping of places to weights; write {{a.tsv: 0.5, b.tsv: 2}}, with a "
            "space after each colon, numbers as weights, and in quotes what has a comma or a colon in it"
        )
    paths = _split_location(location)
    if len(paths) == 2:
        return read_aligned(paths[0], paths[1], bad)
    if paths[0].isidentifier() and not os.path.lexists(paths[0]):
        names = ", ".join(BUILT_IN)
        raise DataError(f"{paths[0]}: no such file, and no built-in corpus of that name ({names}); check the path")
    return read_table(paths[0], bad)


def _read_corpora(locations: list[Location], role: Role, bad: BadLines | None) -> Iterator[Pair]:
    for index, location in enumerate(locations):
        for pair in read_pairs(location, role, bad and bad.of_corpus(index)):
            yield pair._replace(corpus=index)


def look_at(location: TrainingLocation, looked: dict[str, int] | None = None) -> None:
    """Look at the start of every file that a location stands for, and say which columns are taken and what is odd.

    Args:
        location: See `read_pairs`; built-in corpora need no look.
        looked: The files that were looked at, which is not done again, with the columns that were seen; takes others.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: A file that cannot be read, or that cannot be meant so, see `odd_shapes`; it names the command that
            mends it.
    """
    looked = {} if looked is None else looked
    for shape in look_at_start(location):
        if shape.path in looked:
            continue
        looked[shape.path] = shape.columns
        findings = judge_lines(shape) if shape.is_aligned else judge_table(shape)
        if shape.columns > 1:
            logger.log(logging.WARNING if shape.columns > 2 else logging.INFO, "%s", shape.describe_taken())
        for finding in findings:
            logger.warning("%s", finding)


def look_at_start(location: TrainingLocation) -> Iterator[Shape]:
    """What the start of every file looks like, built-in corpora left out; two aligned files have one shape.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: A file cannot be read.
    """
    for corpus, _ in list_corpora(location):
        if not is_built_in(corpus):
            paths = _split_location(corpus)
            yield look_at_aligned(*paths) if len(paths) == 2 else look(paths[0])


def source_files(location: TrainingLocation) -> list[str]:
    """The files that a location stands for, a built-in corpus's own among them."""
    files: list[str] = []
    for corpus, _ in list_corpora(location):
        files += [str(find_cmudict())] if is_built_in(corpus) else _split_location(corpus)
    return files


def _split_location(location: Location) -> list[str]:
    if isinstance(location, list):
        if len(location) != 2:
            raise UsageError(f"data: {location!r} is impossible, a list must be two line-aligned files")
        return location
    parts = [part.strip() for part in location.split(",")]
    if len(parts) == 2 and all(parts) and not os.path.lexists(location):
        return parts
    return [location]


@dataclasses.dataclass(frozen=True)
class Split:
    """The pairs of a split: a call streams them, from the start.

    Args:
        read: Makes the stream.
        bad_lines: What the latest stream that came to its end left out; None where nothing is, or another split has it.
    """

    read: Callable[[], Iterator[Pair]]
    bad_lines: BadLines | None = None

    def __call__(self) -> Iterator[Pair]:
        """The pairs, in file order."""
        return self.read()


def open_splits(
    data: DataConfiguration, seed: int, text: TextConfiguration | None = None, looks: bool = True
) -> dict[str, Split]:
    """Streams of the pairs under "train", "dev" and, if there is one, "test"; each call starts anew.

    A left-out dev or test is the built-in training corpus's own. Without one, dev is held out from train
    by source, which costs a pass over train here, and there is no test. Sources that `text` makes the same
    (other case, other normal form) stay on the same side, whichever of several corpora they stand in.
    Every file is looked at first, see `look_at`, unless `looks` is False: it was done before.

    Raises:
        UsageError: A list that does not hold two paths.
        DataError: The first line of a split cannot be read, its files cannot be meant so, or train is too small to hold
            out from.
    """
    own = list_corpora(data.train)[0][0] if is_built_in(data.train) else None
    locations: dict[Role, TrainingLocation | None] = {
        "train": data.train,
        "dev": own if data.dev is None else data.dev,
        "test": own if data.test is None else data.test,
    }
    splits: dict[str, Split] = {}
    said: set[str] = set()
    looked: dict[str, int] = {}
    for role, location in locations.items():
        if location is not None:
            bad = BadLines(data.skip_bad_lines, said=said, looked=looked)
            _require_readable(location, role, bad, looks)
            # Another split of the same built-in corpus has its bad lines already.
            is_first = role == "train" or location is not own
            splits[role] = Split(
                functools.partial(read_pairs, location, role, bad), bad if is_first and bad.skips else None
            )
    text = text or TextConfiguration()
    if text.normalization == "none":
        # Told apart by the model, and yet the same word: it would be known from training.
        text = dataclasses.replace(text, normalization="nfc")
    fold = functools.partial(fold_source, text=text)
    if "dev" not in splits:
        read_all = splits["train"]
        folded = (pair._replace(source=fold(pair.source)) for pair in read_all())
        held_out = hold_out(folded, data.dev_size, seed, data.shares == "counted")
        splits["train"] = Split(functools.partial(_read_side, read_all, held_out, fold, False), read_all.bad_lines)
        splits["dev"] = Split(functools.partial(_read_side, read_all, held_out, fold, True))
    if data.train_size is not None:
        read_rest = splits["train"]
        folded_sources = (fold(pair.source) for pair in read_rest())
        chosen = choose_sources(folded_sources, data.train_size, _SUBSET_SEED, data.shares == "counted")
        splits["train"] = Split(functools.partial(_read_side, read_rest, chosen, fold, True), read_rest.bad_lines)
    return splits


def _require_readable(location: TrainingLocation, role: Role, bad: BadLines, looks: bool) -> None:
    """Find a wrong path now, not after hours of training."""
    for index, (corpus, _) in enumerate(list_corpora(location)):
        for path in source_files(corpus):
            if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
                raise DataError(f"{path}: is a pipe or device, but is read several times; save it as a file first")
        if looks:
            look_at(corpus, bad.looked)
        else:
            bad.looked.update(dict.fromkeys(source_files(corpus), 3))
        next(read_pairs(corpus, role, bad.of_corpus(index)), None)


def _read_side(
    read_all: Callable[[], Iterator[Pair]], subset: SourceSubset, fold: Callable[[str], str], inside: bool
) -> Iterator[Pair]:
    return (pair for pair in read_all() if subset.contains(fold(pair.source)) == inside)


def fold_source(source: str, text: TextConfiguration) -> str:
    """The source as far as the model can tell it from others: in its normal form, lowercased if that is set."""
    return normalize_string(source, NORMAL_FORMS[text.normalization].equals, text.lowercase)


def group_references(pairs: Iterable[Pair], text: TextConfiguration | None = None) -> dict[str, list[str]]:
    """What evaluation needs: distinct sources by first appearance, each with its distinct targets in file order.

    Sources that `text` makes the same are one, under the spelling that came first.
    """
    text = text or TextConfiguration()
    spelling: dict[str, str] = {}
    references: dict[str, dict[str, None]] = {}
    for pair in pairs:
        source = spelling.setdefault(fold_source(pair.source, text), pair.source)
        references.setdefault(source, {})[pair.target] = None
    return {source: list(targets) for source, targets in references.items()}


def overlap(train: Iterable[Pair], dev: Iterable[Pair], text: TextConfiguration | None = None) -> int:
    """How many distinct dev sources are also training sources; streams train, keeps dev sources in memory."""
    text = text or TextConfiguration()
    unseen = {fold_source(pair.source, text) for pair in dev}
    total = len(unseen)
    for pair in train:
        unseen.discard(fold_source(pair.source, text))
    return total - len(unseen)
