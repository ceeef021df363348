"""How many known errors `suspects` finds: `python -m benchmarks.suspects PAIRS DIRECTORY [options] [--data.… …]`.

2 % of the pairs of a corpus are corrupted, a quarter of these in each way: a symbol of the target substituted, left
out, added, or the targets of two pairs swapped. Recall at 2 % is the share of them among the first 2 % of the list.
PAIRS is what `data.train` takes; options that begin with a section's name go to `python -m pipeline suspects`. A JSON
object is the last line of stdout; the corruptions stand in DIRECTORY/corruptions.tsv.
"""

import argparse
import itertools
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs

KINDS = ("substituted", "left out", "added", "swapped")
Corrupted = dict[int, tuple[str, str]]
"""Kind and target by place."""


def corrupt(pairs: Sequence[Pair], share: float, seed: int, separator: str = " ") -> Corrupted:
    """Wrong targets for a share of the pairs; none is a target that its source has elsewhere.

    Args:
        pairs: All.
        share: How many of them, 0 to 1.
        seed: Of the choice.
        separator: Between the symbols of targets; '' where they are characters.

    Example:
        >>> pairs = [Pair(str(place), f"{place} {place + 1} x", place) for place in range(100)]
        >>> found = corrupt(pairs, 0.08, 1)
        >>> Counter(kind for kind, _ in found.values()) == Counter(dict.fromkeys(KINDS, 2))
        True
        >>> all(target != pairs[place].target for place, (_, target) in found.items())
        True
    """
    chance = random.Random(seed)
    known: dict[str, set[str]] = {}
    for pair in pairs:
        known.setdefault(pair.source, set()).add(pair.target)
    symbols = [symbol for pair in pairs for symbol in _cut(pair.target, separator)]
    pool = list(range(len(pairs)))
    chance.shuffle(pool)
    wanted, found = round(share * len(pairs)), Corrupted()
    # A swap makes two wrong pairs.
    for kind in itertools.cycle([*KINDS[:3], *KINDS[:3], KINDS[3]]):
        if len(found) >= wanted:
            break
        made: dict[int, str] = {}
        while not made:
            if len(pool) < 2:
                raise SystemExit("too few pairs for so many corruptions; give a smaller --share")
            places = [pool.pop() for _ in range(2 if kind == "swapped" else 1)]
            if kind == "swapped":
                made = {places[0]: pairs[places[1]].target, places[1]: pairs[places[0]].target}
            else:
                row = _cut(pairs[places[0]].target, separator)
                made = {places[0]: separator.join(_spoil(row, kind, chance, symbols))}
            if any(not target or target in known[pairs[place].source] for place, target in made.items()):
                made = {}
        found |= {place: (kind, target) for place, target in made.items()}
    return found


def _cut(target: str, separator: str) -> list[str]:
    return target.split(separator) if separator else list(target)


def _spoil(row: list[str], kind: str, chance: random.Random, symbols: Sequence[str]) -> list[str]:
    at = chance.randrange(len(row))
    put = {"substituted": [chance.choice(symbols)], "added": [row[at], chance.choice(symbols)], "left out": []}[kind]
    return [*row[:at], *put, *row[at + 1 :]]


def recall(ranked: Sequence[str], wrong: Sequence[str], first: int) -> float:
    """The share of the wrong ones, in percent, that stand among the first.

    Example:
        >>> recall(["3", "7", "1"], ["7", "1"], 2)
        50.0
    """
    return 100 * len(set(ranked[:first]) & set(wrong)) / max(1, len(wrong))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--separator", default=" ", help="between the symbols of targets; '' for characters")
    parser.add_argument("--most", type=int, help="take only so many pairs")
    arguments, settings = parser.parse_known_args()
    pairs = list(read_pairs(arguments.pairs, "train"))[: arguments.most]
    found = corrupt(pairs, arguments.share, arguments.seed, arguments.separator)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    data = arguments.directory / "corrupted.tsv"
    targets = [found[place][1] if place in found else pair.target for place, pair in enumerate(pairs)]
    rows = zip(pairs, targets, strict=True)
    data.write_text("".join(f"{pair.source}\t{target}\n" for pair, target in rows), encoding="utf-8")
    lines = (
        f"{place + 1}\t{kind}\t{pairs[place].source}\t{pairs[place].target}\t{target}\n"
        for place, (kind, target) in sorted(found.items())
    )
    (arguments.directory / "corruptions.tsv").write_text("".join(lines), encoding="utf-8")
    run = arguments.directory / "run"
    command = [sys.executable, "-m", "pipeline", "suspects", f"--data.train={data}", f"--run={run}", "--show=0"]
    subprocess.run([*command, *settings], check=True, stdout=sys.stderr)
    table = (run / "suspects.tsv").read_text(encoding="utf-8").splitlines()[1:]
    ranked = [row.split("\t")[0] for row in table]
    first = round(arguments.share * len(pairs))
    wrong = {kind: [str(place + 1) for place, (own, _) in found.items() if own == kind] for kind in KINDS}
    every = [line for lines in wrong.values() for line in lines]
    figures = {
        f"recall at {100 * part * arguments.share:g} %": recall(ranked, every, part * first) for part in (1, 2, 5)
    }
    by_kind = {kind: round(recall(ranked, lines, first), 2) for kind, lines in wrong.items()}
    shown = {name: round(value, 2) for name, value in figures.items()}
    counts = dict(Counter(kind for kind, _ in found.values()))
    print(json.dumps({"pairs": len(pairs), "corrupted": len(found), "kinds": counts, **shown, "by kind": by_kind}))


if __name__ == "__main__":
    main()
