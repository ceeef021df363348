"""Train, dev and test of one file of pairs: `python -m benchmarks.split_pairs FILE DIRECTORY [--columns 2 1]`.

No target stands in two of them: exports of Tatoeba have several sources of one and the same sentence. Distinct
targets are drawn with a seed, so that the same file gives the same split. Columns are counted from 1, source first.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files.lines import read_lines

PARTS = ("test", "dev", "train")


def read_columns(path: str, columns: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """Of every line the TAB-separated columns asked for, from 1.

    Raises:
        DataError: The file cannot be read, or a line lacks a column.
    """
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        if max(columns) > len(fields):
            raise DataError(f"{path}:{number}: only {len(fields)} TAB-separated columns; give other --columns")
        yield tuple(fields[column - 1] for column in columns)


def split(rows: list[tuple[str, str]], share: float, seed: int) -> dict[str, list[tuple[str, str]]]:
    """The rows by part; test and dev have this share of the distinct targets each.

    Example:
        >>> parts = split([("a", "A"), ("á", "A"), ("b", "B"), ("c", "C")], share=0.34, seed=1)
        >>> {name: len({target for _, target in rows}) for name, rows in parts.items()}
        {'test': 1, 'dev': 1, 'train': 1}
    """
    targets = sorted({target for _, target in rows})
    random.Random(seed).shuffle(targets)
    size = max(1, int(share * len(targets)))
    part_of = {target: PARTS[min(place // size, 2)] for place, target in enumerate(targets)}
    return {part: [row for row in rows if part_of[row[1]] == part] for part in PARTS}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="TSV, .gz or not")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--columns", type=int, nargs=2, default=(1, 2), metavar=("SOURCE", "TARGET"))
    parser.add_argument("--part", type=float, default=0.05, help="share of dev and of test")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        rows = [(source, target) for source, target in read_columns(arguments.file, arguments.columns)]
    except DataError as error:
        parser.error(str(error))
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for name, part in split(rows, arguments.part, arguments.seed).items():
        text = "".join(f"{source}\t{target}\n" for source, target in part)
        (arguments.directory / f"{name}.tsv").write_text(text, encoding="utf-8")
        print(f"{name}: {len(part):,} pairs")


if __name__ == "__main__":
    main()
