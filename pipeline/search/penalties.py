"""What hypotheses are ordered by, after Wu et al. (2016), https://arxiv.org/abs/1609.08144, equation 14.

rank = log p / lp + cp
lp = ((5 + length) / 6) ** a
cp = b * sum_j log(min(sum_t a_tj, 1))
"""

from typing import Any, NamedTuple

import tensorflow as tf

# The logarithm of attention that a position never got would be -inf, and no hypothesis better than another.
LEAST_ATTENTION = 1e-6


def penalize(scores: Any, lengths: Any, length_penalty: float) -> Any:
    """log p / ((5 + length) / 6) ** a, the end symbol counted in the length.

    Example:
        >>> float(penalize(tf.constant(-3.0), tf.constant(7), 1.0))
        -1.5
    """
    if length_penalty == 0:
        return scores
    return scores / ((5.0 + tf.cast(lengths, scores.dtype)) / 6.0) ** length_penalty


class Coverage(NamedTuple):
    """The coverage penalty cp: 0 where every source position was looked at, else below.

    Example:
        >>> coverage = Coverage(0.5, tf.constant([[True, True, False]]))
        >>> round(float(coverage.penalty(tf.constant([[1.2, 0.8, 0.0]]))[0]), 4)  # log(0.8) / 2
        -0.1116
    """

    weight: float
    """b."""
    mask: Any
    """`[rows, source]` bool, False on padding; the source's end symbol is a position like the others."""

    def repeat(self, times: int) -> "Coverage":
        """For as many hypotheses of every input, one after the other."""
        return self._replace(mask=tf.repeat(self.mask, times, axis=0))

    def penalty(self, attention: Any) -> Any:
        """cp `[rows]`; 0 where there is no attention at all, as with models that have none.

        Args:
            attention: `[rows, source]` float32, summed over a hypothesis's symbols, end symbol included.
        """
        logarithms = tf.math.log(tf.clip_by_value(attention, LEAST_ATTENTION, 1.0))
        missed = tf.reduce_sum(tf.where(self.mask, logarithms, 0.0), axis=-1)
        return tf.where(tf.reduce_any(attention > 0, axis=-1), self.weight * missed, 0.0)
