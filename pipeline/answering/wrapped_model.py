"""What answers by another model, and adds something to its answers."""

from collections.abc import Iterable

from pipeline.answering.predictions import AnswersStrings, PairScores
from pipeline.settings.text import TextConfiguration
from pipeline.text.known_symbols import KnownSymbols


class WrappedModel:
    """Everything of a model but `predict`, which those that wrap one have themselves; see `AnswersStrings`.

    Args:
        model: Any.
    """

    def __init__(self, model: AnswersStrings) -> None:
        self.model = model
        self.text: TextConfiguration = model.text
        self.n_best, self.copies_unknown = model.n_best, model.copies_unknown

    @property
    def known(self) -> KnownSymbols:
        """Which symbols the model has."""
        return self.model.known

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
