"""The splits of a corpus: train, dev and test, streamed; dev held out from train where nobody gives one."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator

from pipeline.errors import DataError
from pipeline.files.bad_lines import BadLines
from pipeline.pairs.cmudict import Role
from pipeline.pairs.columns import Columns
from pipeline.pairs.locations import TrainingLocation, is_built_in, is_prepared, list_corpora, source_files
from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import look_at, read_pairs
from pipeline.pairs.references import fold_source
from pipeline.pairs.source_subset import SourceSubset, choose_sources, hold_out
from pipeline.settings.data import DataConfiguration
from pipeline.settings.text import TextConfiguration

_SUBSET_SEED = -1  # which no held-out dev has
# Of a split that is kept in memory, about 100 MB of Python's objects.
MOST_KEPT = 1 << 24
_PER_PAIR = 32  # what a pair's objects take besides its characters, in characters


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

    def kept(self) -> "Split":
        """The same, for who streams it several times: kept in memory from its first whole stream on, if it is small."""
        return dataclasses.replace(self, read=_Kept(self.read).read)


class _Kept:
    """A stream's pairs, for its repetitions."""

    def __init__(self, read: Callable[[], Iterator[Pair]]) -> None:
        self._read_anew = read
        self._pairs: list[Pair] | None = None

    def read(self) -> Iterator[Pair]:
        """From memory, if they are there."""
        return self._keep() if self._pairs is None else iter(self._pairs)

    def _keep(self) -> Iterator[Pair]:
        pairs: list[Pair] = []
        size = 0
        for pair in self._read_anew():
            if size <= MOST_KEPT:
                pairs.append(pair)
                size += len(pair.source) + len(pair.target) + _PER_PAIR
            elif pairs:
                pairs = []
            yield pair
        if size <= MOST_KEPT:
            self._pairs = pairs


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
    splits = _read_splits(data, looks)
    fold = fold_of(text or TextConfiguration())
    if "dev" not in splits:
        whole = splits["train"]
        folded = (pair._replace(source=fold(pair.source)) for pair in whole())
        held_out = hold_out(folded, data.dev_size, seed, data.shares == "counted")
        splits["train"], splits["dev"] = _part(whole, held_out, fold, False), _part(whole, held_out, fold, True)
        splits["dev"] = dataclasses.replace(splits["dev"], bad_lines=None)  # train has told of them
    return {**splits, "train": _take_train_size(splits["train"], data, fold)}


def open_part(data: DataConfiguration, bad: BadLines) -> Split:
    """The training pairs as far as `data.train_size` takes them, dev still among them: for who counts before text
    settings are known.
    """
    whole = Split(functools.partial(read_pairs, data.train, "train", bad, data.columns))
    return _take_train_size(whole, data, fold_of(TextConfiguration()))


def _take_train_size(train: Split, data: DataConfiguration, fold: Callable[[str], str]) -> Split:
    if data.train_size is None:
        return train
    sources = (fold(pair.source) for pair in train())
    chosen = choose_sources(sources, data.train_size, _SUBSET_SEED, data.shares == "counted")
    return _part(train, chosen, fold, True)


def _read_splits(data: DataConfiguration, looks: bool) -> dict[str, Split]:
    """The splits that have a place of their own."""
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
            if role != "train" or not is_prepared(location):
                _require_readable(location, role, bad, data.columns, looks)
            # Another split of the same built-in corpus has its bad lines already.
            is_first = role == "train" or location is not own
            splits[role] = Split(
                functools.partial(read_pairs, location, role, bad, data.columns),
                bad if is_first and bad.skips else None,
            )
    return splits


def fold_of(text: TextConfiguration) -> Callable[[str], str]:
    """What makes sources the same that a person would take for the same."""
    if text.normalization == "none":
        # Told apart by the model, and yet the same word: it would be known from training.
        text = dataclasses.replace(text, normalization="nfc", target_normalization=None)
    return functools.partial(fold_source, text=text)


def _part(whole: Split, subset: SourceSubset, fold: Callable[[str], str], inside: bool) -> Split:
    """The pairs of a split whose sources are in a subset, or those whose are not."""
    return Split(functools.partial(_read_side, whole.read, subset, fold, inside), whole.bad_lines)


def _require_readable(
    location: TrainingLocation, role: Role, bad: BadLines, columns: Columns | None, looks: bool
) -> None:
    """Find a wrong path now, not after hours of training."""
    for index, (corpus, _) in enumerate(list_corpora(location)):
        for path in source_files(corpus):
            if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
                raise DataError(f"{path}: is a pipe or device, but is read several times; save it as a file first")
        if looks:
            look_at(corpus, bad.looked, columns)
        else:
            bad.looked.update(dict.fromkeys(source_files(corpus), 3))
        next(read_pairs(corpus, role, bad.of_corpus(index), columns), None)


def _read_side(
    read_all: Callable[[], Iterator[Pair]], subset: SourceSubset, fold: Callable[[str], str], inside: bool
) -> Iterator[Pair]:
    return (pair for pair in read_all() if subset.contains(fold(pair.source)) == inside)
