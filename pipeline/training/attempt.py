"""One attempt at the epochs: from where a training stands to its end, or to where it diverges."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import keras

from pipeline.cluster.cluster import Cluster
from pipeline.data.batches import Order, training_batches, validation_batches
from pipeline.data.length_limits import read_limits
from pipeline.data.preparation import TrainingData
from pipeline.errors import count_of
from pipeline.evaluation.metrics import objectives
from pipeline.model.sequence_to_sequence import SequenceToSequence
from pipeline.monitoring.board import DEV, Board, forget_after
from pipeline.monitoring.dev_decoding import DecodedDevMetrics
from pipeline.monitoring.dev_report import DevReport
from pipeline.monitoring.epoch_clock import EpochClock
from pipeline.monitoring.figures import FigureLog
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.projector import write_embeddings
from pipeline.monitoring.shared_decoding import SharedPredictor
from pipeline.monitoring.write_failures import WriteFailures
from pipeline.pairs.references import group_references
from pipeline.prediction.building import live_string_model
from pipeline.prediction.predictor import Predictor
from pipeline.process.interruption import Interruption
from pipeline.runs.checkpoints import Checkpoints, TrainingState
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.earlier_weights import begin_with_earlier
from pipeline.settings.configuration import Configuration
from pipeline.training.averaging import AveragedWeights
from pipeline.training.divergence import WatchDivergence
from pipeline.training.ending import AskToEnd, EndWhenAsked, why_ended
from pipeline.training.optimization import compile_model, restore
from pipeline.training.risk import BeginRisk
from pipeline.training.saving import SaveAndStop
from pipeline.training.surroundings import Standing, Surroundings
from pipeline.training.together.standing import CompareWeights

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Training:
    """What all attempts at a training share."""

    configuration: Configuration
    directory: RunDirectory
    data: TrainingData
    order: Order
    checkpoints: Checkpoints
    interruption: Interruption
    """Entered."""
    cluster: Cluster


class Attempt:
    """The part of a training that begins at one moment, and ends with the training or when that diverges.

    Args:
        training: What is trained.
        state: Where it stands.
    """

    def __init__(self, training: Training, state: TrainingState) -> None:
        self.configuration, self.directory, self.data = training.configuration, training.directory, training.data
        self.order, self.state = training.order, state
        train, checkpoints = self.configuration.train, training.checkpoints
        self.surroundings = Surroundings(
            directory=self.directory,
            checkpoints=checkpoints,
            board=Board(self.directory.logs),
            clock=EpochClock(self.order.steps, state.step, state.seconds),
            failures=WriteFailures(train.on_write_failure == "continue", checkpoints.describe_newest),
            interruption=training.interruption,
            cluster=training.cluster,
        )
        self.metrics = objectives(self.configuration)
        shapes = len(self.data.buckets)
        self.progress = Progress(train.epochs, self.surroundings.clock, shapes, self.metrics)

    def run(self, variables: Path | None, epochs: int) -> SequenceToSequence:
        """Go on to the end.

        Args:
            variables: What the state's checkpoint holds; None begins anew.
            epochs: The last one.
        """
        state, train, sizes = self.state, self.configuration.train, self.data.vocabulary_sizes
        of_symbols = self.data.copied, self.data.features
        model = compile_model(self.configuration, sizes, self.order.steps, state.rate_scale, *of_symbols)
        model.set_cluster(self.surroundings.cluster, train.exchange)
        metrics = restore(model, state, variables) if variables else self._begin(model)
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
        with self.surroundings.failures.watch("what TensorBoard shows"):
            self.surroundings.board.flush(durably=True)
            write_embeddings(self.directory, model, self.data.source_vocabulary, self.data.target_vocabulary)
        return model

    def _begin(self, model: SequenceToSequence) -> list[Any]:
        """From the beginning: at random, or with the weights of `train.init_from`."""
        if self.configuration.train.init_from:
            begin_with_earlier(model, self.configuration, self.directory, self.data)
        return []

    def _forget_what_comes_again(self) -> None:
        state = self.state
        with self.surroundings.failures.watch("the figures so far"):
            self.directory.truncate_metrics(state.epoch)
            done = state.epoch * self.order.steps + state.step
            there = forget_after(self.directory.logs, done, state.epoch)
            self.surroundings.board.begin(self.configuration, self.directory.path.name, there)

    def _run_epochs(self, model: SequenceToSequence, parts: list[keras.callbacks.Callback], epochs: int) -> None:
        cluster = self.surroundings.cluster
        validation, validation_steps = validation_batches(self.data.dev, self.data.buckets, cluster)
        # The batches come shuffled.
        options: dict[str, Any] = {"callbacks": parts, "verbose": 0, "shuffle": False}
        if validation_steps:
            options.update(validation_data=validation.repeat(), validation_steps=validation_steps)
        epoch, step, steps = self.state.epoch, self.state.step, self.order.steps
        if step and epoch < epochs:
            rest = training_batches(self.order, epoch, step, cluster)
            model.fit(rest, initial_epoch=epoch, epochs=epoch + 1, steps_per_epoch=steps - step, **options)
            epoch += 1
        if epoch < epochs and not model.stop_training:
            batches = training_batches(self.order, epoch, cluster=cluster)
            model.fit(batches, initial_epoch=epoch, epochs=epochs, steps_per_epoch=steps, **options)

    def _callbacks(self, model: SequenceToSequence, metrics: list[Any]) -> list[keras.callbacks.Callback]:
        around, state = self.surroundings, self.state
        watch = WatchDivergence(len(self.data.target_vocabulary), around.clock, state.losses, state.has_learnt)
        figures = FigureLog(around.directory, around.board, around.clock, around.failures)
        averaged = [AveragedWeights()] if self.configuration.train.ema_momentum else []
        standing = Standing(state, metrics)
        saving = SaveAndStop(around, self.configuration, standing, watch, figures, *averaged)
        # The decoder sets the figures that those after it read; who ends it all comes last.
        risk = [BeginRisk(self.configuration.train)] if self.configuration.train.risk_epochs else []
        together = [CompareWeights(around.cluster)] if around.cluster.size > 1 else []
        return [
            *risk,
            *together,
            AskToEnd(around.interruption, around.cluster),
            around.clock,
            watch,
            *averaged,
            self._decoding(model),
            figures,
            saving,
            *([] if around.cluster.rank else [self.progress]),
            EndWhenAsked(around.interruption, around.clock),
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
        around = self.surroundings
        report = DevReport(self.directory, around.board.runs[DEV], configuration, around.failures)
        references = group_references(data.splits["dev"](), configuration.text)
        predictor = SharedPredictor(Predictor(strings, configuration.text), around.cluster)
        return DecodedDevMetrics(predictor, references, self.metrics, None if around.cluster.rank else report)
