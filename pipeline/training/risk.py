"""Minimum-risk training: in the last epochs what is made small is how wrong the model's own outputs are on average.

Shen et al. (2016), https://arxiv.org/abs/1512.02433. For every pair, outputs are drawn from the model; over the
distinct ones among them and the reference,

    Q(y) ∝ p(y | x) ** a        risk = Σ_y Q(y) r(y)        d risk = Σ_y a Q(y) (r(y) - risk) d log p(y | x)

where r(y) is the mean of two figures (as of Makarov & Clematide 2018): the edit distance to the pair's target over its
length, at most 1, and 1 if y is not the target.
"""

import functools
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from pipeline.model.losses import log_probabilities
from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.search.options import SearchOptions
from pipeline.search.position_loop import loop
from pipeline.search.sampling import Draws, of_round, sample_search, source_keys
from pipeline.settings.train import TrainConfiguration
from pipeline.text.symbols import END, PAD, START

NEGLIGIBLE = 0.01
"""Outputs whose weight is smaller (at most a quarter of the sharpness) are left out, which spares the time of their
passes through the network: most, when the model is nearly always right."""


class Candidates(NamedTuple):
    """Outputs of every source, the reference first."""

    targets: Any
    """`[batch, candidates, target]` ids."""
    weights: Any
    """`[batch, candidates]`: the risk's derivative by their log p; 0 of what does not count."""
    pairs: Any
    """How many there are in all batches of the step, by which the risk is divided."""


class MinimumRisk:
    """What `SequenceToSequence.train_step` asks for in the epochs of minimum risk.

    Args:
        model: That is trained.
        train: How many outputs are drawn, and how they count.
    """

    def __init__(self, model: SequenceToSequence, train: TrainConfiguration) -> None:
        self.model, self.train, self.network = model, train, SingleNetwork(model)

    def candidates(self, inputs: Any, targets: Any) -> Candidates:
        """Draw outputs of a batch and weigh them.

        What is drawn follows from the seed, the source and the number of the step, so that a training that goes on
        draws the same.

        Args:
            inputs: `[batch, source]` and `[batch, target]` ids.
            targets: `[batch, target]` ids.
        """
        source, length = inputs[0], tf.shape(targets)[1]
        lengths = tf.reduce_sum(tf.cast(tf.not_equal(source, PAD), tf.int32), axis=1)
        keys = of_round(source_keys(self.train.seed, source, lengths), self.model.optimizer.iterations)
        limits = tf.fill([tf.shape(source)[0]], length)
        samples = self.train.risk_samples
        draws, options = Draws(keys, samples, samples), SearchOptions(keep_attention=False)
        step = functools.partial(self.network.step, beams=samples)
        found = sample_search(step, *self.network.begin(source, lengths), limits, draws, options)
        drawn = tf.pad(found.tokens, [[0, 0], [0, 0], [0, length - tf.shape(found.tokens)[2]]], constant_values=PAD)
        logits, _ = self.model(inputs, training=False)
        own = tf.cast(log_probabilities(targets, logits), found.scores.dtype)
        outputs = tf.concat([targets[:, None], drawn], axis=1)
        log_p = tf.concat([own[:, None], found.scores], axis=1)
        real = tf.reduce_any(tf.not_equal(targets, PAD), axis=1)
        weights = weigh(log_p, risks(outputs, targets), first_ones(outputs) & real[:, None], self.train.risk_sharpness)
        pairs = tf.reduce_sum(tf.cast(real, tf.float32))
        [pairs] = self.model.cluster.sum([pairs])
        return Candidates(outputs, weights, tf.maximum(pairs, 1))

    def mix(self, loss: Any, logits: Any, candidates: Candidates) -> Any:
        """The loss of a batch, `risk_weight` of it the risk, as far as that depends on the references' log p.

        Args:
            loss: Without the risk.
            logits: `[batch, target, vocabulary]`, of the references.
            candidates: What `candidates` gave.
        """
        log_p = log_probabilities(candidates.targets[:, 0], logits)
        risk = self._risk(log_p, candidates.weights[:, 0], candidates)
        return (1 - self.train.risk_weight) * loss + risk

    def _risk(self, log_p: Any, weights: Any, candidates: Candidates) -> Any:
        """What has the derivatives of the risk by these log p."""
        return (
            self.train.risk_weight
            * tf.reduce_sum(tf.cast(weights, log_p.dtype) * log_p)
            / tf.cast(candidates.pairs, log_p.dtype)
        )

    def add_gradients(self, gradients: list[Any], source: Any, candidates: Candidates) -> list[Any]:
        """The gradients, and those of the risk as far as it depends on the log p of what was drawn.

        Args:
            gradients: Of all trainable variables, of what `mix` gave.
            source: `[batch, source]` ids.
            candidates: What `candidates` gave for them.
        """
        variables, rows = self.model.trainable_variables, tf.shape(source)[0]
        weights = candidates.weights[:, 1:]
        places = tf.cast(tf.where(tf.abs(weights) > NEGLIGIBLE), tf.int32)
        rounds = (tf.shape(places)[0] + rows - 1) // rows
        # As many at a time as the batch has rows: its memory and its shape, for which all is compiled already.
        places = tf.pad(places, [[0, rounds * rows - tf.shape(places)[0]], [0, 0]], constant_values=-1)

        def add(number: Any, so_far: list[Any]) -> tuple[Any, list[Any]]:
            here = places[number * rows : (number + 1) * rows]
            real, at = here[:, 0] >= 0, tf.maximum(here, 0)
            outputs = tf.gather_nd(candidates.targets[:, 1:], at)
            outputs = tf.ensure_shape(outputs, candidates.targets.shape[:1] + candidates.targets.shape[2:])
            starts = tf.fill([rows, 1], START)
            given = tf.gather(source, at[:, 0]), tf.concat([starts, outputs[:, :-1]], axis=1)
            with tf.GradientTape() as tape:
                logits, _ = self.model(given, training=True)
                shares = tf.where(real, tf.gather_nd(weights, at), 0)
                risk = self._risk(log_probabilities(outputs, logits), shares, candidates)
                scaled = self.model.optimizer.scale_loss(risk)
            more = [tf.convert_to_tensor(part) for part in tape.gradient(scaled, variables)]
            return number + 1, [before + part for before, part in zip(so_far, more, strict=True)]

        return loop(lambda number, _: number < rounds, add, (tf.constant(0), gradients))[1]


def first_ones(outputs: Any) -> Any:
    """`[batch, candidates]`, whether no candidate before it is the same, of ids `[batch, candidates, target]`."""
    same = tf.reduce_all(tf.equal(outputs[:, :, None], outputs[:, None]), axis=-1)
    numbers = tf.range(tf.shape(same)[1])
    return ~tf.reduce_any(same & (numbers[None] < numbers[:, None]), axis=-1)


def risks(outputs: Any, targets: Any) -> Any:
    """r of ids `[batch, candidates, target]` beside targets `[batch, target]`: `[batch, candidates]` float32, 0 to 1.

    Example:
        >>> outputs = [[[5, 6, 2, 0], [5, 7, 2, 0], [5, 2, 0, 0]]]
        >>> risks(tf.constant(outputs), tf.constant([[5, 6, 2, 0]])).numpy().tolist()
        [[0.0, 0.75, 0.75]]
    """
    wanted = tf.broadcast_to(targets[:, None], tf.shape(outputs))
    # The end symbol says nothing about the distance.
    symbols = [tf.sparse.from_dense(tf.where(tf.equal(ids, END), PAD, ids)) for ids in (outputs, wanted)]
    distances = tf.edit_distance(*symbols, normalize=False)
    lengths = tf.reduce_sum(tf.cast(tf.greater(wanted, END), tf.float32), axis=-1)
    wrong = tf.cast(tf.reduce_any(tf.not_equal(outputs, wanted), axis=-1), tf.float32)
    return (tf.minimum(distances / tf.maximum(lengths, 1), 1) + wrong) / 2


def weigh(log_p: Any, risk: Any, counts: Any, sharpness: float) -> Any:
    """The derivative of the expected risk by each log p, all `[batch, candidates]`; 0 where nothing counts.

    Args:
        log_p: Of the candidates.
        risk: r.
        counts: Which of them are in the sum.
        sharpness: a.
    """
    q = tf.where(counts, tf.nn.softmax(tf.where(counts, sharpness * log_p, log_p.dtype.min)), 0)
    mean = tf.reduce_sum(q * risk, axis=1, keepdims=True)
    return sharpness * q * (risk - mean)


class BeginRisk(keras.callbacks.Callback):
    """Has the model trained by risk from an epoch on.

    Args:
        train: From which, and how.
    """

    def __init__(self, train: TrainConfiguration) -> None:
        super().__init__()
        self.train = train

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin, if it is time."""
        if self.model.risk is None and epoch >= self.train.epochs - self.train.risk_epochs:
            self.model.set_risk(MinimumRisk(self.model, self.train))
            # What was traced before knows nothing of it.
            self.model.make_train_function(force=True)
