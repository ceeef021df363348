"""Strings in, strings, scores and alignments out: the one graph that evaluation, prediction and export share."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf

from pipeline.data.length_limits import GENERAL
from pipeline.model.network import Network
from pipeline.prediction.given_ids import flags, to_ids
from pipeline.prediction.id_search import IdSearch
from pipeline.prediction.large_batches import APART, by_rows, map_rows, take_in_turns
from pipeline.prediction.lexicon_table import LexiconTable
from pipeline.prediction.target_scores import TargetScores
from pipeline.prediction.unknown_counts import UnknownInTexts
from pipeline.prediction.unknown_symbols import UnknownReplacement
from pipeline.search.result import SearchResult
from pipeline.settings.search import SearchConfiguration
from pipeline.text.processor import TextProcessor
from pipeline.text.symbols import END, PAD

Outputs = dict[str, tf.Tensor]
Wanted = Literal["best", "answers", "attention", "explanation"]
WITH_ATTENTION = ("attention", "explanation")

# Prefixes and targets may be as long as this, or as the longest output if that is longer.
TARGET_LENGTH = 1024
# What a step needs of every position that is looked at, in numbers: about as many as a network has units.
CELLS_PER_POSITION = 512.0


def _strings(*names: str) -> list[tf.TensorSpec]:
    return [tf.TensorSpec([None], tf.string, name=name) for name in names]


SOURCE = _strings("source")
WITH_PREFIX = _strings("source", "prefix")
WITH_TARGET = _strings("source", "target")
WITH_TARGET_TOKENS = [*SOURCE, tf.TensorSpec([None, None], tf.string, "target_tokens")]


class StringModel(tf.Module):
    """A network with its text handling and its search: a function from strings to strings.

    Any number of strings of any length and of any bytes: sources, prefixes and targets that are too long are cut, what
    is not UTF-8 is read as U+FFFD, and both are flagged; large batches are decoded in parts
    (`pipeline.prediction.large_batches`).

    Args:
        network: What finds and scores.
        source_text: Turns sources into ids.
        target_text: Turns ids into targets.
        search: How outputs are found; limits that it leaves to the data are those for any data.
        n_best: Outputs per input, at most the beam size.
        max_length: Longest source in symbols, end symbol not counted; longer ones are cut there and flagged.
        replacement: What is shown for unknown output symbols; None shows them as unknown.
    """

    def __init__(
        self,
        network: Network,
        source_text: TextProcessor,
        target_text: TextProcessor,
        search: SearchConfiguration,
        n_best: int,
        max_length: int,
        replacement: UnknownReplacement | None = None,
    ) -> None:
        super().__init__(name="attentif")
        self.network, self.source_text, self.target_text = network, source_text, target_text
        self.search, self.n_best, self.max_length = GENERAL.complete(search), n_best, max_length
        self._find_ids = IdSearch(network, self.search, n_best)
        self._find_best_ids = IdSearch(network, self.search, 1)
        self.max_target_length = max(TARGET_LENGTH, int(self._find_ids.longest(max_length)))
        self.replacement = replacement
        self.lexicon: LexiconTable | None = None
        """Answers sources before the network does; set before the first call."""
        if not target_text.right_to_left:
            # What begins with a prefix is not searched where the end is found first.
            self.complete = tf.function(self._complete, WITH_PREFIX, autograph=False)
        # Heads and shares cost passes of their own, which are for those alone who look at them.
        self._has_more = network.heads > 1 or network.copies
        self.explain = tf.function(self._explain, SOURCE, autograph=False) if self._has_more else self.decode
        self.best = tf.function(self._best, SOURCE, autograph=False) if n_best > 1 else self.answer
        # Traced once for all that ask for the same: for a single row, then known to be one, and for any number.
        apart: dict[Wanted, bool] = {"best": n_best > 1, "answers": True, "attention": True}
        kinds = [kind for kind, is_one in {**apart, "explanation": self._has_more}.items() if is_one]
        self._searches = {kind: by_rows(functools.partial(self._decode, kind), "source") for kind in kinds}
        # What has no attention is small: of more rows than fit, all of it is there for whoever takes some of it.
        self._turns = {
            kind: tf.function(functools.partial(self._take_turns, kind), SOURCE, **APART)
            for kind in kinds
            if kind not in WITH_ATTENTION
        }
        self._completion = by_rows(functools.partial(self._decode, "attention"), "source", "prefix")
        limits = self.max_length, self.max_target_length
        self.target_scores = TargetScores(network, source_text, target_text, *limits)

    @tf.function(input_signature=SOURCE, autograph=False)
    def decode(self, source: tf.Tensor) -> Outputs:
        """Everything there is to know about the outputs of `[batch]` strings.

        Returns:
            Of the outputs, best first: texts, scores (log p) and rank_scores (with the penalties, by which they are
            ordered) `[batch, n_best]` ('' and -inf where missing), target_tokens `[batch, n_best, target]`,
            attention `[batch, n_best, target, source]`, target_length and limited `[batch, n_best]` (whether the
            search's limit ended it where the model would have gone on); of the source:
            source_tokens `[batch, source]` and source_length `[batch]`, all with the end symbol where the model
            sees it; and cut, invalid and unknown `[batch]`: whether the source was too long, whether it was not
            UTF-8, and how many of its symbols were not in training. With a lexicon also answered_by `[batch]`.
        """
        return self.search_strings(dict, source)

    @tf.function(input_signature=SOURCE, autograph=False)
    def answer(self, source: tf.Tensor) -> Outputs:
        """The same without attention, which of long strings is the largest of what is kept and copied."""
        return self.search_strings(dict, source, wanted="answers")

    def _best(self, source: tf.Tensor) -> Outputs:
        """The same of the best output alone, which is found sooner than several."""
        return self.search_strings(dict, source, wanted="best")

    def _explain(self, source: tf.Tensor) -> Outputs:
        """The same and, of the best output: with several heads, whose mean the attention is, attention_heads
        `[batch, heads, target, source]`; with copying, copied `[batch, target]`, its share of each probability.
        """
        return self.search_strings(dict, source, wanted="explanation")

    def _complete(self, source: tf.Tensor, prefix: tf.Tensor) -> Outputs:
        """What `decode` returns, of outputs that begin with given strings `[batch]`; '' leaves them free.

        A prefix is cut into symbols as a text of its own, without white space at its ends: what follows is a new
        symbol, and subwords of its last word may not be those that a longer word would have. What training lacks
        becomes the unknown symbol. The scores count the prefix too. It may be longer than the search's limit, then
        only the end symbol follows; but it is cut after `max_target_length` symbols.

        Returns:
            Also prefix_cut, prefix_invalid and prefix_unknown `[batch]`, as cut, invalid and unknown of the source.
        """
        return self.search_strings(dict, source, prefix)

    def outside_graphs(self) -> "LiveModel":
        """The same model, of which no more is traced than what a call needs."""
        return LiveModel(self)

    def search_strings(
        self,
        choose: Callable[[Outputs], Outputs],
        source: tf.Tensor,
        prefix: tf.Tensor | None = None,
        wanted: Wanted = "attention",
    ) -> Outputs:
        """Some of what `decode` or `complete` returns; to be called in a graph.

        Args:
            choose: From their outputs to those wanted: the others are not kept beyond a part of the batch.
            source: `[batch]`.
            prefix: `[batch]`, or None for none.
            wanted: The best output alone or all answers, both without attention; all with attention, as with prefixes
                in any case; or what `explain` has besides.
        """
        if wanted == "explanation" and not self._has_more:
            wanted = "attention"
        if wanted == "best" and self.n_best == 1:
            wanted = "answers"

        def find(*inputs: tf.Tensor) -> Outputs:
            search = self._searches[wanted] if prefix is None else self._completion
            return choose(search[0 if inputs[0].shape[0] == 1 else 1](*inputs))

        def in_turns(source: tf.Tensor) -> Outputs:
            return choose(self._turns[wanted](source))

        inputs = [source] if prefix is None else [source, prefix]
        most = [self.max_length, self.max_target_length][: len(inputs)]
        there = prefix is None and wanted in self._turns
        cells_of = functools.partial(self._cells_of, wanted)
        return map_rows(find, inputs, cells_of, self._cells(wanted, *most), in_turns if there else None)

    def _cells(self, wanted: Wanted, source: Any, prefix: Any = 0.0) -> Any:
        """How much a source of so many symbols takes, with a prefix of so many."""
        look = self._find_ids.longest(source) + prefix if wanted in WITH_ATTENTION else 0.0
        return self.search.beam_size * (source + 1.0) * (CELLS_PER_POSITION + look)

    def _cells_of(self, wanted: Wanted, source: tf.Tensor, *prefix: tf.Tensor) -> tf.Tensor:
        begun = (self.target_text.estimate_lengths(part, self.max_target_length) for part in prefix)
        return self._cells(wanted, self.source_text.estimate_lengths(source, self.max_length), *begun)

    def _take_turns(self, wanted: Wanted, source: tf.Tensor) -> Outputs:
        return take_in_turns(self._searches[wanted][1], [source], self._cells_of(wanted, source))

    def _decode(self, wanted: Wanted, source: tf.Tensor, prefix: tf.Tensor | None = None) -> Outputs:
        read = self.source_text.read(source, self.max_length)
        ids, lengths = to_ids(self.source_text, read, self.max_length)
        told = flags(self.source_text, read, ids)
        begin = None
        if prefix is not None:
            begun = self.target_text.read(prefix, self.max_target_length)
            begin, _ = to_ids(self.target_text, begun, self.max_target_length)
            told |= flags(self.target_text, begun, begin, "prefix_")
            begin = tf.where(tf.equal(begin, END), PAD, begin)
        attention, find = wanted in WITH_ATTENTION, self._find_best_ids if wanted == "best" else self._find_ids
        found = find(ids, lengths, begin, attention or self.replacement is not None)
        more = self._look_again(ids, lengths, found.tokens[:, 0]) if wanted == "explanation" else {}
        found = self._as_read(found)
        source_tokens = self.source_text.to_symbols(read.symbols, self.max_length)
        texts, target_tokens = self._show(found, source_tokens, lengths, ids)
        outputs = {
            "texts": tf.where(tf.math.is_finite(found.scores), texts, ""),
            "scores": found.scores,
            "rank_scores": found.rank_scores,
            "source_tokens": source_tokens,
            "target_tokens": target_tokens,
            "source_length": lengths,
            "target_length": found.lengths,
            "limited": found.limited,
            **told,
            **more,
            **({"attention": found.attention_weights} if attention else {}),
        }
        return outputs if self.lexicon is None or prefix is not None else self.lexicon(outputs, read.text)

    def _as_read(self, found: SearchResult) -> SearchResult:
        """The same, its symbols and their attention in the order in which they are read."""
        turn, weights = self.target_text.turn, found.attention_weights
        return found._replace(
            tokens=turn(found.tokens, found.tokens),
            attention_weights=weights if weights is None else turn(weights, found.tokens),
        )

    def _look_again(self, ids: tf.Tensor, lengths: tf.Tensor, tokens: tf.Tensor) -> Outputs:
        """What the search has not kept, of outputs that it has found: given them, once more; as they are read."""
        outputs, target, turn = {}, tf.shape(tokens)[1], self.target_text.turn
        # A column at least: over none at all no recurrence runs.
        padded = tf.pad(tokens, [[0, 0], [0, tf.cast(tf.equal(target, 0), tf.int32)]])
        if self.network.heads > 1:
            heads = tf.transpose(self.network.attend(ids, lengths, padded)[:, :, :target], [0, 2, 1, 3])
            outputs["attention_heads"] = tf.cast(tf.transpose(turn(heads, tokens), [0, 2, 1, 3]), tf.float32)
        if self.network.copies:
            outputs["copied"] = turn(self.network.share_copied(ids, lengths, padded)[:, :target], tokens)
        return outputs

    def _show(
        self, found: SearchResult, source_tokens: tf.Tensor, source_lengths: tf.Tensor, source_ids: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Texts and symbols of what was found."""
        symbols = self.target_text.symbols(found.tokens)
        if self.replacement is None:
            return self.target_text.decode(found.tokens), symbols
        weights = self.source_text.hide_features(found.attention_weights, source_ids)
        symbols = self.replacement(found.tokens, symbols, weights, source_tokens, source_lengths, source_ids)
        return self.target_text.join(tf.where(found.tokens == END, "", symbols)), symbols

    @tf.function(input_signature=WITH_TARGET, autograph=False)
    def score(self, source: tf.Tensor, target: tf.Tensor) -> Outputs:
        """log p of given targets, `[batch]` strings, cut after `max_target_length` symbols.

        Returns:
            score and target_length (end symbol included) of what was left of the target; cut, invalid and unknown of
            the source; target_cut, target_invalid and target_unknown; all `[batch]`.
        """
        return self.target_scores.of_strings(source, target)

    @tf.function(input_signature=WITH_TARGET_TOKENS, autograph=False)
    def score_tokens(self, source: tf.Tensor, target_tokens: tf.Tensor) -> Outputs:
        """The same of targets that are cut already: `[batch, target]` without end symbol, '' on the right."""
        return self.target_scores.of_symbols(source, target_tokens)


class LiveModel:
    """A `StringModel`, of whose functions only that is traced which a call needs.

    In a graph each of them holds searches for one row, for as many as fit and for more, since it must answer all of
    these. Outside, Python sees how many rows came: of one word, a third is traced.

    Args:
        model: What answers.
    """

    decode: Callable[..., Outputs]
    answer: Callable[..., Outputs]
    best: Callable[..., Outputs]
    explain: Callable[..., Outputs]
    complete: Callable[..., Outputs]
    score: Callable[..., Outputs]
    score_tokens: Callable[..., Outputs]

    def __init__(self, model: StringModel) -> None:
        self.model, self.unknown = model, UnknownInTexts(model)
        for name in LiveModel.__annotations__:
            if hasattr(model, name):  # `complete` is not there where the end is found first
                setattr(self, name, getattr(model, name).python_function)
