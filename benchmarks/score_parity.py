"""Are a model's scores those of its search? `python -m benchmarks.score_parity MODEL FILE [--beam 5]`.

Decodes every distinct source of a file (TSV or two aligned files, as for `evaluate`), then scores the outputs: once as
the symbols that the search found, once as plain text, which is cut into symbols anew. The former must have the search's
score; of the latter those texts that are cut as the search had cut them, whose share is reported. One JSON object.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from pipeline.pairs.pair_file import Pair
from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import group_references
from pipeline.prediction.scoring import score_pairs
from pipeline.saved_models.loading import load_predictor
from pipeline.text.vocabulary import escape

TOLERANCE = 1e-4


def main() -> None:
    """Decode, score, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data")
    parser.add_argument("--beam", type=int)
    arguments = parser.parse_args()
    predictor = load_predictor(arguments.model, arguments.beam)
    sources = list(group_references(read_pairs(arguments.data, "test"), predictor.text))
    predictions = predictor.predict(sources)
    searched = np.array([prediction.scores[0] for prediction in predictions])
    tokens = [" ".join(map(escape, prediction.target_tokens)) for prediction in predictions]

    def score(targets: list[str], as_tokens: bool) -> np.ndarray:
        pairs = (Pair(*pair, line) for line, pair in enumerate(zip(sources, targets, strict=True), 1))
        return np.array(list(score_pairs(predictor, pairs, as_tokens)))

    by_tokens = np.abs(score(tokens, True) - searched)
    by_text = np.abs(score([prediction.texts[0] for prediction in predictions], False) - searched)
    result = {
        "n": len(sources),
        "tokens_worst": float(by_tokens.max()),
        "tokens_within": float((by_tokens <= TOLERANCE).mean()),
        "texts_within": float((by_text <= TOLERANCE).mean()),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
