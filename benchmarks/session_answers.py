"""What exports answer in a session, as TensorFlow Serving, C, Go and Java run them: `session_answers.py FOLDER [fast]`.

FOLDER holds exports, and `inputs.json`: a list of batches, each with the inputs of all signatures by name. The answers
of every export go to `NAME.json` beside it. Only TensorFlow and tensorflow-text are needed: it is run as a file, where
nothing of this project can be imported. Bytes stand in JSON as the characters U+0000 to U+00FF. With `fast`, graphs are
not optimised, which takes longer than running them once.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401, its operations are in the graphs

Batch = dict[str, list[Any]]


def answers(export: Path, batches: list[Batch], config: Any) -> dict[str, list[dict[str, Any]]]:
    """By signature, what it answers to every batch."""
    with tf.Graph().as_default(), tf.compat.v1.Session(config=config) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(export))
        names = [name for name in meta.signature_def if not name.startswith("__")]
        return {name: [_run(session, meta.signature_def[name], batch) for batch in batches] for name in names}


def _run(session: tf.compat.v1.Session, signature: Any, batch: Batch) -> dict[str, Any]:
    feeds = {spec.name: array(batch[name], len(spec.tensor_shape.dim)) for name, spec in signature.inputs.items()}
    found = session.run({name: spec.name for name, spec in signature.outputs.items()}, feeds)
    return {name: {"shape": value.shape, "values": plain(value.ravel().tolist())} for name, value in found.items()}


def array(values: list[Any], rank: int) -> np.ndarray:
    """Strings from JSON, or rows of them."""
    strings = [[part.encode("latin-1") for part in row] if rank > 1 else row.encode("latin-1") for row in values]
    return np.array(strings, object).reshape(len(values), *([-1] if values else [0])[: rank - 1])


def plain(values: list[Any]) -> list[Any]:
    """Values as JSON has them."""
    return [value.decode("latin-1") if isinstance(value, bytes) else value for value in values]


def main() -> None:
    """Answer for every export."""
    folder = Path(sys.argv[1])
    batches = json.loads((folder / "inputs.json").read_text(encoding="utf-8"))
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = "fast" in sys.argv[2:]
    for export in sorted(path for path in folder.iterdir() if path.is_dir()):
        found = answers(export, batches, config)
        (folder / f"{export.name}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
