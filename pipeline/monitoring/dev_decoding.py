"""Decoding the dev set after every epoch, so that what people look at decides, not the loss."""

from collections.abc import Callable
from typing import Any

import keras

from pipeline.evaluation.evaluate import score_predictions
from pipeline.prediction.predictor import Prediction, Predictor


class DecodedDevMetrics(keras.callbacks.Callback):
    """Decodes the dev set after every epoch: sets its figures (`val_wer`, `val_bleu`) for the callbacks that follow.

    Args:
        predictor: Runs the model that is being trained.
        references: Dev sources with their references.
        report: Called with the epoch (from 1), the sources, their references and the predictions.
    """

    def __init__(
        self,
        predictor: Predictor,
        references: dict[str, list[str]],
        report: Callable[[int, dict[str, list[str]], list[Prediction]], None] | None = None,
    ) -> None:
        super().__init__()
        self.predictor, self.references, self.report = predictor, references, report

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Decode, score, report."""
        predictions = self.predictor.predict(list(self.references))
        scores = score_predictions(predictions, list(self.references.values()), self.predictor.text)
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in scores.figures.items()})
            logs["val_limited"] = sum(prediction.limited for prediction in predictions)
        if self.report:
            self.report(epoch + 1, self.references, predictions)
