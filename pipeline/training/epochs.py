"""The epochs of a training, from wherever it stands to the end."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from pipeline.data.batches import TrainingOrder, training_batches, validation_batches
from pipeline.data.length_limits import read_limits
from pipeline.data.preparation import TrainingData
from pipeline.errors import MemoryShortError, TrainingError, count_of
from pipeline.evaluation.metrics import objectives
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.monitoring.board import DEV, Board, forget_after
from pipeline.monitoring.callbacks import DecodedDevMetrics, EndWhenAsked, FigureLog, Progress
from pipeline.monitoring.dev_report import DevReport
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.monitoring.projector import write_embeddings
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.pairs.references import group_references
from pipeline.prediction.predictor import Predictor
from pipeline.process.interruption import Interruption
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.loading import live_string_model
from pipeline.settings.configuration import Configuration
from pipeline.training.averaging import AveragedWeights
from pipeline.training.divergence import Diverged, WatchDivergence, describe_pairs
from pipeline.training.ending import why_ended
from pipeline.training.optimization import compile_model, restore
from pipeline.training.saving import SaveAndStop

logger = logging.getLogger(__name__)


def fit(
    configuration: Configuration, directory: RunDirectory, data: TrainingData, last_epoch: int | None = None
) -> SequenceToSequence:
    """Run the epochs that are left, from the newest checkpoint on.

    Weights and figures are those that an uninterrupted training has, bit for bit, on the same machine with
    `train.deterministic`. Ctrl-C and SIGTERM save where the training stands and end it. One that diverges goes back
    to an epoch's end, and on with half the learning rate.

    Args:
        configuration: Every setting.
        directory: The run, begun and with its data prepared.
        data: What `prepare_data` made of it.
        last_epoch: Stop after this epoch; the schedule of the learning rate stays that of all epochs.

    Raises:
        Interrupted: By a signal; the same call goes on.
        TrainingError: It diverged too often, does not fit into memory, or cannot be saved.
    """
    train = configuration.train
    order = TrainingOrder(data.train, data.buckets, train.seed, train.min_epoch_tokens)
    checkpoints = Checkpoints(directory.checkpoints, train.keep_checkpoints)
    epochs = min(last_epoch or train.epochs, train.epochs)
    state, variables = checkpoints.latest() or (TrainingState(), None)
    with Interruption() as interruption:
        while True:
            stretch = _Stretch(configuration, directory, data, order, checkpoints, state, interruption)
            try:
                model = stretch.run(variables, epochs)
                interruption.end_if_asked()
                return model
            except Diverged as error:
                interruption.end_if_asked()
                what = _describe(error, configuration, data, order)
                state, variables = _roll_back(checkpoints, state, error, train.max_rollbacks, what)
            except tf.errors.ResourceExhaustedError as error:
                rows, source, target = _largest(order)
                raise MemoryShortError(
                    f"out of memory; the largest batch has {rows} pairs of {source} by {target} symbols: lower "
                    "data.batch_tokens, data.max_length or model.units"
                ) from error


def _roll_back(
    checkpoints: Checkpoints, state: TrainingState, error: Diverged, most: int, what: str
) -> tuple[TrainingState, Path | None]:
    """Where a training that diverged goes on: at an epoch's end, for checkpoints within depend on the clock.

    Raises:
        TrainingError: It diverged too often.
    """
    if state.rollbacks >= most:
        even = f", even with {state.rate_scale:g} of the learning rate" if state.rollbacks else ""
        raise TrainingError(
            f"the training diverges ({what}){even}; look at these pairs, or lower train.learning_rate or "
            "train.clip_norm and train anew with --overwrite"
        ) from error
    found = checkpoints.latest_epoch()
    if found and error.epoch == found[0].epoch and error.step + 1 < error.steps:
        # It may have begun before that was saved.
        found = checkpoints.latest_epoch(before=found[0])
    back, variables = found or (TrainingState(), None)
    place, scale = back.name if variables else "the beginning", state.rate_scale / 2
    logger.warning("the training diverged (%s); back to %s, on with %g of the learning rate", what, place, scale)
    return dataclasses.replace(back, rollbacks=state.rollbacks + 1, rate_scale=scale), variables


def _describe(error: Diverged, configuration: Configuration, data: TrainingData, order: TrainingOrder) -> str:
    """What was seen, and at which pairs."""
    indices = order.batch(error.epoch, error.step).indices
    pairs = describe_pairs(data.train, indices, configuration.data.train)
    return f"epoch {error.epoch + 1}, step {error.step + 1}: {error}; its batch: {pairs}"


def _largest(order: TrainingOrder) -> tuple[int, int, int]:
    bucket = order.batch(0, 0).bucket
    return bucket.rows, bucket.source_length, bucket.target_length


class _Stretch:
    """The part of a training that begins at one moment, and ends with the training or when that diverges.

    Args:
        configuration: Every setting.
        directory: The run.
        data: Its data.
        order: Their order.
        checkpoints: Those of the run.
        state: Where the training stands.
        interruption: Entered.
    """

    def __init__(
        self,
        configuration: Configuration,
        directory: RunDirectory,
        data: TrainingData,
        order: TrainingOrder,
        checkpoints: Checkpoints,
        state: TrainingState,
        interruption: Interruption,
    ) -> None:
        self.configuration, self.directory, self.data, self.order = configuration, directory, data, order
        self.checkpoints, self.state, self.interruption = checkpoints, state, interruption
        self.board = Board(directory.logs)
        self.clock = EpochClock(order.steps, state.step, state.seconds)
        self.progress = Progress(configuration.train.epochs, self.clock, len(data.buckets))
        self.failures = WriteFailures(configuration.train.on_write_failure == "continue", self._last_good)

    def _last_good(self) -> str:
        return f"checkpoint {self.checkpoints.newest}" if self.checkpoints.newest else "no checkpoint yet"

    def run(self, variables: Path | None, epochs: int) -> SequenceToSequence:
        """Go on to the end.

        Args:
            variables: What the state's checkpoint holds; None begins anew.
            epochs: The last one.
        """
        state, train, sizes = self.state, self.configuration.train, self.data.vocabulary_sizes
        model = compile_model(self.configuration, sizes, self.order.steps, state.rate_scale)
        metrics = restore(model, state, variables) if variables else []
        self._forget_what_comes_again()
        parts = self._callbacks(model, metrics)
        logger.info(
            "training %s parameters on %s, %s of %s; the first of each of %s is slow: it compiles",
            f"{model.count_params():,}",
            count_of(len(self.data.train), "pair"),
            count_of(train.epochs, "epoch"),
            count_of(self.order.steps, "batch", "batches"),
            count_of(len(self.data.buckets), "shape"),
        )
        if not why_ended(state, train):
            try:
                self._run_epochs(model, parts, epochs)
            finally:
                self.progress.close()
        with self.failures.watch("what TensorBoard shows"):
            self.board.flush(durably=True)
            write_embeddings(self.directory, model, self.data.source_vocabulary, self.data.target_vocabulary)
        return model

    def _forget_what_comes_again(self) -> None:
        state = self.state
        with self.failures.watch("the figures so far"):
            self.directory.truncate_metrics(state.epoch)
            done = state.epoch * self.order.steps + state.step
            there = forget_after(self.directory.logs, done, state.epoch)
            self.board.begin(self.configuration, self.directory.path.name, there)

    def _run_epochs(self, model: SequenceToSequence, parts: list[keras.callbacks.Callback], epochs: int) -> None:
        validation, validation_steps = validation_batches(self.data.dev, self.data.buckets)
        # The batches come shuffled.
        options: dict[str, Any] = {"callbacks": parts, "verbose": 0, "shuffle": False}
        if validation_steps:
            options.update(validation_data=validation.repeat(), validation_steps=validation_steps)
        epoch, step, steps = self.state.epoch, self.state.step, self.order.steps
        if step and epoch < epochs:
            rest = training_batches(self.order, epoch, step)
            model.fit(rest, initial_epoch=epoch, epochs=epoch + 1, steps_per_epoch=steps - step, **options)
            epoch += 1
        if epoch < epochs and not model.stop_training:
            batches = training_batches(self.order, epoch)
            model.fit(batches, initial_epoch=epoch, epochs=epochs, steps_per_epoch=steps, **options)

    def _callbacks(self, model: SequenceToSequence, metrics: list[Any]) -> list[keras.callbacks.Callback]:
        train, data, state = self.configuration.train, self.data, self.state
        clock = self.clock
        watch = WatchDivergence(len(data.target_vocabulary), clock, state.losses, state.has_learnt)
        figures = FigureLog(self.directory, self.board, clock, self.failures)

        def flush() -> None:
            figures.write()
            self.board.flush(durably=True)

        averaged = AveragedWeights() if train.ema_momentum else None
        saving = SaveAndStop(
            self.checkpoints,
            train,
            state,
            objectives(self.configuration.text),
            clock,
            watch,
            flush,
            self.interruption,
            self.failures,
            metrics,
            averaged,
        )
        # The decoder sets the figures that those after it read; who ends it all comes last.
        return [
            clock,
            watch,
            *([averaged] if averaged else []),
            self._decoding(model),
            figures,
            saving,
            self.progress,
            EndWhenAsked(self.interruption, clock),
        ]

    def _decoding(self, model: SequenceToSequence) -> DecodedDevMetrics:
        configuration, data = self.configuration, self.data
        # Figures that choose an epoch must not be drawn by lot.
        search = read_limits(self.directory.limits).complete(dataclasses.replace(configuration.search, method="best"))
        strings = live_string_model(
            model,
            dataclasses.replace(configuration, search=search),
            data.source_vocabulary,
            data.target_vocabulary,
            configuration.train.dev_beam_size,
            n_best=1,
        )
        report = DevReport(self.directory, self.board.runs[DEV], configuration, self.failures)
        references = group_references(data.splits["dev"](), configuration.text)
        return DecodedDevMetrics(Predictor(strings, configuration.text), references, report)
