"""Beam search: the most probable hypotheses of every input, in the graph, batched."""

from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.search.constraints import NEVER
from pipeline.search.options import DEFAULT, SearchOptions
from pipeline.search.penalties import penalize
from pipeline.search.position_loop import Arrays, loop
from pipeline.search.result import SearchResult, Step, last_size, log_softmax, would_go_on
from pipeline.text.symbols import END, PAD, START

# Above every log p, below infinity: an ended hypothesis keeps its place in the beam.
KEEP = 1e30


def beam_search(
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    beam_size: int,
    n_best: int = 1,
    options: SearchOptions = DEFAULT,
) -> SearchResult:
    """The `beam_size` most probable hypotheses, one symbol after the other.

    A hypothesis that ends among the best keeps its place, the others go on beside it. An input is done when
    `n_best` hypotheses have ended and no open one can still beat them: log p only falls, so an open one is
    worth at most its log p now over the largest length penalty it can reach, with its source all covered. Its
    open ones are closed there, so that nothing depends on how long the rest of the batch takes. Penalties order
    what has ended; which open hypotheses are kept is a matter of log p.

    Args:
        step: The model, see `pipeline.search.result`.
        state: First state, a nest of `[batch, ...]`.
        memory: A nest of `[batch, ...]`.
        limits: `[batch]` int32, largest length of each output, end symbol included, at least 1.
        beam_size: Hypotheses kept per input. 1 gives what `greedy_search` gives.
        n_best: Hypotheses returned per input, at most `beam_size`.
        options: What they are ordered by, and what they keep to.
    """
    if not 1 <= n_best <= beam_size:
        raise ValueError(f"n_best must be from 1 to beam_size ({beam_size}), got {n_best}")
    rows, limits = tf.shape(limits)[0], options.constraints.widen(limits)
    length_penalty, keep_attention, store = options.length_penalty, options.keep_attention, options.arrays
    symbols, looks = [rows, beam_size], [rows, beam_size, None]
    best_case = ((5.0 + tf.cast(limits, tf.float32)) / 6.0) ** length_penalty
    inputs = tf.repeat(tf.range(rows), beam_size)  # of every hypothesis
    limits_of_beams, first_slots = tf.gather(limits, inputs), tf.range(rows)[:, None] * beam_size
    of_beams = options.repeat(beam_size)
    constraints, coverage = of_beams.constraints, of_beams.coverage
    state = tf.nest.map_structure(lambda part: tf.gather(part, inputs), state)

    def body(position: Any, tokens: Any, state: Any, beam: "_Beam", arrays: Any) -> tuple[Any, ...]:
        (state, kept, looked), tokens = state, tf.reshape(tokens, [-1])
        kept = constraints.remember(kept, tokens, position)
        logits, state, weights = step(tokens, state, memory)
        weights = tf.cast(weights, tf.float32)
        if coverage:
            looked += tf.where(tf.reshape(beam.ended, [-1, 1]), 0.0, weights)
        at_limit, log_probabilities = position + 1 >= limits_of_beams, log_softmax(logits)
        forced = tf.reshape(at_limit & would_go_on(log_probabilities), [rows, beam_size])
        beam = beam._replace(limited=beam.limited | (forced & ~beam.ended))
        log_probabilities = constraints.apply(log_probabilities, position, at_limit, kept)
        tokens, parents, beam = _advance(beam, _of_inputs(log_probabilities, rows, beam_size))
        rows_of_parents = tf.reshape(parents + first_slots, [-1])
        state = tf.nest.map_structure(lambda part: tf.gather(part, rows_of_parents), (state, kept, looked))
        if coverage:
            beam = beam._replace(uncovered=tf.reshape(coverage.penalty(state[2]), [rows, beam_size]))
        beam = _close_hopeless(beam, best_case, n_best, length_penalty)
        written = (tokens, parents, _of_inputs(weights, rows, beam_size))[: len(arrays)]
        arrays = store.write(arrays, position, written)
        return position + 1, tokens, state, beam, arrays

    looked = tf.zeros_like(coverage.mask, tf.float32) if coverage else ()
    state = (state, constraints.begin(limits_of_beams), looked)
    beam = _first_beam(rows, beam_size, coverage is not None)
    kinds = [(tf.int32, symbols), (tf.int32, symbols), *([(tf.float32, looks)] if keep_attention else [])]
    arrays = tuple(store.make(*kind) for kind in kinds)
    start = (tf.constant(0), tf.fill([rows, beam_size], START), state, beam, arrays)
    position, _, _, beam, arrays = loop(
        lambda position, tokens, state, beam, arrays: tf.reduce_any(_open(beam)), body, start
    )
    found = store.stack(arrays, position, [shape for _, shape in kinds])
    ranks, slots = tf.math.top_k(_penalized(beam, length_penalty), n_best)
    return _trace_back(beam, ranks, slots, _Steps(*found), store)


class _Beam(NamedTuple):
    scores: Any  # [batch, beam], log p; -inf is no hypothesis
    ended: Any  # [batch, beam]
    lengths: Any  # [batch, beam], end symbol included
    limited: Any  # [batch, beam], see `SearchResult`
    uncovered: Any = ()  # [batch, beam], the coverage penalty, if there is one


def _first_beam(rows: Any, beam_size: int, with_coverage: bool) -> _Beam:
    first, nothing = tf.tile([[0.0] + [NEVER] * (beam_size - 1)], [rows, 1]), tf.zeros([rows, beam_size])
    ended, lengths = tf.zeros([rows, beam_size], tf.bool), tf.zeros([rows, beam_size], tf.int32)
    return _Beam(first, ended, lengths, ended, nothing if with_coverage else ())


def _penalized(beam: _Beam, length_penalty: float) -> Any:
    ranks = penalize(beam.scores, beam.lengths, length_penalty)
    return tf.where(beam.ended, ranks if isinstance(beam.uncovered, tuple) else ranks + beam.uncovered, NEVER)


def _of_inputs(part: Any, rows: Any, beam_size: int) -> Any:
    """`[rows * beam, size]` to `[rows, beam, size]`."""
    if part.shape[0] == beam_size:  # one input, whose size need not be computed
        return tf.expand_dims(part, 0)
    return tf.reshape(part, [rows, beam_size, last_size(part)])


def _open(beam: _Beam) -> Any:
    return ~beam.ended & (beam.scores > NEVER)


def _advance(beam: _Beam, log_probabilities: Any) -> tuple[Any, Any, _Beam]:
    """Choose the best continuations; symbols and parents are `[batch, beam]`."""
    beam_size, vocabulary = log_probabilities.shape[1], last_size(log_probabilities)
    pad_only = tf.where(tf.range(vocabulary) == PAD, 0.0, NEVER)
    ended = tf.expand_dims(beam.ended, 2)
    log_probabilities = tf.where(ended, pad_only, log_probabilities)
    candidates = tf.expand_dims(beam.scores, 2) + log_probabilities
    ranked = tf.where(ended, pad_only + KEEP, candidates)
    _, chosen = tf.math.top_k(tf.reshape(ranked, [-1, beam_size * vocabulary]), beam_size)
    scores = tf.gather(tf.reshape(candidates, [-1, beam_size * vocabulary]), chosen, batch_dims=1)
    parents = chosen // vocabulary
    tokens = chosen - parents * vocabulary
    was_ended, limited = (tf.gather(part, parents, batch_dims=1) for part in (beam.ended, beam.limited))
    exists = scores > NEVER
    lengths = tf.gather(beam.lengths, parents, batch_dims=1) + tf.cast(~was_ended & exists, tf.int32)
    ended = (was_ended | tf.equal(tokens, END)) & exists
    return tokens, parents, beam._replace(scores=scores, ended=ended, lengths=lengths, limited=limited)


def _close_hopeless(beam: _Beam, best_case: Any, n_best: int, length_penalty: float) -> _Beam:
    """Take the open hypotheses away where enough have ended and none of the open can beat them."""
    to_beat = tf.math.top_k(_penalized(beam, length_penalty), n_best).values[:, -1]
    hope = tf.reduce_max(tf.where(_open(beam), beam.scores, NEVER), axis=-1) / best_case
    done = to_beat >= hope
    return beam._replace(scores=tf.where(tf.expand_dims(done, 1) & ~beam.ended, NEVER, beam.scores))


class _Steps(NamedTuple):
    """What was chosen at every position."""

    tokens: Any  # [positions, batch, beam]
    parents: Any  # [positions, batch, beam], from which hypothesis each went on
    weights: Any = None  # [positions, batch, beam, source], of the parents


def _trace_back(beam: _Beam, ranks: Any, slots: Any, steps: _Steps, store: Arrays) -> SearchResult:
    """Follow the parents from the last position to the first; ranks and slots are `[batch, n_best]`."""
    length, (rows, n_best) = tf.shape(steps.tokens)[0], (tf.shape(slots)[0], slots.shape[1])
    kinds = [(tf.int32, [rows, n_best]), (tf.float32, [rows, n_best, None])]
    kinds = kinds[: 1 if steps.weights is None else 2]

    def body(position: Any, slots: Any, arrays: Any) -> tuple[Any, ...]:
        here = _Steps(*(None if part is None else tf.gather(part, position) for part in steps))
        parent = tf.gather(here.parents, slots, batch_dims=1)
        written = [tf.gather(here.tokens, slots, batch_dims=1)]
        if here.weights is not None:
            written.append(tf.gather(here.weights, parent, batch_dims=1))
        return position - 1, parent, store.write(arrays, position, written)

    arrays = tuple(store.make(*kind) for kind in kinds)
    *_, arrays = loop(lambda position, *_: position >= 0, body, (length - 1, slots, arrays))
    scores = tf.gather(beam.scores, slots, batch_dims=1)
    ended = tf.gather(beam.ended, slots, batch_dims=1)
    lengths = tf.where(ended, tf.gather(beam.lengths, slots, batch_dims=1), 0)
    limited = ended & tf.gather(beam.limited, slots, batch_dims=1)
    longest = tf.reduce_max(tf.concat([[0], tf.reshape(lengths, [-1])], axis=0))
    inside = tf.sequence_mask(lengths, longest)
    found = store.stack(arrays, length, [shape for _, shape in kinds])
    tokens = tf.where(inside, tf.transpose(found[0], [1, 2, 0])[:, :, :longest], PAD)
    weights = None
    if steps.weights is not None:
        weights = tf.where(inside[..., None], tf.transpose(found[1], [1, 2, 0, 3])[:, :, :longest], 0.0)
    return SearchResult(tokens, tf.where(ended, scores, NEVER), lengths, weights, ranks, limited)
