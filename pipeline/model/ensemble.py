"""Several models that vote, as one network."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from pipeline.model.network import SingleNetwork


class Ensemble(tf.Module):
    """Several models with the same vocabularies: the probability of a symbol is the mean of theirs.

    Attention weights are the mean of theirs too, of those that have attention.

    Args:
        members: At least one.
    """

    def __init__(self, members: Sequence[SingleNetwork]) -> None:
        super().__init__()
        self.members = list(members)
        # Where none attends, all their weights are zeros.
        self.looking = [index for index, member in enumerate(members) if member.attends] or list(range(len(members)))

    @contextlib.contextmanager
    def without_padding(self) -> Iterator[None]:
        """See `Network`."""
        with contextlib.ExitStack() as stack:
            for member in self.members:
                stack.enter_context(member.without_padding())
            yield

    def begin(self, source: tf.Tensor, lengths: tf.Tensor) -> tuple[Any, Any]:
        """See `Network`."""
        begun = [member.begin(source, lengths) for member in self.members]
        return tuple(state for state, _ in begun), tuple(memory for _, memory in begun)

    def step(self, tokens: tf.Tensor, state: Any, memory: Any, beams: int = 1) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """See `Network`; the logits are logarithms of probabilities."""
        steps = [
            member.step(tokens, its_state, its_memory, beams)
            for member, its_state, its_memory in zip(self.members, state, memory, strict=True)
        ]
        logits, states, weights = zip(*steps, strict=True)
        votes = [tf.nn.log_softmax(tf.cast(part, tf.float32)) for part in logits]
        # Members may differ in precision.
        looks = [tf.cast(weights[index], tf.float32) for index in self.looking]
        return _log_mean(votes), tuple(states), tf.add_n(looks) / len(looks)

    def take(self, memory: Any, rows: tf.Tensor) -> Any:
        """See `Network`."""
        return tuple(member.take(its, rows) for member, its in zip(self.members, memory, strict=True))

    def score(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`."""
        # The same as looked up in what all symbols have, without the mean of all of them.
        return _log_mean([member.score(source, lengths, target) for member in self.members])

    def log_probabilities(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`."""
        return _log_mean([member.log_probabilities(source, lengths, target) for member in self.members])

    @property
    def heads(self) -> int:
        """See `Network`: the members may have different numbers of them, so that only their means can be joined."""
        return 1

    def attend(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`."""
        found = [self.members[index].attend(source, lengths, target) for index in self.looking]
        means = [tf.reduce_mean(tf.cast(weights, tf.float32), axis=1, keepdims=True) for weights in found]
        return tf.add_n(means) / len(means)

    def look(self, tokens: tf.Tensor, state: Any, memory: Any) -> tuple[Any, tf.Tensor, tf.Tensor]:
        """See `Network`."""
        logs, states, shares, looks = [], [], [], []
        for index, (member, its_state, its_memory) in enumerate(zip(self.members, state, memory, strict=True)):
            logits, _, _ = member.step(tokens, its_state, its_memory)
            its_state, weights, its_shares = member.look(tokens, its_state, its_memory)
            logs.append(tf.nn.log_softmax(tf.cast(logits, tf.float32)))
            states.append(its_state)
            shares.append(its_shares)
            if index in self.looking:
                looks.append(tf.reduce_mean(tf.cast(weights, tf.float32), axis=1, keepdims=True))
        return tuple(states), tf.add_n(looks) / len(looks), _join_shares(logs, shares)

    @property
    def copies(self) -> bool:
        """See `Network`: whether a member does."""
        return any(member.copies for member in self.members)

    def share_copied(self, source: tf.Tensor, lengths: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """See `Network`: what members copied, of the sum of their probabilities."""
        logs = [member.score(source, lengths, target) for member in self.members]
        return _join_shares(logs, [member.share_copied(source, lengths, target) for member in self.members])


def _log_mean(log_probabilities: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.reduce_logsumexp(tf.stack(log_probabilities), axis=0) - math.log(len(log_probabilities))


def _join_shares(log_probabilities: Sequence[tf.Tensor], shares: Sequence[tf.Tensor]) -> tf.Tensor:
    """What members copied, as a share of the sum of their probabilities."""
    return tf.reduce_sum(tf.nn.softmax(tf.stack(log_probabilities), axis=0) * tf.stack(shares), axis=0)
