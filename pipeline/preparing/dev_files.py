"""The dev set that is held out while a corpus is prepared, as files that `data.dev` takes."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.pairs.columns import Columns
from pipeline.pairs.pair_file import Pair
from pipeline.plain_text.table_rows import as_row, header
from pipeline.settings.data import FEATURES

ALIGNED, TABLE = ("dev.source", "dev.target"), "dev.tsv"


def dev_names(columns: Columns | None) -> list[str] | str:
    """The files: two that are aligned, in which a text may hold anything; a table where there are features.

    Example:
        >>> dev_names(None), dev_names({"source": 1, "target": 2, "features": 3})
        (['dev.source', 'dev.target'], 'dev.tsv')
    """
    return TABLE if FEATURES in (columns or {}) else list(ALIGNED)


class DevWriter:
    """Writes the pairs of one shard; a header, which a table with names has, comes when all are joined.

    Args:
        columns: Those of the training files.
        folder: Where to.
    """

    def __init__(self, columns: Columns | None, folder: Path) -> None:
        self.columns, names = columns, dev_names(columns)
        self.pairs = 0
        """So far."""
        names = [names] if isinstance(names, str) else names
        self._files = [open(folder / name, "w", encoding="utf-8", newline="\n") for name in names]  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()

    def write(self, pair: Pair) -> None:
        """A pair more."""
        self.pairs += 1
        if len(self._files) == 2:
            for file, text in zip(self._files, (pair.source, pair.target), strict=True):
                file.write(f"{text}\n")
        else:
            self._files[0].write(as_row(self.columns, pair.source, pair.target))


def join_dev(out: Path, shards: Sequence[Path], columns: Columns | None) -> list[str]:
    """Write the dev set of all shards into a corpus.

    Args:
        out: The folder of the corpus.
        shards: Those of its shards.
        columns: Those of the training files.

    Returns:
        The names of its files.
    """
    names = dev_names(columns)
    for name in [names] if isinstance(names, str) else names:
        unfinished = out / f".{name}.unfinished"
        with open(unfinished, "wb") as file:
            if name == TABLE:
                file.write(header(columns).encode())
            for shard in shards:
                with open(shard / name, "rb") as part:
                    shutil.copyfileobj(part, file)
        unfinished.replace(out / name)
    return [names] if isinstance(names, str) else names
