"""The whole search as one graph of ids, for one source at a time and without anything that only TensorFlow has."""

from typing import Any

import tensorflow as tf

from pipeline.errors import UsageError
from pipeline.model.network import Network
from pipeline.prediction.id_search import IdSearch
from pipeline.prediction.string_model import Outputs, StringModel
from pipeline.search.position_loop import FixedArrays, loop
from pipeline.settings.search import SearchConfiguration
from pipeline.text.symbols import PAD, START

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
            rank_scores float32, lengths int32 and limited bool `[K]`; attention float32 `[K, target, source]`. Of a
            network with several heads, whose mean that is, also attention_heads float32 `[heads, target, source]` of
            the best output, 0 after its end; of one that copies also its copied float32 `[target]`, which share of a
            symbol's probability came of copying.
        """
        lengths = tf.shape(source)[1:]
        begun = self.network.begin(source, lengths)
        found = self._find_ids.go_on(begun, source, lengths, prefix, keep_attention=True)
        outputs = {
            "tokens": found.tokens[0],
            "scores": found.scores[0],
            "rank_scores": found.rank_scores[0],
            "lengths": found.lengths[0],
            "limited": found.limited[0],
            "attention": found.attention_weights[0],
        }
        if self.network.heads > 1 or self.network.copies:
            outputs |= _look_again(self.network, begun, found.tokens[0, 0], lengths[0])
        return outputs


def _look_again(network: Network, begun: tuple[Any, Any], tokens: tf.Tensor, width: tf.Tensor) -> Outputs:
    """What the search has not kept, of an output `[target]` that it has found: given it, once more."""
    state, memory = begun
    store = FixedArrays(tf.shape(tokens)[0], width)
    before = tf.concat([[START], tokens], axis=0)

    def body(position: Any, state: Any, arrays: Any) -> tuple[Any, ...]:
        state, weights, shares = network.look(before[position : position + 1], state, memory)
        found = [tf.cast(weights[0], tf.float32), tf.gather(shares[0], tokens[position])]
        return position + 1, state, store.write(arrays, position, found)

    arrays = store.make(tf.float32, [network.heads, None]), store.make(tf.float32, [])
    *_, (weights, shares) = loop(lambda position, *_: position < store.longest, body, (tf.constant(0), state, arrays))
    padding, outputs = tf.equal(tokens, PAD), {}
    if network.heads > 1:
        outputs["attention_heads"] = tf.transpose(tf.where(padding[:, None, None], 0.0, weights), [1, 0, 2])
    if network.copies:
        outputs["copied"] = tf.where(padding, 0.0, shares)
    return outputs


def require_convertible(search: SearchConfiguration) -> None:
    """Refuse what has to stay with TensorFlow.

    Raises:
        UsageError: Outputs are drawn at random.
    """
    if search.method == "sample":
        raise UsageError(
            "search.method sample: numbers drawn at random stay with --format savedmodel; give --search.method best"
        )
