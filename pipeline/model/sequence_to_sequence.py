"""The functional model, and the one builder that knows both the configuration and the layers."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from layers import (
    BatchShare,
    Copying,
    Dropout,
    FeatureMemory,
    SymbolDropout,
    share_of_batch,
)
from pipeline.cluster.cluster import ALONE, Cluster, refuse_strategies
from pipeline.model.embeddings import (
    SHARED_EMBEDDING,
    SOURCE_EMBEDDING,
    TARGET_EMBEDDING,
    full_precision,
    make_embedding,
)
from pipeline.model.losses import Lesson, Risk, count_right, symmetric_divergence, token_cross_entropy
from pipeline.model.source_reading import make_encoder, read_beside
from pipeline.model.target_writing import make_decoder
from pipeline.process.xla_cache import name_functions_alike
from pipeline.settings.model import ModelConfiguration
from pipeline.text.symbols import END, PAD

FEATURES = "features"
DROPOUTS = (SOURCE_EMBEDDING, "encoder", TARGET_EMBEDDING, "decoder", "source_symbols", "target_symbols", FEATURES)


@keras.saving.register_keras_serializable(package="attentif")
class SequenceToSequence(keras.Model):
    """A functional model from `source` and `target_inputs` ids to `logits` and `attention_weights`.

    Inputs are `[batch, source]` and `[batch, target]` int32, the latter being the target shifted right by
    the start symbol; outputs `[batch, target, vocabulary]` and `[batch, target, source]`. Training data are
    ((source, target_inputs), targets), or with a teacher ((source, target_inputs), (targets, symbols, probabilities)),
    see `pipeline.model.losses.Lesson`. The loss is divided by the number of real target symbols of the whole
    batch, so that padding, and the share of the batch that each of several processes has, change nothing
    (`set_cluster`). Under a strategy of tf.distribute it is not trained: Keras would clip every replica's gradient
    before they are summed.
    """

    cluster: Cluster = ALONE
    exchange: str | None = None
    label_smoothing = 0.0
    r_drop = 0.0
    teacher_weight = 0.0
    risk: "Risk | None" = None

    def set_cluster(self, cluster: Cluster, exchange: str = "float32") -> None:
        """Let `train_step` and `test_step` see a share of every batch, the others of a cluster the rest.

        Gradients and figures are summed over all before anything is made of them: what is clipped, applied and shown
        is that of the whole batch.

        Args:
            cluster: The processes.
            exchange: `train.exchange`: in which numbers they send gradients; "float32" is as these were computed.
        """
        # Rounding what was computed so would lose nothing, and cost an exchange more.
        self.cluster, self.exchange = cluster, None if exchange == "float32" else exchange

    def set_label_smoothing(self, share: float) -> None:
        """Set the share of the probability that `train_step` spreads over the vocabulary."""
        self.label_smoothing = share

    def set_r_drop(self, weight: float) -> None:
        """Let `train_step` take every pair twice, with different dropout, and make the two alike.

        R-Drop of Liang et al. (2021), https://arxiv.org/abs/2106.14448, with the paper's weight a; p and q are the
        distributions of both passes at the real symbols, T their number:

            loss = (cross-entropy of p + cross-entropy of q) / 2 + a / (4 T) Σ_t (KL(p_t || q_t) + KL(q_t || p_t))

        which is half the paper's: so that the cross-entropy is as large as without.

        Args:
            weight: a; 0 takes every pair once.
        """
        self.r_drop = weight

    def set_teacher_weight(self, share: float) -> None:
        """Set the share of the loss of batches with a teacher's distributions that is the teacher's."""
        self.teacher_weight = share

    def set_risk(self, risk: "Risk") -> None:
        """Let `train_step` make the expected risk of the model's own outputs small as well."""
        self.risk = risk

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Loss per target symbol, share of symbols predicted right, and number of real target symbols."""
        if not hasattr(self, "_token_metrics"):
            self._token_metrics = {
                "loss": keras.metrics.Mean(name="loss"),
                "accuracy": keras.metrics.Mean(name="accuracy"),
                "tokens": keras.metrics.Sum(name="tokens", dtype="float64"),
            }
        return list(self._token_metrics.values())

    def train_step(self, data: Any) -> dict[str, Any]:
        """One optimizer step.

        Returns:
            The metrics so far, and of this batch alone the cross-entropy per target symbol, "batch_loss", the global
            norm of the gradient, "gradient_norm" (not with a scaled loss), and how many processes were "asked" to end.

        Raises:
            UsageError: It runs under a strategy of tf.distribute.
        """
        refuse_strategies()
        name_functions_alike()
        passes = 2 if self.r_drop else 1
        if self.r_drop:
            # One batch of twice the rows is faster than two.
            data = tf.nest.map_structure(lambda part: tf.concat([part, part], axis=0), data)
        inputs, targets = data
        lesson = None
        if isinstance(targets, tuple):
            targets, symbols, probabilities = targets
            lesson = Lesson(symbols, probabilities, self.teacher_weight)
        candidates = self.risk.candidates(inputs, targets) if self.risk else None
        share = BatchShare(self.cluster.rank, self.cluster.size, passes)
        with tf.GradientTape() as tape:
            with share_of_batch(share):
                logits, _ = self(inputs, training=True)
            total, tokens = token_cross_entropy(targets, logits, self.label_smoothing, lesson)
            # Known from the targets alone: the others are asked while this process computes.
            [all_tokens] = self.cluster.sum([tokens])
            loss = total / tf.maximum(all_tokens, 1)
            apart = self._divergence(targets, logits) / tf.maximum(all_tokens, 1) if self.r_drop else 0
            objective = self.risk.mix(loss + apart, logits, candidates) if self.risk else loss + apart
            scaled_loss = self.optimizer.scale_loss(objective)
        gradients = [tf.convert_to_tensor(part) for part in tape.gradient(scaled_loss, self.trainable_variables)]
        if self.risk:
            with share_of_batch(share._replace(passes=1)):
                gradients = self.risk.add_gradients(gradients, inputs[0], candidates)
        figures = total, count_right(targets, logits, tokens.dtype), tf.cast(self.cluster.asked, tokens.dtype)
        variables = self.trainable_variables
        gradients = [tf.ensure_shape(part, variable.shape) for part, variable in zip(gradients, variables, strict=True)]
        if self.exchange:
            gradients = self.cluster.sum(gradients, self.exchange)
            total, right, asked = self.cluster.sum(figures)
        else:
            *gradients, total, right, asked = self.cluster.sum([*gradients, *figures])
        norm = self._apply(gradients)
        shown = self._update_metrics(total, right, all_tokens, passes)
        shown |= {"batch_loss": total / tf.maximum(all_tokens, 1), "asked": asked}
        if not isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            # That one looks for gradients that are no numbers itself, and makes its scale smaller.
            shown["gradient_norm"] = norm
        return shown

    def _apply(self, gradients: list[Any]) -> Any:
        """Let the optimizer change the weights; compiled, where it runs alone and in one precision.

        Returns:
            The global norm of the gradient, before it is clipped.
        """

        def apply(gradients: list[Any]) -> Any:
            self.optimizer.apply(gradients, self.trainable_variables)
            return tf.linalg.global_norm(gradients)

        if not isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            # A chain of element-wise operations on every weight: as one loop it takes half the time.
            apply = tf.function(apply, jit_compile=True, autograph=False)
        return apply(gradients)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and accuracy of one batch, without dropout or label smoothing."""
        name_functions_alike()
        inputs, targets = data
        logits, _ = self(inputs, training=False)
        total, tokens = token_cross_entropy(targets, logits)
        return self._update_metrics(*self.cluster.sum([total, count_right(targets, logits, tokens.dtype), tokens]))

    def _divergence(self, targets: Any, logits: Any) -> Any:
        """What `set_r_drop` adds, times the number of symbols in both halves of a doubled batch."""
        first, second = tf.split(logits, 2)
        return self.r_drop / 2 * symmetric_divergence(tf.split(targets, 2)[0], first, second)

    def _update_metrics(self, total: Any, right: Any, tokens: Any, passes: int = 1) -> dict[str, Any]:
        loss, accuracy, seen = self.metrics
        loss.update_state(total / tf.maximum(tokens, 1), sample_weight=tokens)
        accuracy.update_state(right / tf.maximum(tokens, 1), tokens)
        seen.update_state(tokens / passes)
        return {metric.name: metric.result() for metric in self.metrics}


def build_model(
    configuration: ModelConfiguration,
    source_size: int,
    target_size: int,
    seed: int | None = None,
    copied: Sequence[int] | None = None,
    right_to_left: bool = False,
    features: int = 0,
) -> SequenceToSequence:
    """Assemble the functional model.

    Args:
        configuration: The network.
        source_size: Size of the source vocabulary.
        target_size: Size of the target vocabulary.
        seed: Seed of dropout; seed the weights with `keras.utils.set_random_seed`.
        copied: The target id of every source id, for `configuration.copy`; None: they mean the same on both sides.
        right_to_left: Whether targets begin with their last symbol; attention that only moves forward begins at the
            source's end then.
        features: How many of the source vocabulary's symbols, the last ones, are features.

    Returns:
        The model; its layers "source_embedding", "encoder", "target_embedding" and "decoder" are what search and
        export use, see `find_layer`; with copying so are "copying" and "copying_gate".

    Raises:
        ValueError: The embeddings are shared, and the vocabularies are of different sizes.
        UsageError: The attention is not for so large a target vocabulary.
    """
    if configuration.shared_embeddings and source_size != target_size:
        raise ValueError(f"shared embeddings of {source_size} source and {target_size} target symbols")
    policy = keras.DTypePolicy(configuration.precision)
    # One seed for all would drop the same positions in several places of a step.
    seeds = {name: None if seed is None else seed + index for index, name in enumerate(DROPOUTS)}
    source = keras.Input([None], dtype="int32", name="source")
    target_inputs = keras.Input([None], dtype="int32", name="target_inputs")
    source_mask = ops.not_equal(source, PAD)
    attended = features > 0 and configuration.features == "attended"
    encoder = make_encoder(configuration, seeds["encoder"], right_padded=not attended)
    decoder = make_decoder(configuration, target_size, seeds["decoder"], right_to_left)

    def embed(ids: Any, embedding: keras.layers.Layer, name: str) -> Any:
        embedded = embedding(ids)
        if configuration.symbol_dropout:
            # The first and the last symbol of a sequence say nothing, but where it begins and ends.
            symbols = name.replace("embedding", "symbols")
            drop = SymbolDropout(
                configuration.symbol_dropout, seed=seeds[symbols], dtype=policy, name=f"{symbols}_dropout"
            )
            embedded = drop(embedded, mask=ops.greater(ids, END))
        dropout = Dropout(configuration.dropout, seed=seeds[name], dtype=policy, name=f"{name}_dropout")
        return dropout(embedded)

    if configuration.shared_embeddings:
        source_embedding = target_embedding = make_embedding(target_size, configuration, SHARED_EMBEDDING)
    else:
        source_embedding = make_embedding(source_size, configuration, SOURCE_EMBEDDING)
        target_embedding = make_embedding(target_size, configuration, TARGET_EMBEDDING)
    embedded_source = embed(source, source_embedding, SOURCE_EMBEDDING)
    if attended:
        first, dropout = source_size - features, configuration.dropout
        bag = FeatureMemory(first, dropout, seeds[FEATURES], dtype=policy, name=FEATURES)
        encode = functools.partial(encoder, embedded_source)
        memory, summary = read_beside(encode, bag, embedded_source, source, source_mask)
    else:
        memory, summary = encoder(embedded_source, source_mask)
    embedded = embed(target_inputs, target_embedding, TARGET_EMBEDDING)
    copying = Copying(copied, configuration.fast, dtype=policy, name="copying") if configuration.copy else None
    given = [target_inputs] if decoder.takes_symbols else []
    given += [copying.target_ids(source)] if copying and decoder.copies else []
    outputs, attention_weights = decoder(embedded, memory, source_mask, summary, *given)
    logits = target_embedding(outputs, reverse=True) if configuration.tied_embeddings else outputs
    if copying and not decoder.copies:
        if configuration.tied_embeddings:
            # The embeddings have no column for the gate.
            gate = keras.layers.Dense(1, dtype=full_precision(configuration), name="copying_gate")
            logits = ops.concatenate([logits, gate(outputs)], axis=-1)
        logits = copying(logits, attention_weights, source)
    return SequenceToSequence(inputs=(source, target_inputs), outputs=(logits, attention_weights), name="attentif")


def find_layer(model: keras.Model, name: str) -> Any:
    """The layer "source_embedding", "encoder", "target_embedding" or "decoder" of a model.

    One table of embeddings for both sides is found by the name of either.
    """
    shared = name in (SOURCE_EMBEDDING, TARGET_EMBEDDING) and any(
        layer.name == SHARED_EMBEDDING for layer in model.layers
    )
    return model.get_layer(SHARED_EMBEDDING if shared else name)
