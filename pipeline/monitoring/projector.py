"""The symbols' embeddings for TensorBoard's Projector tab: do vowels cluster, do similar letters?"""

import unicodedata

import keras
import numpy as np

from pipeline.files.durable import write_atomically
from pipeline.model.sequence_to_sequence import find_layer
from pipeline.monitoring.board import TRAIN
from pipeline.runs.directory import RunDirectory
from pipeline.text.symbols import SPECIAL_SYMBOLS
from pipeline.text.vocabulary import Vocabulary
from pipeline.unicode.visible import visible

MOST_SYMBOLS = 10_000  # the most frequent ones; the tab copes with no more
CONFIGURATION = "projector_config.pbtxt"
# By Unicode's general category, or its first letter.
KINDS = {
    "Lu": "capital letter",
    "Ll": "lowercase letter",
    "L": "letter",
    "M": "mark",
    "N": "digit",
    "P": "punctuation",
    "S": "sign",
    "Z": "space",
}


def write_embeddings(run: RunDirectory, model: keras.Model, source: Vocabulary, target: Vocabulary) -> None:
    """Write both embeddings with a label for every symbol.

    Args:
        run: Its directory for TensorBoard is where to.
        model: From `pipeline.model.sequence_to_sequence.build_model`.
        source: Vocabulary of the former.
        target: Vocabulary of the latter.

    Raises:
        OSError: They cannot be written.
    """
    # The tab looks where events are.
    place = run.logs / TRAIN
    place.mkdir(parents=True, exist_ok=True)
    parts = []
    for side, vocabulary in {"source": source, "target": target}.items():
        weights = np.asarray(find_layer(model, f"{side}_embedding").embeddings)[:MOST_SYMBOLS]
        rows = ("\t".join(f"{value:.5g}" for value in row) for row in weights)
        write_atomically(place / f"{side}_embedding.tsv", "\n".join(rows) + "\n")
        write_atomically(place / f"{side}_symbols.tsv", metadata(vocabulary))
        parts.append(
            f'embeddings {{\n  tensor_name: "{side} symbols"\n  tensor_path: "{side}_embedding.tsv"\n'
            f'  metadata_path: "{side}_symbols.tsv"\n}}\n'
        )
    write_atomically(place / CONFIGURATION, "".join(parts))


def metadata(vocabulary: Vocabulary) -> str:
    """A line for every symbol: its label, and what it may be coloured by, the place by frequency and its kind.

    Example:
        >>> metadata(Vocabulary(["a", "7"])).splitlines()[-2:]
        ['a\\t1\\tlowercase letter', '7\\t2\\tdigit']
    """
    rows = ["symbol\trank\tkind"]
    for place, symbol in enumerate(vocabulary.symbols[:MOST_SYMBOLS]):
        rank = place - len(SPECIAL_SYMBOLS) + 1
        rows.append(f"{visible(symbol)}\t{max(rank, 0)}\t{kind(symbol) if rank > 0 else 'special'}")
    return "\n".join(rows) + "\n"


def kind(symbol: str) -> str:
    """What a symbol is by its first character, as Unicode's general categories have it."""
    category = unicodedata.category(symbol[0])
    return KINDS.get(category) or KINDS.get(category[0]) or "other"
