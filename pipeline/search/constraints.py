"""Which symbols may come next: limits, shortest length, no n-gram twice, a given beginning."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.text.symbols import END, PAD, START

NEVER = float("-inf")


class Constraints(NamedTuple):
    """What outputs keep to beside their limits. The probabilities stay the model's: nothing is renormalised.

    The prefix comes before everything else; then the limit, at which only the end symbol is left; then the rest.
    """

    min_length: int = 0
    """Fewest symbols of an output, end symbol not counted, where its limit leaves room for them."""
    block_ngrams: int = 0
    """No n-gram of symbols of this length twice in an output, but for what the prefix repeats; 0 allows all."""
    prefix: Any = None
    """`[batch, prefix]` int32, symbols that outputs begin with, padding on the right; None where they are free."""

    @property
    def may_leave_nothing(self) -> bool:
        """Whether an output can come to where no symbol may follow, not even the end."""
        return self.min_length > 0 and self.block_ngrams > 0

    def widen(self, limits: Any) -> Any:
        """Limits with room for the prefix and the end symbol."""
        if self.prefix is None:
            return limits
        return tf.maximum(limits, tf.reduce_sum(tf.cast(tf.not_equal(self.prefix, PAD), tf.int32), axis=1) + 1)

    def repeat(self, times: int) -> "Constraints":
        """For as many outputs of every input, one after the other."""
        return self if self.prefix is None else self._replace(prefix=tf.repeat(self.prefix, times, axis=0))

    def begin(self, limits: Any) -> Any:
        """What `remember` keeps of every output at its start: a nest of `[rows, …]`, empty without n-grams."""
        if not self.block_ngrams:
            return ()
        # The first n-gram to look for begins before the first symbol: padding, as no symbol is.
        longest = tf.reduce_max(tf.concat([[0], limits], axis=0))
        return tf.zeros([tf.shape(limits)[0], longest + self.block_ngrams - 1], tf.int32)

    def remember(self, said: Any, tokens: Any, position: Any) -> Any:
        """Note the previous symbols `[rows]`: those that the step at this position was given."""
        if not self.block_ngrams:
            return said
        here = tf.range(tf.shape(said)[1]) == position + self.block_ngrams - 1
        return tf.where(here, tokens[:, None], said)

    def apply(self, log_probabilities: Any, position: Any, at_limit: Any, said: Any) -> Any:
        """log p `[rows, vocabulary]` with -inf for what may not come at this position.

        Args:
            log_probabilities: The model's.
            position: Number of symbols that came before, a scalar.
            at_limit: `[rows]` bool, whether there is room for the end symbol only.
            said: From `remember`.
        """
        # Outside of the graph where the size is known: this runs at every position.
        size = log_probabilities.shape[-1]
        symbols = tf.range(tf.shape(log_probabilities)[-1]) if size is None else np.arange(size, dtype=np.int32)
        banned = (symbols == PAD) | (symbols == START)
        if self.min_length:
            banned = tf.logical_or(banned, tf.logical_and(symbols == END, position < self.min_length))
        never = tf.where(tf.expand_dims(at_limit, 1), symbols != END, banned)
        allowed = tf.where(never, NEVER, log_probabilities)
        if self.block_ngrams:
            allowed = self._without_repeats(allowed, position, said)
        if self.prefix is None:
            return allowed
        forced = self._forced(position)
        only = tf.where(tf.equal(forced, symbols), log_probabilities, NEVER)
        return tf.where(tf.equal(forced, PAD), allowed, only)

    def _without_repeats(self, log_probabilities: Any, position: Any, said: Any) -> Any:
        """Take away every symbol that once followed what now ends the output."""
        before = self.block_ngrams - 1
        said = said[:, : position + 1 + before]
        repeats = tf.fill([tf.shape(said)[0], position + 1], True)
        for offset in range(before):
            repeats &= tf.equal(said[:, offset : offset + position + 1], said[:, offset + position + 1, None])
        places = tf.where(repeats)
        blocked = tf.cast(tf.gather_nd(said[:, before:], places), tf.int64)
        entries = tf.stack([places[:, 0], blocked], axis=1)
        return tf.tensor_scatter_nd_update(log_probabilities, entries, tf.fill([tf.shape(entries)[0]], NEVER))

    def _forced(self, position: Any) -> Any:
        """The prefix's symbol at a position, `[rows, 1]`; padding where it has ended."""
        here = self.prefix[:, position : position + 1]
        return tf.reduce_sum(here, axis=1, keepdims=True)  # of one column, or of none
