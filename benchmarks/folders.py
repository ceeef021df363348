"""Exports side by side: `python -m benchmarks.folders [RUN] [--words 12604] [--repeats 7]`, of a run of CMUdict.

For beam size 5 and greedy search, a SavedModel, and folders for LiteRT (float32, float16, int8) and ONNX Runtime:
their sizes; the test words' outputs, how many are the SavedModel's, and the error rate; one word from a cold start,
wall time, processor time and memory of the whole process, next to `predict RUN` and `predict EXPORT` and, where PyTorch
is installed, to its twin of `benchmarks.start_up`; one word of an open model, in turns. A table goes to stderr, a JSON
object to the last line of stdout.
"""

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

KINDS = {
    "savedmodel": [],
    "litert": ["--format", "litert"],
    "litert float16": ["--format", "litert", "--precision", "float16"],
    "litert int8": ["--format", "litert", "--precision", "int8"],
    "onnx": ["--format", "onnx"],
}
BEAMS = (1, 5)
WORD = "attention"
COMMAND = [sys.executable, "-m", "pipeline"]
SHORTEST_TURN = 0.5
Row = dict[str, Any]


def export(run: Path, place: Path, kind: str, beam: int) -> Row:
    """Export, and tell the sizes in MB and the seconds."""
    began = time.perf_counter()
    command = [*COMMAND, "export", str(run), str(place), "--beam", str(beam), *KINDS[kind]]
    subprocess.run(command, check=True, capture_output=True)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return {"MB": round(size / 1e6, 2), "export seconds": round(time.perf_counter() - began, 1)}


def answer(place: Path, words: Sequence[str]) -> list[str]:
    """Best outputs by `predict`."""
    found = subprocess.run(
        [*COMMAND, "predict", str(place)], input="\n".join(words) + "\n", text=True, check=True, capture_output=True
    )
    return found.stdout.splitlines()


def start(command: Sequence[str]) -> Row:
    """One word from a cold start."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin
    assert process.stdout
    process.stdin.write(WORD.encode() + b"\n")
    process.stdin.close()
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status or not said.strip():
        raise RuntimeError(f"{' '.join(command)}: no answer")
    seconds = {"seconds": time.perf_counter() - began, "processor seconds": used.ru_utime + used.ru_stime}
    return {**seconds, "MiB": used.ru_maxrss / 1024}


def _torch_twin(scratch: Path) -> list[str]:
    """Save it, in a process of its own; the command that answers with it."""
    save = "import sys, pathlib, benchmarks.start_up as it; it.save_models(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", save, str(scratch)], check=True, capture_output=True)
    return [sys.executable, "-m", "benchmarks.start_up", "--side", "pytorch predict", "--folder", str(scratch)]


def measure_starts(run: Path, places: dict[str, Path], repeats: int, scratch: Path) -> dict[str, Row]:
    """Medians over processes, in turns."""
    commands = {f"predict {name}": [*COMMAND, "predict", str(place)] for name, place in places.items()}
    commands = {"predict RUN": [*COMMAND, "predict", str(run)], **commands}
    for name, place in places.items():
        if (place / "attentif_runtime.py").is_file():
            commands[f"attentif_runtime.py, {name}"] = [sys.executable, str(place / "attentif_runtime.py"), str(place)]
    if importlib.util.find_spec("torch"):
        commands["PyTorch's twin"] = _torch_twin(scratch)
    found: dict[str, list[Row]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            found[name].append(start(command))
    return {
        name: {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}
        for name, rows in found.items()
    }


def open_model(place: Path) -> Callable[[str], str]:
    """A function of one word."""
    if (place / "attentif_runtime.py").is_file():
        from pipeline.runtime.model import Model

        model = Model(place)
        return lambda word: model.predict([word])[0].texts[0]
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (its operations)

    loaded = tf.saved_model.load(str(place))
    serve = loaded.signatures["serving_default"]

    def decode(word: str) -> str:
        assert loaded is not None  # the signature alone would not keep it alive
        text: bytes = serve(source=tf.constant([word]))["text"].numpy()[0]
        return text.decode()

    return decode


def measure_speed(places: dict[str, Path], words: Sequence[str], repeats: int) -> dict[str, Row]:
    """Milliseconds a word, in turns."""
    from benchmarks.turns import quartiles, take_turns

    def side(place: Path) -> Callable[[], object]:
        decode, following = open_model(place), itertools.cycle(words)
        return lambda: decode(next(following))

    times = take_turns({name: side(place) for name, place in places.items()}, repeats, SHORTEST_TURN)
    return {name: quartiles([1000 * value for value in values]) for name, values in times.items()}


def compare(places: dict[str, Path], count: int) -> tuple[list[str], dict[str, Row]]:
    """The test words, and how each kind answers them."""
    from pipeline.evaluation.error_rates import error_counts, wer_of
    from pipeline.pairs.reading import read_pairs
    from pipeline.pairs.references import group_references

    references = group_references(itertools.islice(read_pairs("cmudict", "test"), count))
    words, found = list(references), {}
    alternatives = [[one.split() for one in references[word]] for word in words]
    answers = {kind: answer(place, words) for kind, place in places.items()}
    for kind, texts in answers.items():
        totals = error_counts([text.split() for text in texts], alternatives).sum(axis=0)
        same = sum(mine == its for mine, its in zip(texts, answers["savedmodel"], strict=True))
        found[kind] = {"words": len(words), "as savedmodel": same, "WER": round(float(wer_of(totals)), 3)}
    return words, found


def measure(run: Path, count: int, repeats: int, scratch: Path) -> dict[str, Any]:
    """Everything that is printed."""
    results: dict[str, Any] = {}
    places = {beam: {kind: scratch / f"{beam}-{kind.replace(' ', '-')}" for kind in KINDS} for beam in BEAMS}
    for beam in BEAMS:
        exports = {kind: export(run, place, kind, beam) for kind, place in places[beam].items()}
        results[f"beam {beam}"] = {"exports": exports}
    # While this process is small: the system counts what it had before it became another program.
    results[f"beam {beam}"]["cold start"] = measure_starts(run, places[beam], repeats, scratch)
    for beam in BEAMS:
        words, found = compare(places[beam], count)
        results[f"beam {beam}"]["answers"] = found
        results[f"beam {beam}"]["one word, ms"] = measure_speed(places[beam], words[:200], repeats)
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folders", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/cmudict"))
    parser.add_argument("--words", type=int, default=1 << 20)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = measure(arguments.run, arguments.words, arguments.repeats, Path(scratch))
    for name, parts in results.items():
        for part, rows in parts.items():
            for kind, row in rows.items():
                figures = " ".join(f"{key} {value}" for key, value in row.items())
                print(name, part, kind, figures, sep="\t", file=sys.stderr)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
