"""A model whose predictions have a confidence."""

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.answering.predictions import AnswersStrings, Predictions
from pipeline.answering.wrapped_model import WrappedModel
from pipeline.trust.confidence import Calibration


class ConfidentPredictor(WrappedModel):
    """Answers as the model does, and says of every answer how probable it is that it is right.

    Args:
        model: Keeps all outputs that its search has.
        calibration: Of that model.
    """

    def __init__(self, model: AnswersStrings, calibration: Calibration) -> None:
        super().__init__(model)
        self.calibration = calibration

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
    ) -> Predictions:
        """One prediction per source, with its `confidence`; of what begins with a prefix it is not known, and None.

        The confidence follows from the attention, too, which is computed in any case.
        """
        options: dict[str, Any] = {} if prefixes is None else {"prefixes": prefixes}
        found = self.model.predict(sources, on_progress, heads_apart=heads_apart, **options)
        if prefixes is not None:
            return found
        sure = self.calibration.confidences(found)
        return Predictions(one._replace(confidence=float(p)) for one, p in zip(found, sure, strict=True))
