"""Is the export the run? `python -m benchmarks.export_parity RUN [--data FILE.tsv]`.

Decodes every source of the test split with the run directory, and with its `export/` in a fresh process that
imports only TensorFlow and tensorflow-text; compares strings, scores and attention. Prints one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pipeline.pairs.reading import read_pairs
from pipeline.pairs.references import group_references
from pipeline.saved_models.loading import load_predictor

BATCH = 5000
FRESH = """
import json, sys
import numpy as np
import tensorflow as tf
import tensorflow_text

model = tf.saved_model.load(sys.argv[1])
sources = json.load(open(sys.argv[2], encoding="utf-8"))
texts, scores, worst_sum, on_padding = [], [], 0.0, 0.0
for first in range(0, len(sources), int(sys.argv[3])):
    out = model.signatures["explain"](source=tf.constant(sources[first : first + int(sys.argv[3])]))
    texts += [text.decode() for text in out["text"].numpy()]
    scores += out["score"].numpy().tolist()
    attention = out["attention"].numpy()
    rows = np.arange(attention.shape[1]) < out["target_length"].numpy()[:, None]
    columns = np.arange(attention.shape[2]) < out["source_length"].numpy()[:, None]
    worst_sum = max(worst_sum, float(np.abs(attention.sum(-1)[rows] - 1).max()))
    on_padding = max(on_padding, float(np.abs(attention * ~columns[:, None]).max()))
json.dump([texts, scores, worst_sum, on_padding], open(sys.argv[4], "w", encoding="utf-8"))
"""


def main() -> None:
    """Decode twice, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", default="cmudict")
    arguments = parser.parse_args()
    sources = list(group_references(read_pairs(arguments.data, "test")))
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "sources.json", Path(folder) / "answer.json"
        given.write_text(json.dumps(sources), encoding="utf-8")
        export = str(arguments.run / "export")
        subprocess.run([sys.executable, "-c", FRESH, export, str(given), str(BATCH), str(answer)], check=True)
        texts, scores, worst_sum, on_padding = json.loads(answer.read_text(encoding="utf-8"))
    predictions = load_predictor(arguments.run).predict(sources)
    result = {
        "n": len(sources),
        "different_texts": sum(text != p.texts[0] for text, p in zip(texts, predictions, strict=True)),
        "largest_score_difference": float(np.max(np.abs(np.array(scores) - [p.scores[0] for p in predictions]))),
        "largest_row_sum_error": worst_sum,
        "largest_weight_on_padding": on_padding,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
