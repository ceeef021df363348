"""The symbols' embeddings for TensorBoard's Projector tab: do vowels cluster, do similar letters?"""

import keras
import numpy as np

from pipeline.files import write_atomically
from pipeline.run_directory import RunDirectory
from pipeline.text import Vocabulary

MOST_SYMBOLS = 10_000  # the most frequent ones; the tab copes with no more
CONFIGURATION = "projector_config.pbtxt"


class EmbeddingProjector(keras.callbacks.Callback):
    """Writes both embeddings with a label for every symbol when a training ends.

    Args:
        run: Its `logs` are where to.
        source: Vocabulary of the layer "source_embedding".
        target: Vocabulary of the layer "target_embedding".
    """

    def __init__(self, run: RunDirectory, source: Vocabulary, target: Vocabulary) -> None:
        super().__init__()
        self.run, self.vocabularies = run, {"source": source, "target": target}

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Write."""
        parts = []
        for side, vocabulary in self.vocabularies.items():
            weights = np.asarray(self.model.get_layer(f"{side}_embedding").embeddings)[:MOST_SYMBOLS]
            rows = ("\t".join(f"{value:.5g}" for value in row) for row in weights)
            write_atomically(self.run.logs / f"{side}_embedding.tsv", "\n".join(rows) + "\n")
            labels = "\n".join(label(symbol) for symbol in vocabulary.symbols[:MOST_SYMBOLS])
            write_atomically(self.run.logs / f"{side}_symbols.tsv", labels + "\n")
            parts.append(
                f'embeddings {{\n  tensor_name: "{side} symbols"\n  tensor_path: "{side}_embedding.tsv"\n'
                f'  metadata_path: "{side}_symbols.tsv"\n}}\n'
            )
        write_atomically(self.run.logs / CONFIGURATION, "".join(parts))


def label(symbol: str) -> str:
    """A symbol as a line of its own: white space made visible.

    Example:
        >>> label(" "), label("a"), label("\\u2028")
        ('␣', 'a', 'U+2028')
    """
    if symbol == " ":
        return "␣"
    return symbol if symbol.isprintable() and symbol else " ".join(f"U+{ord(character):04X}" for character in symbol)
