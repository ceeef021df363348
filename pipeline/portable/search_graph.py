"""The whole search as one graph of ids, for one source at a time and without anything that only TensorFlow has."""

import tensorflow as tf

from pipeline.errors import UsageError
from pipeline.prediction.id_search import IdSearch
from pipeline.prediction.string_model import Outputs, StringModel
from pipeline.settings.search import SearchConfiguration

SOURCE_IDS = tf.TensorSpec([1, None], tf.int32, name="source")
PREFIX_IDS = tf.TensorSpec([1, None], tf.int32, name="prefix")


class SearchGraph(tf.Module):
    """The search of a model, the same that the model itself calls; what it finds is kept in plain tensors.

    Args:
        model: What is searched.

    Raises:
        UsageError: Its outputs are drawn at random, by numbers that other runtimes do not have.
    """

    def __init__(self, model: StringModel) -> None:
        super().__init__()
        require_convertible(model.search)
        self.network = model.network
        self._find_ids = IdSearch(model.network, model.search, model.n_best, fixed_arrays=True)

    @tf.function(input_signature=[SOURCE_IDS, PREFIX_IDS], autograph=False)
    def find(self, source: tf.Tensor, prefix: tf.Tensor) -> Outputs:
        """The outputs of a source.

        Args:
            source: `[1, source]` int32, closed by the end symbol.
            prefix: `[1, prefix]` int32, what outputs begin with, at least one number; 0 is padding.

        Returns:
            Of K outputs, best first: tokens int32 `[K, target]`, closed by the end symbol, then 0; scores and
            rank_scores float32, lengths int32 and limited bool `[K]`; attention float32 `[K, target, source]`.
        """
        lengths = tf.shape(source)[1:]
        found = self._find_ids(source, lengths, prefix, keep_attention=True)
        return {
            "tokens": found.tokens[0],
            "scores": found.scores[0],
            "rank_scores": found.rank_scores[0],
            "lengths": found.lengths[0],
            "limited": found.limited[0],
            "attention": found.attention_weights[0],
        }


def require_convertible(search: SearchConfiguration) -> None:
    """Refuse what has to stay with TensorFlow.

    Raises:
        UsageError: Outputs are drawn at random.
    """
    if search.method == "sample":
        raise UsageError(
            "search.method sample: numbers drawn at random stay with --format savedmodel; give --search.method best"
        )
