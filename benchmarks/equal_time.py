"""Settings that follow from the data beside a preset, at equal processor time: `python -m benchmarks.equal_time …`.

PLACE is as `benchmarks.corpora` has it. Every corpus is trained with `--config auto`, and on the same core, with the
tokenizers and the normal form that auto found, by a preset, to which as many epochs are given as fit into the processor
seconds that auto took (at least one; an epoch's are measured by a training of one). For every corpus: the development
figure of both and their processor seconds; what is there already is not trained again. With `--auto RUNS` auto's
trainings are those that `benchmarks.corpora PLACE RUNS --config auto` made on the same machine.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from benchmarks.corpora import Row, file_of, find_corpora, show, train_on, with_mean

FIGURES = ("val_wer", "val_bleu")


def compare(name: str, core: int, options: argparse.Namespace) -> Row:
    """Both trainings of a corpus, unless they are there."""
    figures = options.runs / f"{name}.json"
    if figures.exists():
        found: Row = json.loads(figures.read_text(encoding="utf-8"))
        return found
    data = [f"--data.{split}={file_of(options.place, split, name)}" for split in ("train", "dev")]
    data += [f"--{setting}" for setting in options.set]
    run = options.auto / name if options.auto else options.runs / f"{name}-auto"
    auto, took = _trained(run) if options.auto else train_on(core, run, [*data, "--config=auto"])
    text = _text_settings(run)
    preset = [*data, *text, f"--config={options.preset}"]
    probe = options.runs / f"{name}-probe"
    _, least = train_on(core, probe, [*preset, "--train.epochs=1"])
    epoch = json.loads((probe / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[0])["seconds"]
    budget = took["processor seconds"] - least["processor seconds"]
    epochs = max(1, 1 + round(budget / epoch))
    former, its = train_on(core, options.runs / f"{name}-former", [*preset, f"--train.epochs={epochs}"])
    row = {f"auto {key}": auto[key] for key in FIGURES if key in auto}
    row |= {f"former {key}": former[key] for key in FIGURES if key in former}
    row |= {"auto processor seconds": took["processor seconds"], "former processor seconds": its["processor seconds"]}
    row["former epochs"] = epochs
    figures.write_text(json.dumps(row), encoding="utf-8")
    return row


def _trained(run: Path) -> tuple[dict[str, Any], Row]:
    """What `benchmarks.corpora` found of a run: its result, and the seconds that it took."""
    result: dict[str, Any] = json.loads((run / "result.json").read_text(encoding="utf-8"))
    took: Row = json.loads(run.with_suffix(".json").read_text(encoding="utf-8"))
    return result, took


def _text_settings(run: Path) -> list[str]:
    """How a run cuts its strings, as options."""
    text: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["text"]
    names = ("source_tokenizer", "target_tokenizer", "source_separator", "target_separator", "normalization")
    return [f"--text.{name}={text[name]}" for name in names if text[name] is not None]


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equal_time", description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("runs", type=Path, help="where the runs are kept, and found again")
    parser.add_argument("--preset", default="cmudict", help="the other settings: a preset or a file")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--auto", type=Path, metavar="RUNS", help="left out: auto's trainings are done here")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of both, as of `train`")
    parser.add_argument("--only", nargs="*", default=[], metavar="CORPUS")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name in find_corpora(options.place, options.only):
        rows[name] = compare(name, options.core, options)
        print(show(name, rows[name]), file=sys.stderr, flush=True)
    print(json.dumps(with_mean(rows)))


if __name__ == "__main__":
    main()
