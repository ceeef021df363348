"""A lexicon of exceptions: what a model's answers are replaced by, for any model and without TensorFlow."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.answering.predictions import (
    LEXICON,
    MODEL,
    AnswersStrings,
    Hypothesis,
    Prediction,
    Predictions,
)
from pipeline.answering.wrapped_model import WrappedModel
from pipeline.errors import DataError
from pipeline.pairs.pair_file import read_table
from pipeline.plain_text.given_strings import encode, list_prefixes, list_strings
from pipeline.settings.text import TextConfiguration
from pipeline.unicode.normal_forms import normalize_string
from pipeline.unicode.white_space import strip

Lexicon = Mapping[str, Sequence[str]]
"""Targets, the best first, by source; sources as `text` brings them to one form."""


def read_lexicon(path: str | os.PathLike[str], text: TextConfiguration) -> Lexicon:
    """Read a lexicon: source TAB target on every line; further lines of a source have its next best targets.

    For a model that reads features a third column has those of the source, as `predict` would be given them; a line
    without any answers sources without features.

    Args:
        path: A UTF-8 file, as training data are read.
        text: How the model brings sources to one form: so are those of the lexicon.

    Raises:
        DataError: The file cannot be read, or a line of it cannot be used.
    """
    lexicon: dict[str, dict[str, None]] = {}
    columns = None if text.feature_separator is None else {"source": 1, "target": 2, "features": 3}
    for pair in read_table(os.fspath(path), columns=columns):
        source, target = _key(pair.source, text), strip(pair.target)
        if not source or not target:
            side = "target" if source else "source"
            raise DataError(f"{path}:{pair.line}: the {side} is empty; give source TAB target, or leave the line out")
        lexicon.setdefault(source, {})[target] = None
    return {source: tuple(targets) for source, targets in lexicon.items()}


def _key(source: str, text: TextConfiguration) -> str:
    how = text.side("source")
    return normalize_string(source, how.normalization, how.lowercase)


class LexiconPredictor(WrappedModel):
    """Answers what stands in a lexicon as that does, everything else as a model does; says which of the two it was.

    Args:
        model: Any.
        lexicon: From `read_lexicon`, by the model's own `text`.
    """

    def __init__(self, model: AnswersStrings, lexicon: Lexicon) -> None:
        super().__init__(model)
        self.lexicon = lexicon

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
    ) -> Predictions:
        """One prediction per source, with `answered_by`; what begins with a prefix is answered by the model."""
        given = list_strings(sources, "sources")
        begun = list_prefixes(prefixes, len(given))
        options: dict[str, Any] = {} if begun is None else {"prefixes": begun}
        found = self.model.predict(given, on_progress, heads_apart=heads_apart, attention=attention, **options)
        return Predictions(
            self._answer(source, one._replace(answered_by=one.answered_by or MODEL), bool(begun and begun[place]))
            for place, (source, one) in enumerate(zip(given, found, strict=True))
        )

    def _answer(self, source: str | bytes, prediction: Prediction, begins: bool) -> Prediction:
        targets = self.lexicon.get(_key(encode(source).decode(errors="replace"), self.text), ())
        if not targets or begins:
            return prediction
        # Nobody looked at anything.
        nothing = np.zeros((0, len(prediction.source_tokens)), np.float32)
        hypotheses = [Hypothesis(target, 0.0, [], nothing, 0.0) for target in targets[: self.n_best]]
        sure = None if prediction.confidence is None else 1.0
        return prediction._replace(
            hypotheses=hypotheses, answered_by=LEXICON, confidence=sure, attention_heads=None, copied=None, votes=()
        )
