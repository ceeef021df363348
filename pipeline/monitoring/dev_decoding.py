"""Decoding the dev set after every epoch, so that what people look at decides, not the loss."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from pipeline.answering.predictions import Prediction
from pipeline.evaluation.evaluate import add_objectives, score_predictions
from pipeline.evaluation.metrics import Metric
from pipeline.monitoring.shared_decoding import SharedPredictor
from pipeline.prediction.predictor import Predictor


class DecodedDevMetrics(keras.callbacks.Callback):
    """Decodes the dev set after every epoch: sets its figures (`val_wer`, `val_bleu`) for the callbacks that follow.

    Args:
        predictor: Runs the model that is being trained.
        references: Dev sources with their references.
        objectives: Metrics that decide, whose figures are set in any case.
        report: Called with the epoch (from 1), the sources, their references and the predictions.
    """

    def __init__(
        self,
        predictor: Predictor | SharedPredictor,
        references: dict[str, list[str]],
        objectives: Sequence[Metric] = (),
        report: Callable[[int, dict[str, list[str]], list[Prediction]], None] | None = None,
    ) -> None:
        super().__init__()
        self.predictor, self.references = predictor, references
        self.objectives, self.report = objectives, report

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decode, score, report."""
        predictions = self.predictor.predict(list(self.references))
        references, text = list(self.references.values()), self.predictor.text
        figures = score_predictions(predictions, references, text).figures
        if logs is not None:
            figures = add_objectives(figures, self.objectives, predictions, references, text)
            logs.update({f"val_{name}": value for name, value in figures.items()})
            logs["val_limited"] = sum(prediction.limited for prediction in predictions)
        if self.report:
            self.report(epoch + 1, self.references, predictions)
