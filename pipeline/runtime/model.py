"""Strings in; strings, scores and attention out: what a folder answers, the same as the run that it was made of."""

import copy
import functools
import logging
import os
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.answering.predictions import Hypothesis, PairScores, Prediction, Predictions, count_features
from pipeline.errors import DataError
from pipeline.plain_text.given_strings import encode, list_pairs, list_prefixes, list_strings, list_token_pairs
from pipeline.plain_text.processor import PlainReading, make_plain_texts, take_tokens
from pipeline.runtime.engines import Arrays, Engine
from pipeline.runtime.fixed_settings import require_fixed
from pipeline.runtime.folder import Folder, read_folder
from pipeline.runtime.unknown import Replacement, UnknownInVocabularies, replace_unknown
from pipeline.text.known_symbols import KnownSymbols
from pipeline.text.symbols import END, PAD, SPECIAL_SYMBOLS, UNKNOWN
from pipeline.unicode.graph_tables import NORMAL_FORMS_VERSION

logger = logging.getLogger(__name__)

LEAST_SCORE = -1e30
"""No output is so improbable: some operations of LiteRT have the least of all numbers in the place of -inf."""
Answer = TypeVar("Answer")
_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, KeyError)


class Model:
    """A folder that `export --format litert` or `--format onnx` wrote, opened.

    Strings are answered one by one, on one thread unless more are asked for. Several threads may ask the same model.

    Args:
        folder: Its path.
        threads: With which one string is answered.

    Raises:
        UsageError: No such folder, one of another version, or a package is missing that it needs.
        DataError: A file is damaged.

    Example:
        model = Model("folder")
        [prediction] = model.predict(["attention"], n_best=3)
        prediction.texts, prediction.scores, prediction.attention
    """

    def __init__(self, folder: str | os.PathLike[str], threads: int = 1) -> None:
        read = read_folder(Path(folder))
        self._set_up(read, read.open_engine(threads))

    @classmethod
    def of(cls, folder: Folder, engine: Engine) -> "Model":
        """What a folder says, with an engine of one's own."""
        model = cls.__new__(cls)
        model._set_up(folder, engine)
        return model

    def beside(self, engine: Engine) -> "Model":
        """The same with another engine, for a thread of its own; what reads strings is shared."""
        other = copy.copy(self)
        other.engine = engine
        return other

    def _set_up(self, folder: Folder, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        self.text, self.n_best = folder.text, folder.n_best
        self.copies_unknown = bool(folder.search["replace_unknown"]) or folder.copies
        _warn_of_newer_unicode(folder)
        sides = make_plain_texts(folder.text, folder.source, folder.target, folder.output_form)
        self.source_text, self.target_text = sides
        self._replacement = Replacement(
            folder.dictionary or {},
            self._copied_as_unknown if folder.copies else None,
            folder.search["replace_unknown"],
        )

    @functools.cached_property
    def known(self) -> KnownSymbols:
        """Which symbols the model has."""
        return KnownSymbols(UnknownInVocabularies(self.folder, self.source_text, self.target_text), self.text)

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
        n_best: int | None = None,
    ) -> Predictions:
        """One prediction per source, in order.

        Args:
            sources: Any number of strings, `str` or UTF-8 `bytes`: a list, tuple, generator, array or column of them. A
                string alone is one source, and gives a list of one prediction.
            on_progress: Called with the number of sources done since the last call.
            prefixes: What the outputs begin with, one per source.
            heads_apart: Whether the heads of the attention are wanted too, and what was copied; not with prefixes.
            attention: Whether attention is wanted; the file computes it in any case.
            n_best: How many of the outputs to keep; None takes the folder's.

        Raises:
            TypeError: Something is no string, or has no order.
            ValueError: Not as many prefixes as sources, or an array of several dimensions.
            UsageError: The folder keeps fewer outputs.
            DataError: The model file gives what no model of an export gives.
        """
        kept = require_fixed(self.folder.path, {}, {}, self.folder.n_best, n_best or self.n_best, None)
        given = list_strings(sources, "sources")
        begun = list_prefixes(prefixes, len(given))
        found = Predictions()
        for place, source in enumerate(given):
            prefix = None if begun is None else encode(begun[place])
            found.append(self._answer(encode(source), prefix, kept, heads_apart and begun is None))
            if on_progress:
                on_progress(1)
        return found

    def _answer(self, source: bytes, prefix: bytes | None, kept: int, heads_apart: bool) -> Prediction:
        read = self.source_text.read(source, self.folder.max_length)
        begun = None if prefix is None else self.target_text.read(prefix, self.folder.max_target_length)
        ids = self.source_text.to_ids(read.symbols)
        begin = self.target_text.to_ids(begun.symbols) if begun else []
        hypotheses, heads, copied = self._ask(
            ids,
            begin,
            lambda arrays: (
                self._hypotheses(arrays, read, kept),
                _heads_of(arrays, len(ids) + 1) if heads_apart else None,
                _copied_of(arrays) if heads_apart else None,
            ),
        )
        return Prediction(
            hypotheses=hypotheses,
            source_tokens=[*read.symbols, SPECIAL_SYMBOLS[END]],
            cut=read.cut,
            invalid=read.invalid,
            unknown=self.source_text.count_unknown(ids),
            attention_heads=heads,
            copied=copied,
            prefix_cut=begun is not None and begun.cut,
            prefix_unknown=begin.count(UNKNOWN),
        )

    def _hypotheses(self, arrays: Arrays, read: PlainReading, kept: int) -> list[Hypothesis]:
        hypotheses = []
        for rank, score in enumerate(arrays["scores"][:kept].tolist()):
            if np.isfinite(score) and score > LEAST_SCORE:
                length = int(arrays["lengths"][rank])
                attention = np.array(arrays["attention"][rank, :length, : len(read.symbols) + 1], np.float32)
                ids = arrays["tokens"][rank, :length].tolist()
                text, tokens = self._show(ids, attention, read.symbols)
                hypotheses.append(
                    Hypothesis(
                        text=text,
                        score=score,
                        tokens=tokens,
                        attention=attention,
                        rank_score=float(arrays["rank_scores"][rank]),
                        limited=bool(arrays["limited"][rank]),
                        features=count_features(read.symbols),
                    )
                )
        return hypotheses

    def _show(self, ids: Sequence[int], attention: np.ndarray, source: Sequence[str]) -> tuple[str, list[str]]:
        """The text and the symbols of an output."""
        if min(ids, default=0) < 0:
            raise ValueError(f"there is no symbol {min(ids)}")
        names = [self.target_text.names[number] for number in ids]
        if self.copies_unknown:
            names = replace_unknown(ids, names, attention, source, self._replacement)
        shown = [name for number, name in zip(ids, names, strict=True) if number != END]
        return self.target_text.join(shown), names

    def _copied_as_unknown(self, source: Sequence[str]) -> list[bool]:
        """Of every source symbol whether its copy has no id of its own."""
        unknown = [number == UNKNOWN for number in self.source_text.to_ids(source)]
        lacking = [number == UNKNOWN for number in self.target_text.to_ids(source)]
        return [one or other for one, other in zip(unknown, lacking, strict=True)]

    def score(
        self, sources: str | bytes | Iterable[str | bytes], targets: str | bytes | Iterable[str | bytes]
    ) -> PairScores:
        """How probable given targets are, end symbol included.

        Args:
            sources: As in `predict`.
            targets: One for each source; cut after `max_target_length` symbols.

        Raises:
            TypeError: Something is no string, or has no order.
            ValueError: Not as many targets as sources.
            DataError: The model file gives what no model of an export gives.
        """
        given, wanted = list_pairs(sources, targets)
        longest = self.folder.max_target_length
        return self._score(given, (self.target_text.read(target, longest) for target in wanted))

    def score_tokens(
        self, sources: str | bytes | Iterable[str | bytes], targets: Iterable[Iterable[str]]
    ) -> PairScores:
        """The same of targets that are cut into symbols already, without end symbol."""
        given, rows = list_token_pairs(sources, targets)
        return self._score(given, (take_tokens(row, self.folder.max_target_length) for row in rows))

    def _score(self, sources: Iterable[bytes], targets: Iterable[PlainReading]) -> PairScores:
        """A target is an output that begins with it, its end included: the search finds no other."""
        rows = []
        for source, target in zip(sources, targets, strict=True):
            read = self.source_text.read(source, self.folder.max_length)
            ids, wanted = self.source_text.to_ids(read.symbols), self.target_text.to_ids(target.symbols)
            score = self._ask(ids, [*wanted, END], lambda arrays: float(arrays["scores"][0]))
            told = len(wanted) + 1, read.cut, self.source_text.count_unknown(ids), target.cut, wanted.count(UNKNOWN)
            rows.append((-np.inf if score < LEAST_SCORE else score, *told))
        dtypes = (np.float32, np.int32, np.bool_, np.int32, np.bool_, np.int32)
        columns = zip(*rows, strict=True) if rows else [()] * len(dtypes)
        return PairScores(*(np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)))

    def _ask(self, source: list[int], begin: list[int], take: Callable[[Arrays], Answer]) -> Answer:
        """Something of what the model finds; its file may be anybody's."""
        try:
            return take(self.engine.run(np.array([[*source, END]], np.int32), np.array([begin or [PAD]], np.int32)))
        except _ERRORS as error:
            reason = " ".join(str(error).split())[:300]
            raise DataError(
                f"{self.folder.path}: the model file fails or answers as no export's does ({reason}); export it again"
            ) from error


def _heads_of(arrays: Arrays, source_length: int) -> np.ndarray | None:
    if "attention_heads" not in arrays:
        return None
    return np.array(arrays["attention_heads"][:, : int(arrays["lengths"][0]), :source_length], np.float32)


def _copied_of(arrays: Arrays) -> np.ndarray | None:
    if "copied" not in arrays:
        return None
    return np.array(arrays["copied"][: int(arrays["lengths"][0])], np.float32)


def _warn_of_newer_unicode(folder: Folder) -> None:
    """Say so where Python may know normal forms of letters that the export does not know."""
    version = unicodedata.unidata_version
    if int(version.split(".")[0]) > NORMAL_FORMS_VERSION and folder.text.has_forms:
        logger.warning(
            "this Python has the letters of Unicode %s, the model those of Unicode %d: newer ones may be read "
            "otherwise than by the run",
            version,
            NORMAL_FORMS_VERSION,
        )
