"""A model whose predictions have a confidence."""

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.answering.predictions import AnswersStrings, PairScores, Predictions
from pipeline.settings.text import TextConfiguration
from pipeline.text.known_symbols import KnownSymbols
from pipeline.trust.confidence import Calibration


class ConfidentPredictor:
    """Answers as the model does, and says of every answer how probable it is that it is right.

    Args:
        model: Keeps all outputs that its search has.
        calibration: Of that model.
    """

    def __init__(self, model: AnswersStrings, calibration: Calibration) -> None:
        self.model, self.calibration = model, calibration
        self.text: TextConfiguration = model.text
        self.n_best, self.copies_unknown = model.n_best, model.copies_unknown

    @property
    def known(self) -> KnownSymbols:
        """Which symbols the model has."""
        return self.model.known

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
    ) -> Predictions:
        """One prediction per source, with its `confidence`; of what begins with a prefix it is not known, and None."""
        options: dict[str, Any] = {} if prefixes is None else {"prefixes": prefixes}
        found = self.model.predict(sources, on_progress, heads_apart=heads_apart, **options)
        if prefixes is not None:
            return found
        sure = self.calibration.confidences(found)
        return Predictions(one._replace(confidence=float(p)) for one, p in zip(found, sure, strict=True))

    def score(
        self, sources: str | bytes | Iterable[str | bytes], targets: str | bytes | Iterable[str | bytes]
    ) -> PairScores:
        """As the model does."""
        return self.model.score(sources, targets)

    def score_tokens(
        self, sources: str | bytes | Iterable[str | bytes], targets: Iterable[Iterable[str]]
    ) -> PairScores:
        """As the model does."""
        return self.model.score_tokens(sources, targets)
