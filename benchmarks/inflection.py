"""Inflection data as pairs of symbols: `python -m benchmarks.inflection PLACE OUT`.

PLACE holds `LANGUAGE-train-SIZE.tsv`, `LANGUAGE-dev.tsv` and `LANGUAGE-test.tsv` with the columns lemma, form and
features (joined by `;`), as those of CoNLL-SIGMORPHON 2018. OUT/SIZE gets `train`, `dev` and `test`, each with a TSV
file of every language, as `benchmarks.corpora` takes them: sources are the lemma's letters and then the features,
targets the form's letters, with blanks between; a blank within them is written ▁. The number of pairs is printed.
"""

import argparse
import unicodedata
from collections.abc import Iterator
from pathlib import Path

BLANK = "▁"
SPLITS = ("train", "dev", "test")


def letters(text: str) -> str:
    """Its code points in NFC, with blanks between: marks without a letter of their own are symbols.

    Example:
        >>> letters("a b")
        'a ▁ b'
    """
    return " ".join(unicodedata.normalize("NFC", text).replace(" ", BLANK))


def convert(path: Path) -> Iterator[str]:
    """The lines of a file, as pairs of symbols."""
    for line in path.read_text(encoding="utf-8").splitlines():
        lemma, form, features = line.split("\t")
        yield f"{letters(lemma)} {features.replace(';', ' ')}\t{letters(form)}\n"


def main() -> None:
    """Convert every language and size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inflection", description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    for training in sorted(options.place.glob("*-train-*.tsv")):
        language, _, size = training.stem.split("-")
        numbers = []
        for split in SPLITS:
            path = training if split == "train" else options.place / f"{language}-{split}.tsv"
            lines = list(convert(path))
            folder = options.out / size / split
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{language}_{split}.tsv").write_text("".join(lines), encoding="utf-8")
            numbers.append(f"{split} {len(lines):,}")
        print(f"{size}/{language}: {', '.join(numbers)}")


if __name__ == "__main__":
    main()
