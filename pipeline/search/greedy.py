"""The most probable symbol, one after the other; and what sampling shares with it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.search.constraints import NEVER
from pipeline.search.options import DEFAULT, SearchOptions
from pipeline.search.penalties import penalize
from pipeline.search.position_loop import loop
from pipeline.search.result import SearchResult, Step, log_softmax, would_go_on
from pipeline.text.symbols import END, PAD, START


def greedy_search(
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    options: SearchOptions = DEFAULT,
) -> SearchResult:
    """The most probable symbol, one after the other.

    Args:
        step: The model, see `pipeline.search.result`.
        state: First state, a nest of `[batch, ...]`.
        memory: A nest of `[batch, ...]`.
        limits: `[batch]` int32, largest length of each output, end symbol included, at least 1.
        options: Penalties are for the rank score alone.

    Returns:
        One hypothesis per input. It depends on that input alone, whatever else is in the batch.
    """

    def most_probable(log_probabilities: Any, position: Any) -> tuple[Any, Any]:
        best = tf.argmax(log_probabilities, axis=-1, output_type=tf.int32)
        return best, tf.reduce_max(log_probabilities, axis=-1)

    return one_hypothesis(follow(most_probable, step, state, memory, limits, options), options)


def greedy_search_with_rivals(
    step: Step, state: Any, memory: Any, limits: Any, options: SearchOptions = DEFAULT
) -> tuple[SearchResult, Any]:
    """The same, and `[batch]` the most that log p of any other output of the input can be.

    Another output leaves the one that is found at some symbol, where it has at best the second most probable one. As
    soon as the output itself has no more than that, it is given up, and ends where it is.
    """

    def two_most_probable(log_probabilities: Any, position: Any) -> tuple[Any, Any, Any]:
        two, symbols = tf.math.top_k(log_probabilities, 2)
        return symbols[:, 0], two[:, 0], two[:, 1]

    followed = follow(two_most_probable, step, state, memory, limits, options, rivals=True)
    return one_hypothesis(followed, options), followed.rivals


class Followed(NamedTuple):
    """One output per row."""

    tokens: Any  # [rows, target]; all padding where the constraints left nothing
    scores: Any  # [rows], log p; -inf where the constraints left nothing
    limited: Any  # [rows], see `SearchResult`
    weights: Any  # [rows, target, source] or None
    rivals: Any = ()  # [rows], the most that log p of any other can be, if that is asked for


def follow(
    choose: Callable[[Any, Any], tuple[Any, ...]],
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    options: SearchOptions,
    rivals: bool = False,
) -> Followed:
    """One output per row, one symbol after the other as `choose` says.

    Args:
        choose: From log p `[rows, vocabulary]`, -inf where a symbol may not come, and the position to symbols
            `[rows]` and their log p; with rivals, also the log p of the best other symbol.
        step: The model, as in `greedy_search`, and so the rest.
        state: Of the rows.
        memory: Of the inputs.
        limits: `[rows]`.
        options: Of the rows.
        rivals: Whether to give up what is no more probable than another output can be.
    """
    constraints, keep_attention, store = options.constraints, options.needs_attention, options.arrays
    rows, limits = tf.shape(limits)[0], constraints.widen(limits)

    def body(position: Any, tokens: Any, state: Any, scores: Any, flags: Any, arrays: Any) -> tuple[Any, ...]:
        (state, kept), (scores, best_other), (ended, limited) = state, scores, flags
        kept = constraints.remember(kept, tokens, position)
        logits, state, weights = step(tokens, state, memory)
        at_limit, log_probabilities = position + 1 >= limits, log_softmax(logits)
        limited |= at_limit & ~ended & would_go_on(log_probabilities)
        tokens, gained, *others = choose(constraints.apply(log_probabilities, position, at_limit, kept), position)
        if rivals:
            best_other = tf.where(ended, best_other, tf.maximum(best_other, scores + others[0]))
        tokens, scores = tf.where(ended, PAD, tokens), tf.where(ended, scores, scores + gained)
        written = (tokens, tf.cast(weights, tf.float32))[: len(arrays)]
        arrays = store.write(arrays, position, written)
        # The limit ends it too: a model that gives no numbers any more never names the end symbol.
        ended = ended | tf.equal(tokens, END) | at_limit
        if constraints.may_leave_nothing:
            ended |= tf.equal(scores, NEVER)
        if rivals:
            ended |= scores <= best_other
        return position + 1, tokens, (state, kept), (scores, best_other), (ended, limited), arrays

    kinds = [(tf.int32, [rows]), (tf.float32, [rows, None])][: 1 + keep_attention]
    arrays = tuple(store.make(*kind) for kind in kinds)
    state = (state, constraints.begin(limits))
    flags = tf.zeros([rows], tf.bool), tf.zeros([rows], tf.bool)
    first = tf.zeros([rows]), tf.fill([rows], NEVER) if rivals else ()
    start = (tf.constant(0), tf.fill([rows], START), state, first, flags, arrays)
    position, _, _, (scores, best_other), (_, limited), arrays = loop(
        lambda position, tokens, state, scores, flags, arrays: tf.reduce_any(~flags[0]), body, start
    )
    tokens, *kept_weights = store.stack(arrays, position, [shape for _, shape in kinds])
    tokens = tf.transpose(tokens)
    weights = tf.transpose(kept_weights[0], [1, 0, 2]) if keep_attention else None
    if constraints.may_leave_nothing:
        tokens = tf.where(tf.equal(scores, NEVER)[:, None], PAD, tokens)
    return Followed(tokens, scores, limited, weights, best_other)


def one_hypothesis(found: Followed, options: SearchOptions) -> SearchResult:
    """What `follow` found, as the only hypothesis of every input."""
    tokens, scores, limited, weights, _ = found
    coverage = options.coverage
    lengths = tf.reduce_sum(tf.cast(tf.not_equal(tokens, PAD), tf.int32), axis=-1)
    if weights is not None:
        weights *= tf.sequence_mask(lengths, tf.shape(tokens)[1], tf.float32)[:, :, None]
    ranks = penalize(scores, lengths, options.length_penalty)
    if coverage:
        # An empty batch has no weights, and nothing says how wide they would be.
        coverage = coverage._replace(mask=coverage.mask[:, : tf.shape(weights)[2]])
        ranks += coverage.penalty(tf.reduce_sum(weights, axis=1))
    limited &= lengths > 0
    return SearchResult(tokens, scores, lengths, weights, ranks, limited).map(lambda part: part[:, None])
