"""A lexicon of exceptions in the graph: a table beside the vocabulary, whose answers take the place of the search's."""

import tensorflow as tf

from pipeline.answering.lexicon import Lexicon
from pipeline.answering.predictions import LEXICON, MODEL

_OF_MODEL = ("target_tokens", "attention", "target_length", "attention_heads", "copied")


class LexiconTable(tf.Module):
    """Answers what stands in a lexicon.

    Args:
        lexicon: From `pipeline.answering.lexicon.read_lexicon`.
        n_best: How many targets of a source are kept.

    Example:
        >>> table = LexiconTable({"a": ["A", "Ä"]}, n_best=1)
        >>> found = table({"texts": tf.constant([["x"], ["y"]])}, tf.constant(["a", "b"]))
        >>> found["texts"].numpy().tolist(), found["answered_by"].numpy().tolist()
        ([[b'A'], [b'y']], [b'lexicon', b'model'])
    """

    def __init__(self, lexicon: Lexicon, n_best: int) -> None:
        super().__init__()
        # Row 0 is of what the lexicon lacks. A tensor made here stands once in an export, not in each of its functions.
        rows = tf.range(1, len(lexicon) + 1, dtype=tf.int32)
        entries = tf.lookup.KeyValueTensorInitializer(tf.constant(list(lexicon), tf.string), rows)
        self.table = tf.lookup.StaticHashTable(entries, 0)
        kept = [[*targets, *[""] * n_best][:n_best] for targets in ([], *lexicon.values())]
        self.targets = tf.constant(kept, tf.string)

    def __call__(self, outputs: dict[str, tf.Tensor], sources: tf.Tensor) -> dict[str, tf.Tensor]:
        """Put what the lexicon has in the place of what was found.

        Args:
            outputs: As of `StringModel.decode`, or some of them.
            sources: `[batch]` strings as they were read.

        Returns:
            The same and answered_by `[batch]`. Answers of the lexicon have the score 0, and no symbols and no
            attention: nobody looked at anything.
        """
        row = self.table.lookup(sources)
        known, targets = row > 0, tf.gather(self.targets, row)
        if "texts" in outputs:  # of which there may be fewer
            targets = targets[:, : tf.shape(outputs["texts"])[1]]
        scores = tf.where(tf.equal(targets, ""), -float("inf"), 0.0)
        ours = {"texts": targets, "scores": scores, "rank_scores": scores, "limited": tf.zeros_like(targets, tf.bool)}
        changed = {}
        for name, found in outputs.items():
            if name in ours or name in _OF_MODEL:
                mask = tf.reshape(known, [-1, *[1] * (len(found.shape) - 1)])
                changed[name] = tf.where(mask, ours.get(name, tf.zeros([], found.dtype)), found)
        return {**outputs, **changed, "answered_by": tf.where(known, LEXICON, MODEL)}
