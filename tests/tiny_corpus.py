"""A small prepared corpus: words in three files, and the same words spelt backwards."""

import random
from pathlib import Path
from typing import Any

from pipeline.preparing.prepare import prepare_corpus
from pipeline.settings.configuration import Configuration
from pipeline.settings.configure import configure

FILES, PAIRS = 3, 150


def write_files(folder: Path, files: int = FILES, pairs: int = PAIRS) -> str:
    """The pattern of the files."""
    folder.mkdir()
    chance = random.Random(1)
    words: dict[str, None] = {}
    while len(words) < files * pairs:
        words["".join(chance.choices("abcdefgh", k=chance.randint(1, 9)))] = None
    every = list(words)
    for number in range(files):
        own = every[number * pairs : (number + 1) * pairs]
        lines = "".join(f"{word}\t{' '.join(word[::-1])}\n" for word in own)
        (folder / f"part-{number}.tsv").write_text(lines, encoding="utf-8")
    return str(folder / "*.tsv")


def settings(train: str, **changes: Any) -> Configuration:
    """Changes are by `section.key`, with `__` for the dot."""
    base = {"data.train": train, "data.batch_tokens": 200, "data.buckets": 2, "data.max_length": 20}
    return configure("cmudict", {**base, **{key.replace("__", "."): value for key, value in changes.items()}})


def prepare_tiny(folder: Path, lanes: int = 4, workers: int = 1, **changes: Any) -> Path:
    """The folder of a corpus that is prepared in this process."""
    train = str(folder / "in" / "*.tsv") if (folder / "in").is_dir() else write_files(folder / "in")
    prepare_corpus(settings(train, **changes), folder / "corpus", lanes, workers)
    return folder / "corpus"


def content_of(folder: Path) -> dict[str, bytes]:
    """All files that count, by their names."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    # What differs is only when files were written.
    kept = (path for path in paths if ".prepare" not in path.parts and path.name != "shard.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}
