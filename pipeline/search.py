"""Finding the best outputs: greedy and beam search in the graph, batched, knowing nothing of the model.

A model comes in as one function, `step(tokens, state, memory)`: `[rows]` int32 previous symbols, a nest of
state tensors with `rows` as first axis and a nest of memory tensors with the inputs as first axis; in a beam
search, `rows` are the hypotheses of every input, one after the other. It returns logits `[rows, vocabulary]`,
the new state and the attention weights `[rows, source]`. State goes in and comes out; memory only goes in.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.symbols import END, PAD, START

Step = Callable[[Any, Any, Any], tuple[Any, Any, Any]]
NEVER = float("-inf")
# Above every log p, below infinity: an ended hypothesis keeps its place in the beam.
KEEP = 1e30


class SearchResult(NamedTuple):
    """The hypotheses of every input, best first by penalised score."""

    tokens: tf.Tensor
    """`[batch, n_best, target]` int32, closed by the end symbol, then padding."""
    scores: tf.Tensor
    """`[batch, n_best]` float32, log p(target, end symbol included), unpenalised; -inf where there is none."""
    lengths: tf.Tensor
    """`[batch, n_best]` int32, end symbol included; 0 where there is none."""
    attention_weights: tf.Tensor
    """`[batch, n_best, target, source]` float32, row t being what was looked at for symbol t."""


def greedy_search(step: Step, state: Any, memory: Any, limits: Any) -> SearchResult:
    """The most probable symbol, one after the other.

    Args:
        step: The model, see the module.
        state: First state, a nest of `[batch, ...]`.
        memory: A nest of `[batch, ...]`.
        limits: `[batch]` int32, largest length of each output, end symbol included, at least 1.

    Returns:
        One hypothesis per input. It depends on that input alone, whatever else is in the batch.
    """
    rows = tf.shape(limits)[0]

    def body(position: Any, tokens: Any, state: Any, scores: Any, ended: Any, arrays: Any) -> tuple[Any, ...]:
        logits, state, weights = step(tokens, state, memory)
        at_limit = position + 1 >= limits
        log_probabilities = _allowed(_log_softmax(logits), at_limit)
        tokens = tf.where(ended, PAD, tf.argmax(log_probabilities, axis=-1, output_type=tf.int32))
        gained = tf.reduce_max(log_probabilities, axis=-1)
        scores = tf.where(ended, scores, scores + gained)
        arrays = (arrays[0].write(position, tokens), arrays[1].write(position, tf.cast(weights, tf.float32)))
        # The limit ends it too: a model that gives no numbers any more never names the end symbol.
        ended = ended | tf.equal(tokens, END) | at_limit
        return position + 1, tokens, state, scores, ended, arrays

    arrays = (_array(tf.int32, [None]), _array(tf.float32, [None, None]))
    start = (tf.constant(0), tf.fill([rows], START), state, tf.zeros([rows]), tf.zeros([rows], tf.bool), arrays)
    position, _, _, scores, _, arrays = _loop(
        lambda position, tokens, state, scores, ended, arrays: ~tf.reduce_all(ended), body, start
    )
    tokens, weights = _stack(arrays[0], position, [rows]), _stack(arrays[1], position, [rows, 0])
    tokens = tf.transpose(tokens)
    lengths = tf.reduce_sum(tf.cast(tf.not_equal(tokens, PAD), tf.int32), axis=-1)
    weights = tf.transpose(weights, [1, 0, 2]) * tf.sequence_mask(lengths, position, tf.float32)[:, :, None]
    return SearchResult(tokens[:, None], scores[:, None], lengths[:, None], weights[:, None])


def beam_search(
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    beam_size: int,
    n_best: int = 1,
    length_penalty: float = 0.0,
) -> SearchResult:
    """The `beam_size` most probable hypotheses, one symbol after the other.

    A hypothesis that ends among the best keeps its place, the others go on beside it. An input is done when
    `n_best` hypotheses have ended and no open one can still beat them: log p only falls, so an open one is
    worth at most its log p now over the largest penalty it can reach. Its open ones are closed there, so
    that nothing depends on how long the rest of the batch takes.

    Args:
        step: The model, see the module.
        state: First state, a nest of `[batch, ...]`.
        memory: A nest of `[batch, ...]`.
        limits: `[batch]` int32, largest length of each output, end symbol included, at least 1.
        beam_size: Hypotheses kept per input. 1 gives what `greedy_search` gives.
        n_best: Hypotheses returned per input, at most `beam_size`.
        length_penalty: Exponent a of ((5 + length) / 6) ** a (Wu et al. 2016), see `penalize`.
    """
    if not 1 <= n_best <= beam_size:
        raise ValueError(f"n_best must be from 1 to beam_size ({beam_size}), got {n_best}")
    rows = tf.shape(limits)[0]
    state = tf.nest.map_structure(lambda part: tf.repeat(part, beam_size, axis=0), state)
    limits_of_beams, first_slots = tf.repeat(limits, beam_size), tf.range(rows)[:, None] * beam_size
    best_case = ((5.0 + tf.cast(limits, tf.float32)) / 6.0) ** length_penalty

    def body(position: Any, tokens: Any, state: Any, beam: "_Beam", arrays: Any) -> tuple[Any, ...]:
        logits, state, weights = step(tf.reshape(tokens, [-1]), state, memory)
        log_probabilities = _allowed(_log_softmax(logits), position + 1 >= limits_of_beams)
        tokens, parents, beam = _advance(beam, tf.reshape(log_probabilities, [rows, beam_size, -1]))
        rows_of_parents = tf.reshape(parents + first_slots, [-1])
        state = tf.nest.map_structure(lambda part: tf.gather(part, rows_of_parents), state)
        beam = _close_hopeless(beam, best_case, n_best, length_penalty)
        weights = tf.reshape(tf.cast(weights, tf.float32), [rows, beam_size, tf.shape(weights)[-1]])
        written = (tokens, parents, weights)
        arrays = tuple(array.write(position, value) for array, value in zip(arrays, written, strict=True))
        return position + 1, tokens, state, beam, arrays

    first = tf.tile([[0.0] + [NEVER] * (beam_size - 1)], [rows, 1])
    beam = _Beam(first, tf.zeros([rows, beam_size], tf.bool), tf.zeros([rows, beam_size], tf.int32))
    arrays = (
        _array(tf.int32, [None, beam_size]),
        _array(tf.int32, [None, beam_size]),
        _array(tf.float32, [None, beam_size, None]),
    )
    start = (tf.constant(0), tf.fill([rows, beam_size], START), state, beam, arrays)
    position, _, _, beam, arrays = _loop(
        lambda position, tokens, state, beam, arrays: tf.reduce_any(_open(beam)), body, start
    )
    tokens = _stack(arrays[0], position, [rows, beam_size])
    parents = _stack(arrays[1], position, [rows, beam_size])
    weights = _stack(arrays[2], position, [rows, beam_size, 0])
    _, slots = tf.math.top_k(_penalized(beam, length_penalty), n_best)
    return _trace_back(beam, slots, tokens, parents, weights)


class _Beam(NamedTuple):
    scores: Any  # [batch, beam], log p; -inf is no hypothesis
    ended: Any  # [batch, beam]
    lengths: Any  # [batch, beam], end symbol included


def penalize(scores: Any, lengths: Any, length_penalty: float) -> Any:
    """What hypotheses are ordered by: log p / ((5 + length) / 6) ** a, the end symbol counted in the length.

    Example:
        >>> float(penalize(tf.constant(-3.0), tf.constant(7), 1.0))
        -1.5
    """
    if length_penalty == 0:
        return scores
    return scores / ((5.0 + tf.cast(lengths, scores.dtype)) / 6.0) ** length_penalty


def _penalized(beam: _Beam, length_penalty: float) -> Any:
    return tf.where(beam.ended, penalize(beam.scores, beam.lengths, length_penalty), NEVER)


def _open(beam: _Beam) -> Any:
    return ~beam.ended & (beam.scores > NEVER)


def _advance(beam: _Beam, log_probabilities: Any) -> tuple[Any, Any, _Beam]:
    """Choose the best continuations; symbols and parents are `[batch, beam]`."""
    beam_size, vocabulary = log_probabilities.shape[1], tf.shape(log_probabilities)[2]
    pad_only = tf.where(tf.range(vocabulary) == PAD, 0.0, NEVER)
    log_probabilities = tf.where(beam.ended[:, :, None], pad_only, log_probabilities)
    candidates = beam.scores[:, :, None] + log_probabilities
    ranked = tf.where(beam.ended[:, :, None], pad_only + KEEP, candidates)
    _, chosen = tf.math.top_k(tf.reshape(ranked, [-1, beam_size * vocabulary]), beam_size)
    scores = tf.gather(tf.reshape(candidates, [-1, beam_size * vocabulary]), chosen, batch_dims=1)
    parents, tokens = chosen // vocabulary, chosen % vocabulary
    was_ended = tf.gather(beam.ended, parents, batch_dims=1)
    exists = scores > NEVER
    lengths = tf.gather(beam.lengths, parents, batch_dims=1) + tf.cast(~was_ended & exists, tf.int32)
    ended = (was_ended | tf.equal(tokens, END)) & exists
    return tokens, parents, _Beam(scores, ended, lengths)


def _close_hopeless(beam: _Beam, best_case: Any, n_best: int, length_penalty: float) -> _Beam:
    """Take the open hypotheses away where enough have ended and none of the open can beat them."""
    to_beat = tf.math.top_k(_penalized(beam, length_penalty), n_best).values[:, -1]
    hope = tf.reduce_max(tf.where(_open(beam), beam.scores, NEVER), axis=-1) / best_case
    done = to_beat >= hope
    return beam._replace(scores=tf.where(done[:, None] & ~beam.ended, NEVER, beam.scores))


def _trace_back(beam: _Beam, slots: Any, tokens: Any, parents: Any, weights: Any) -> SearchResult:
    """Follow the parents from the last position to the first; slots are `[batch, n_best]`."""
    length = tf.shape(tokens)[0]

    def body(position: Any, slots: Any, arrays: Any) -> tuple[Any, ...]:
        parent = tf.gather(parents[position], slots, batch_dims=1)
        arrays = (
            arrays[0].write(position, tf.gather(tokens[position], slots, batch_dims=1)),
            arrays[1].write(position, tf.gather(weights[position], parent, batch_dims=1)),
        )
        return position - 1, parent, arrays

    arrays = (_array(tf.int32, [None, None]), _array(tf.float32, [None, None, None]))
    *_, arrays = _loop(lambda position, *_: position >= 0, body, (length - 1, slots, arrays))
    rows, n_best = tf.shape(slots)[0], slots.shape[1]
    scores = tf.gather(beam.scores, slots, batch_dims=1)
    ended = tf.gather(beam.ended, slots, batch_dims=1)
    lengths = tf.where(ended, tf.gather(beam.lengths, slots, batch_dims=1), 0)
    longest = tf.reduce_max(tf.concat([[0], tf.reshape(lengths, [-1])], axis=0))
    inside = tf.sequence_mask(lengths, longest)
    best_tokens = tf.transpose(_stack(arrays[0], length, [rows, n_best]), [1, 2, 0])[:, :, :longest]
    best_weights = tf.transpose(_stack(arrays[1], length, [rows, n_best, 0]), [1, 2, 0, 3])[:, :, :longest]
    return SearchResult(
        tf.where(inside, best_tokens, PAD),
        tf.where(ended, scores, NEVER),
        lengths,
        tf.where(inside[..., None], best_weights, 0.0),
    )


def _log_softmax(logits: Any) -> Any:
    return tf.nn.log_softmax(tf.cast(logits, tf.float32))


def _allowed(log_probabilities: Any, at_limit: Any) -> Any:
    """No pad or start symbol; at an output's limit the end symbol only. The probabilities stay the model's."""
    # Outside of the graph where the size is known: this runs at every position.
    size = log_probabilities.shape[-1]
    symbols = tf.range(tf.shape(log_probabilities)[-1]) if size is None else np.arange(size)
    never = tf.where(tf.expand_dims(at_limit, 1), symbols != END, (symbols == PAD) | (symbols == START))
    return tf.where(never, NEVER, log_probabilities)


def _loop(condition: Callable[..., Any], body: Callable[..., Any], start: tuple[Any, ...]) -> tuple[Any, ...]:
    """`tf.while_loop` in which the number of rows, the first axis of everything, is not known beforehand."""

    def any_rows(value: Any) -> tf.TensorShape:
        is_array = isinstance(value, tf.TensorArray)
        return tf.TensorShape(None) if is_array or not value.shape.rank else tf.TensorShape([None, *value.shape[1:]])

    invariants = tf.nest.map_structure(any_rows, start)
    return tf.while_loop(condition, body, start, shape_invariants=(tf.TensorShape([]), *invariants[1:]))


def _array(dtype: Any, element_shape: list[int | None]) -> tf.TensorArray:
    return tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=element_shape)


def _stack(array: tf.TensorArray, length: Any, empty_shape: list[Any]) -> Any:
    """The array as a tensor, also when nothing was written (an empty batch)."""
    return tf.cond(length > 0, array.stack, lambda: tf.zeros([0, *empty_shape], array.dtype))
