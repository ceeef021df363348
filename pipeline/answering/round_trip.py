"""Answers sent back: a model of the other direction answers each, and it is seen whether the source comes back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pipeline.answering.lines.faults import check_string
from pipeline.answering.predictions import AnswersStrings, Hypothesis, Prediction, Predictions, WayBack
from pipeline.answering.wrapped_model import WrappedModel
from pipeline.pairs.pair_file import join_features
from pipeline.plain_text.cutting import split_sources
from pipeline.plain_text.given_strings import encode, list_strings
from pipeline.text.symbols import FEATURE_MARK


class RoundTripPredictor(WrappedModel):
    """Answers as a model does, and says of every answer what a model of the other direction makes of it.

    An answer comes back where its source is among the outputs of the way back, in the form in which the model reads
    sources: normal form, case and white space make no difference. Features of a source go with its answers, where the
    way back reads features.

    Args:
        model: Any.
        back: A model from its targets to its sources, which keeps as many outputs as are looked through.
    """

    def __init__(self, model: AnswersStrings, back: AnswersStrings) -> None:
        super().__init__(model)
        self.back = back

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
    ) -> Predictions:
        """One prediction per source, whose outputs have `back`."""
        given = list_strings(sources, "sources")
        options: dict[str, Any] = {} if prefixes is None else {"prefixes": prefixes}
        found = self.model.predict(given, on_progress, heads_apart=heads_apart, attention=attention, **options)
        texts = [encode(source).decode(errors="replace") for source in given]
        sent = [self._send(source, one) for source, one in zip(texts, found, strict=True)]
        # Each string once, whichever source has it for an answer; what cannot be answered does not come back.
        distinct = dict.fromkeys(string for strings in sent for string in strings)
        usable = [string for string in distinct if check_string(string, None, self.back).fault is None]
        came = dict(zip(usable, self.back.predict(usable, attention=False) if usable else [], strict=True))
        return Predictions(
            one._replace(hypotheses=self._mark(source, one.hypotheses, [came.get(string) for string in strings]))
            for source, one, strings in zip(texts, found, sent, strict=True)
        )

    def _send(self, source: str, prediction: Prediction) -> list[str]:
        """What the way back is given for each answer."""
        features = self._features(source)
        return [join_features(text, features) for text in prediction.texts]

    def _features(self, source: str) -> str:
        mark, wanted = self.text.feature_separator, self.back.text.feature_separator
        features = source.partition(FEATURE_MARK)[2] if mark is not None and wanted is not None else ""
        return features.replace(mark, wanted) if mark and wanted else features

    def _mark(
        self, source: str, hypotheses: Sequence[Hypothesis], came: Sequence[Prediction | None]
    ) -> list[Hypothesis]:
        wanted = self._compared([source])[0]
        return [
            one._replace(back=self._come_back(wanted, prediction))
            for one, prediction in zip(hypotheses, came, strict=True)
        ]

    def _come_back(self, wanted: Sequence[str], prediction: Prediction | None) -> WayBack:
        texts = prediction.texts if prediction else []
        rank = next((rank for rank, symbols in enumerate(self._compared(texts), 1) if symbols == wanted), None)
        return WayBack(texts, rank)

    def _compared(self, strings: Iterable[str]) -> list[list[str]]:
        """Sources as far as the model can tell them apart, without their features."""
        lowers = self.back.text.lowercase and not self.text.lowercase
        text = self.text.compared
        if text.feature_separator is not None:
            strings = (string.partition(FEATURE_MARK)[0] for string in strings)
        rows = split_sources(strings, text)
        return [[symbol.lower() for symbol in row] for row in rows] if lowers else rows
