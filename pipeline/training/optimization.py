"""The model with its loss, optimizer and learning rate, and how it is brought back to where a checkpoint left it."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from pipeline.model.embeddings import EMBEDDINGS
from pipeline.model.sequence_to_sequence import SequenceToSequence, build_model
from pipeline.model.weights import METRICS, load_variables, read_variables, training_variables
from pipeline.process.xla_cache import open_cache
from pipeline.runs.checkpoints import TrainingState
from pipeline.settings.configuration import Configuration
from pipeline.training.averaging import AdamW, swap_averages
from pipeline.training.schedule import WarmupDecay


def compile_model(
    configuration: Configuration,
    sizes: tuple[int, int],
    steps_per_epoch: int,
    rate_scale: float = 1.0,
    copied: Sequence[int] | None = None,
    features: int = 0,
) -> SequenceToSequence:
    """Build the model with its optimizer, ready for a checkpoint to be loaded.

    Args:
        configuration: Every setting.
        sizes: Of the source and the target vocabulary.
        steps_per_epoch: With the epochs the length of the learning rate's schedule.
        rate_scale: By what the learning rate is multiplied.
        copied: The target id of every source id, see `build_model`.
        features: How many of the source's symbols are features, see there.
    """
    train = configuration.train
    open_cache(configuration.model, sizes)
    backward = configuration.text.right_to_left
    model = build_model(
        configuration.model, *sizes, seed=train.seed, copied=copied, right_to_left=backward, features=features
    )
    peak, total_steps = train.learning_rate * rate_scale, train.epochs * steps_per_epoch
    optimizer = AdamW(
        WarmupDecay(peak, total_steps, train.warmup_steps, train.schedule),
        weight_decay=train.weight_decay,
        global_clipnorm=train.clip_norm,
        use_ema=train.ema_momentum > 0,
        ema_momentum=train.ema_momentum,
        # The average never takes the place of the weights while they are trained.
        ema_overwrite_frequency=None,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gain"])
    if configuration.model.precision == "mixed_float16":
        # Small gradients would vanish in half precision.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.set_label_smoothing(train.label_smoothing)
    model.set_r_drop(train.r_drop)
    model.set_teacher_weight(train.teacher_weight)
    # XLA compiles the recurrences alone: its random generator would make dropout slow.
    model.compile(optimizer=optimizer, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    if train.frozen:
        inner = optimizer.inner_optimizer if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) else optimizer
        inner.freeze(frozen_variables(model, train.frozen), train.frozen_epochs * steps_per_epoch)
    return model


def frozen_variables(model: SequenceToSequence, frozen: str) -> list[keras.Variable]:
    """What `train.frozen` keeps as it is: of "encoder", "embeddings" or "both"."""
    layers = [model.get_layer("encoder")] if frozen != "embeddings" else []
    if frozen != "encoder":
        layers += [layer for layer in model.layers if layer.name in EMBEDDINGS]
    return [variable for layer in layers for variable in layer.trainable_variables]


def restore(model: SequenceToSequence, state: TrainingState, variables: Path) -> list[np.ndarray]:
    """Put everything back to where it was at a checkpoint.

    Returns:
        The figures of the half epoch that goes on, which Keras sets to zero when it begins; nothing at an epoch's
        beginning.

    Raises:
        DataError: The file is damaged or belongs to another model.
    """
    groups = training_variables(model)
    metrics = {METRICS: groups.pop(METRICS)}
    load_variables(groups, variables)
    if state.averaged:
        swap_averages(model)
    return read_variables(metrics, variables)[METRICS] if state.step else []
