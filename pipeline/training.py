"""How a run goes: data, model, epochs, the best checkpoint measured and exported."""

import dataclasses
import json
import logging
import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline import callbacks
from pipeline.averaging import AdamW, AveragedWeights, swap_averages
from pipeline.batches import training_batches, validation_batches
from pipeline.configuration import Configuration, by_name, describe_changes
from pipeline.corpus import group_references, open_splits
from pipeline.errors import UsageError
from pipeline.evaluation import evaluate_pairs
from pipeline.export import export_run
from pipeline.files import write_atomically
from pipeline.loading import live_string_model, load_predictor
from pipeline.metrics import objectives
from pipeline.model import SequenceToSequence, build_model
from pipeline.predictor import Predictor
from pipeline.preparation import Splits, TrainingData, prepare_data
from pipeline.projector import EmbeddingProjector
from pipeline.run_directory import Checkpoints, RunDirectory, TrainingState, load_configuration
from pipeline.schedule import WarmupDecay
from pipeline.weights import load_weights

logger = logging.getLogger(__name__)


def train(configuration: Configuration, run: Path, overwrite: bool = False) -> dict[str, Any]:
    """Train, or go on with an unfinished training; then measure the best checkpoint and export it.

    Args:
        configuration: Every setting.
        run: The run directory. Unfinished with the same configuration: goes on. Finished: nothing to do.
        overwrite: Replace a run that is already there.

    Returns:
        {"split", "n", "wer", "per"} of the test split, or of dev where there is no test, percent; of sentences
        {"split", "n", "bleu", "chrf", "ter", "sequence_error_rate", "signature"}.

    Raises:
        UsageError: The directory holds a run of another configuration, or something else.
        DataError: The data cannot be used.
    """
    directory = RunDirectory(Path(run))
    replaces = overwrite and directory.exists()
    if directory.exists() and not replaces:
        directory.check_version()
        _require_same(configuration, directory)
        result = directory.read_result()
        if result is not None:
            logger.info("%s: finished before, nothing to do (--overwrite trains anew)", run)
            return result
        logger.info("%s: going on with the unfinished run", run)
    set_seed(configuration.train.seed, configuration.train.deterministic)
    splits = open_splits(configuration.data, configuration.train.seed, configuration.text)
    if replaces:
        # Only now that the new data could be opened: a wrong path must not cost a finished run.
        directory.remove()
    if not directory.exists():
        directory.begin(configuration, beside_others=replaces)
    data = prepare_data(configuration, directory, splits)
    fit(configuration, directory, data)
    return _finish(directory, data.splits)


def _require_same(configuration: Configuration, directory: RunDirectory) -> None:
    before, now = by_name(load_configuration(directory).to_dict()), by_name(configuration.to_dict())
    changed = describe_changes(before, now)
    if changed:
        raise UsageError(
            f"{directory.path}: holds a run of another configuration ({'; '.join(changed)}); "
            "choose another --run, or replace it with --overwrite"
        )


def set_seed(seed: int, deterministic: bool) -> None:
    """Seed Python, NumPy and TensorFlow, and make TensorFlow's operations repeatable if asked to."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    keras.utils.set_random_seed(seed % 2**32)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def compile_model(configuration: Configuration, data: TrainingData, steps_per_epoch: int) -> SequenceToSequence:
    """Build the model with its optimizer, ready for weights to be loaded."""
    train = configuration.train
    model = build_model(configuration.model, len(data.source_vocabulary), len(data.target_vocabulary), seed=train.seed)
    schedule = WarmupDecay(train.learning_rate, train.epochs * steps_per_epoch, train.warmup_steps, train.schedule)
    optimizer = AdamW(
        schedule,
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
    # XLA compiles the recurrences alone: its random generator would make dropout slow.
    model.compile(optimizer=optimizer, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def fit(
    configuration: Configuration, directory: RunDirectory, data: TrainingData, last_epoch: int | None = None
) -> SequenceToSequence:
    """Run the epochs that are left, from the newest checkpoint on.

    A keyboard interrupt saves where the training stands, then goes on upwards.

    Args:
        configuration: Every setting.
        directory: The run, begun and with its data prepared.
        data: What `prepare_data` made of it.
        last_epoch: Stop after this epoch; the schedule of the learning rate stays that of all epochs.
    """
    checkpoints = Checkpoints(directory.checkpoints)
    found = checkpoints.latest()
    state = found[0] if found else TrainingState()
    batches, steps = _batches_from(configuration, data, state.epoch)
    model = compile_model(configuration, data, steps)
    if found:
        load_weights(model, found[1])
        if state.averaged:
            swap_averages(model)
        callbacks.restore_random_states(model, state.random)
    directory.truncate_metrics(state.epoch)
    writer = tf.summary.create_file_writer(str(directory.logs))
    with writer.as_default():
        tf.summary.text("configuration", f"```yaml\n{directory.config.read_text(encoding='utf-8')}```", step=0)
    parts = _callbacks(configuration, directory, data, model, writer, state, steps)
    logger.info(
        "training %s parameters on %s pairs, %d epochs of %d batches",
        f"{model.count_params():,}",
        f"{len(data.train):,}",
        configuration.train.epochs,
        steps,
    )
    epochs = min(last_epoch or configuration.train.epochs, configuration.train.epochs)
    try:
        _run_epochs(configuration, model, data, batches, steps, state, parts, epochs)
    except KeyboardInterrupt:
        next(part for part in parts if isinstance(part, callbacks.CheckpointAndStop)).save_interrupted()
        raise
    finally:
        next(part for part in parts if isinstance(part, callbacks.Progress)).close()
        writer.close()
    return model


def _batches_from(configuration: Configuration, data: TrainingData, epoch: int) -> tuple[tf.data.Dataset, int]:
    train = configuration.train
    return training_batches(data.train, data.buckets, train.seed, epoch, train.min_epoch_tokens)


def _run_epochs(
    configuration: Configuration,
    model: SequenceToSequence,
    data: TrainingData,
    batches: tf.data.Dataset,
    steps: int,
    state: TrainingState,
    parts: list[keras.callbacks.Callback],
    epochs: int,
) -> None:
    patience = configuration.train.patience
    validation, validation_steps = validation_batches(data.dev, data.buckets)
    # The batches come shuffled.
    options: dict[str, Any] = {"callbacks": parts, "verbose": 0, "shuffle": False}
    if validation_steps:
        options.update(validation_data=validation.repeat(), validation_steps=validation_steps)
    if patience is not None and state.epoch - state.best_epoch >= patience:
        return
    if state.step:
        # The rest of the epoch that was interrupted, then whole ones.
        left = steps - state.step
        if left:
            rest = batches.skip(state.step)
            model.fit(rest, initial_epoch=state.epoch, epochs=state.epoch + 1, steps_per_epoch=left, **options)
        else:
            _close_epoch(model, parts, state.epoch)
        batches, _ = _batches_from(configuration, data, state.epoch + 1)
        state = TrainingState(epoch=state.epoch + 1)
    if state.epoch < epochs and not model.stop_training:
        model.fit(batches, initial_epoch=state.epoch, epochs=epochs, steps_per_epoch=steps, **options)


def _close_epoch(model: SequenceToSequence, parts: list[keras.callbacks.Callback], epoch: int) -> None:
    """What follows the last step of an epoch, for one that was interrupted right there."""
    everyone = keras.callbacks.CallbackList(parts, model=model)
    everyone.on_train_begin()
    everyone.on_epoch_begin(epoch)
    everyone.on_epoch_end(epoch)


def _callbacks(
    configuration: Configuration,
    directory: RunDirectory,
    data: TrainingData,
    model: SequenceToSequence,
    writer: tf.summary.SummaryWriter,
    state: TrainingState,
    steps: int,
) -> list[keras.callbacks.Callback]:
    beam_size = configuration.train.dev_beam_size
    # Figures that choose an epoch must not be drawn by lot.
    decoding = dataclasses.replace(configuration, search=dataclasses.replace(configuration.search, method="best"))
    strings = live_string_model(model, decoding, data.source_vocabulary, data.target_vocabulary, beam_size, n_best=1)
    draws = configuration.model.attention != "none"
    report = callbacks.DevReport(directory, writer, configuration.train.attention_samples, draws)
    references = group_references(data.splits["dev"](), configuration.text)
    averaged = AveragedWeights() if configuration.train.ema_momentum else None
    # The decoder sets the figures that those after it read.
    return [
        callbacks.RequireFiniteLoss(),
        *([averaged] if averaged else []),
        callbacks.DecodedDevMetrics(Predictor(strings, configuration.text), references, report),
        callbacks.FigureLog(directory, writer),
        callbacks.CheckpointAndStop(
            Checkpoints(directory.checkpoints, configuration.train.keep_checkpoints),
            configuration.train.patience,
            state,
            objectives(configuration.text),
            averaged,
        ),
        EmbeddingProjector(directory, data.source_vocabulary, data.target_vocabulary),
        callbacks.Progress(configuration.train.epochs, steps),
    ]


def _finish(directory: RunDirectory, splits: Splits) -> dict[str, Any]:
    split = "test" if "test" in splits else "dev"
    # Like those of the epochs, the last figures are not drawn by lot.
    predictor = load_predictor(directory.path, search={"method": "best"})
    scores, _ = evaluate_pairs(predictor, splits[split](), f"evaluating {split}")
    export_run(directory.path, directory.export)
    result = scores.to_json(split)
    write_atomically(directory.result, json.dumps(result) + "\n")
    logger.info(
        "%s (beam %d): %s\n  run       %s\n  export    %s\n  pictures  tensorboard --logdir %s",
        split,
        load_configuration(directory).search.beam_size,
        scores,
        directory.path,
        directory.export,
        directory.logs,
    )
    return result
