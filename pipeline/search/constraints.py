"""Which symbols may come next: limits, and a table of rules, each a setting of its own; a given beginning."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.search.result import last_size
from pipeline.text.symbols import END, PAD, START

NEVER = float("-inf")


class Rule:
    """One thing that outputs keep to. What a rule does not say costs nothing."""

    forbids_end = False
    """Whether it may keep an output from ending."""
    forbids_symbols = False
    """Whether it may take all symbols but the end away."""

    def ban(self, symbols: Any, position: Any) -> Any:
        """Symbols that no output may have at a position: bool `[vocabulary]`; None where there are none.

        Args:
            symbols: All of them, int32 `[vocabulary]`.
            position: How many came before, a scalar.
        """
        return None

    def begin(self, limits: Any) -> Any:
        """What `remember` keeps of every output at its start: a nest of `[rows, …]`."""
        return ()

    def remember(self, kept: Any, tokens: Any, position: Any) -> Any:
        """Note the previous symbols `[rows]`: those that the step at this position was given."""
        return kept

    def narrow(self, log_probabilities: Any, position: Any, kept: Any) -> Any:
        """log p `[rows, vocabulary]` with -inf for what an output may not have after what it had."""
        return log_probabilities


class MinLength(Rule):
    """Fewest symbols of an output, end symbol not counted, where its limit leaves room for them."""

    forbids_end = True

    def __init__(self, length: int) -> None:
        self.length = length

    def ban(self, symbols: Any, position: Any) -> Any:
        """No end before."""
        return tf.logical_and(symbols == END, position < self.length)


class BlockNgrams(Rule):
    """No n-gram of symbols of a length twice in an output, but for what its prefix repeats."""

    forbids_symbols = True

    def __init__(self, length: int) -> None:
        self.length = length

    def begin(self, limits: Any) -> Any:
        """The symbols so far, int32; before the first of them padding, as no symbol is."""
        longest = tf.reduce_max(tf.concat([[0], limits], axis=0))
        return tf.zeros([tf.shape(limits)[0], longest + self.length - 1], tf.int32)

    def remember(self, kept: Any, tokens: Any, position: Any) -> Any:
        """See `Rule`."""
        here = tf.range(tf.shape(kept)[1]) == position + self.length - 1
        return tf.where(here, tokens[:, None], kept)

    def narrow(self, log_probabilities: Any, position: Any, kept: Any) -> Any:
        """Take away every symbol that once followed what now ends the output."""
        before = self.length - 1
        kept = kept[:, : position + 1 + before]
        repeats = tf.fill([tf.shape(kept)[0], position + 1], True)
        for offset in range(before):
            repeats &= tf.equal(kept[:, offset : offset + position + 1], kept[:, offset + position + 1, None])
        places = tf.where(repeats)
        blocked = tf.cast(tf.gather_nd(kept[:, before:], places), tf.int64)
        entries = tf.stack([places[:, 0], blocked], axis=1)
        return tf.tensor_scatter_nd_update(log_probabilities, entries, tf.fill([tf.shape(entries)[0]], NEVER))


# By the setting `search.…` that asks for it; 0 does not.
RULES: dict[str, Callable[[int], Rule]] = {"min_length": MinLength, "block_ngrams": BlockNgrams}


def constrain(prefix: Any = None, **settings: int) -> "Constraints":
    """What outputs keep to.

    Args:
        prefix: See `Constraints`.
        settings: Values of rows of `RULES`.

    Returns:
        Constraints whose prefix ends in a column of padding.

    Example:
        >>> [type(rule).__name__ for rule in constrain(min_length=2, block_ngrams=0).rules]
        ['MinLength']
    """
    rules = tuple(RULES[name](settings[name]) for name in RULES if settings.get(name))
    return Constraints(rules, None if prefix is None else tf.pad(prefix, [[0, 0], [0, 1]]))


@dataclasses.dataclass(frozen=True)
class Constraints:
    """What outputs keep to beside their limits. The probabilities stay the model's: nothing is renormalised.

    The prefix comes before everything else; then the limit, at which only the end symbol is left; then the rules.

    Args:
        rules: Any number of them.
        prefix: `[batch, prefix]` int32, symbols that outputs begin with, padding on the right, one column of it at
            least; None where they are free.
    """

    rules: tuple[Rule, ...] = ()
    prefix: Any = None

    @property
    def may_leave_nothing(self) -> bool:
        """Whether an output can come to where no symbol may follow, not even the end."""
        return any(rule.forbids_end for rule in self.rules) and any(rule.forbids_symbols for rule in self.rules)

    def widen(self, limits: Any) -> Any:
        """Limits with room for the prefix and the end symbol."""
        if self.prefix is None:
            return limits
        return tf.maximum(limits, tf.reduce_sum(tf.cast(tf.not_equal(self.prefix, PAD), tf.int32), axis=1) + 1)

    def repeat(self, times: int) -> "Constraints":
        """For as many outputs of every input, one after the other."""
        return self if self.prefix is None else Constraints(self.rules, tf.repeat(self.prefix, times, axis=0))

    def begin(self, limits: Any) -> tuple[Any, ...]:
        """What `remember` keeps of every output at its start, rule by rule: nests of `[rows, …]`."""
        return tuple(rule.begin(limits) for rule in self.rules)

    def remember(self, kept: tuple[Any, ...], tokens: Any, position: Any) -> tuple[Any, ...]:
        """Note the previous symbols `[rows]`: those that the step at this position was given."""
        return tuple(rule.remember(part, tokens, position) for rule, part in zip(self.rules, kept, strict=True))

    def apply(self, log_probabilities: Any, position: Any, at_limit: Any, kept: tuple[Any, ...]) -> Any:
        """log p `[rows, vocabulary]` with -inf for what may not come at this position.

        Args:
            log_probabilities: The model's.
            position: Number of symbols that came before, a scalar.
            at_limit: `[rows]` bool, whether there is room for the end symbol only.
            kept: From `remember`.
        """
        # Outside of the graph where the size is known: this runs at every position.
        size = last_size(log_probabilities)
        symbols = np.arange(size, dtype=np.int32) if isinstance(size, int) else tf.range(size)
        banned = (symbols == PAD) | (symbols == START)
        for rule in self.rules:
            more = rule.ban(symbols, position)
            banned = banned if more is None else tf.logical_or(banned, more)
        never = tf.where(tf.expand_dims(at_limit, 1), symbols != END, banned)
        allowed = tf.where(never, NEVER, log_probabilities)
        for rule, part in zip(self.rules, kept, strict=True):
            allowed = rule.narrow(allowed, position, part)
        if self.prefix is None:
            return allowed
        forced = self._forced(position)
        only = tf.where(tf.equal(forced, symbols), log_probabilities, NEVER)
        return tf.where(tf.equal(forced, PAD), allowed, only)

    def _forced(self, position: Any) -> Any:
        """The prefix's symbol at a position, `[rows, 1]`; padding where it has ended."""
        here = tf.minimum(position, tf.shape(self.prefix)[1] - 1)  # its last column is padding
        return tf.expand_dims(tf.gather(self.prefix, here, axis=1), 1)


UNCONSTRAINED = Constraints()
