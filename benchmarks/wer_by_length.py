"""WER by source length, side by side: `python -m benchmarks.wer_by_length RUN RUN … [--data FILE.tsv]`.

Prints a Markdown table to standard output. The default data are the test split of CMUdict.
"""

import argparse
from pathlib import Path

from pipeline.evaluation.evaluate import score_predictions
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import group_references
from pipeline.saved_models.loading import load_predictor

BINS = ((1, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 1000))


def main() -> None:
    """Decode the data with every model and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--data", default="cmudict")
    parser.add_argument("--beam", type=int)
    arguments = parser.parse_args()
    references = group_references(read_pairs(arguments.data, "test"))
    columns = [_by_length(model, references, arguments.beam) for model in arguments.models]
    print("| letters | words | " + " | ".join(model.name for model in arguments.models) + " |")
    print("|---|---|" + "---|" * len(columns))
    for row in columns[0]:
        rates = " | ".join(f"{column[row][1]:.1f} %" for column in columns)
        print(f"| {row} | {columns[0][row][0]:,} | {rates} |")


def _by_length(model: Path, references: dict[str, list[str]], beam: int | None) -> dict[str, tuple[int, float]]:
    predictor = load_predictor(model, beam_size=beam)
    predictions = dict(zip(references, predictor.predict(list(references)), strict=True))
    rows = {}
    for low, high in (*BINS, (1, 1000)):
        chosen = {source: targets for source, targets in references.items() if low <= len(source) <= high}
        if chosen:
            name = "all" if (low, high) == (1, 1000) else f"{low} and more" if high == 1000 else f"{low} to {high}"
            scores = score_predictions(
                [predictions[source] for source in chosen], list(chosen.values()), predictor.text
            )
            rows[name] = (scores.n, scores.figures["wer"])
    return rows


if __name__ == "__main__":
    main()
