"""Finding the best outputs: greedy and beam search in the graph, batched, knowing nothing of the model.

A model comes in as one function, `step(tokens, state, memory)`: `[rows]` int32 previous symbols, a nest of
state tensors with `rows` as first axis and a nest of memory tensors with the inputs as first axis; in a beam
search, `rows` are the hypotheses of every input, one after the other. It returns logits `[rows, vocabulary]`,
the new state and the attention weights `[rows, source]`. State goes in and comes out; memory only goes in.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from pipeline.search.constraints import NEVER, Constraints
from pipeline.search.penalties import Coverage, penalize
from pipeline.search.position_loop import array, loop, stack
from pipeline.text.symbols import END, PAD, START

Step = Callable[[Any, Any, Any], tuple[Any, Any, Any]]
FREE = Constraints()
# Above every log p, below infinity: an ended hypothesis keeps its place in the beam.
KEEP = 1e30


class SearchResult(NamedTuple):
    """The hypotheses of every input, best first by rank score."""

    tokens: tf.Tensor
    """`[batch, n_best, target]` int32, closed by the end symbol, then padding."""
    scores: tf.Tensor
    """`[batch, n_best]` float32, log p(target, end symbol included), unpenalised; -inf where there is none."""
    lengths: tf.Tensor
    """`[batch, n_best]` int32, end symbol included; 0 where there is none."""
    attention_weights: tf.Tensor
    """`[batch, n_best, target, source]` float32, row t being what was looked at for symbol t; None if not kept."""
    rank_scores: tf.Tensor
    """`[batch, n_best]` float32, the scores with their penalties; -inf where there is none."""
    limited: tf.Tensor
    """`[batch, n_best]` bool, whether the limit ended it where the model would have gone on."""

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> "SearchResult":
        """The same of everything that was kept."""
        return SearchResult(*(part if part is None else function(part) for part in self))


def greedy_search(
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    length_penalty: float = 0.0,
    coverage: Coverage | None = None,
    constraints: Constraints = FREE,
    keep_attention: bool = True,
) -> SearchResult:
    """The most probable symbol, one after the other.

    Args:
        step: The model, see the module.
        state: First state, a nest of `[batch, ...]`.
        memory: A nest of `[batch, ...]`.
        limits: `[batch]` int32, largest length of each output, end symbol included, at least 1.
        length_penalty: See `beam_search`; here for the rank score alone.
        coverage: See `beam_search`; here for the rank score alone.
        constraints: What outputs keep to besides.
        keep_attention: Whether to return the attention weights, the largest of the results by far.

    Returns:
        One hypothesis per input. It depends on that input alone, whatever else is in the batch.
    """

    def most_probable(log_probabilities: Any, position: Any) -> tuple[Any, Any]:
        best = tf.argmax(log_probabilities, axis=-1, output_type=tf.int32)
        return best, tf.reduce_max(log_probabilities, axis=-1)

    keep = keep_attention or coverage is not None
    return of_one(follow(most_probable, step, state, memory, limits, constraints, keep), length_penalty, coverage)


class Followed(NamedTuple):
    """One output per row."""

    tokens: Any  # [rows, target]; all padding where the constraints left nothing
    scores: Any  # [rows], log p; -inf where the constraints left nothing
    limited: Any  # [rows], see `SearchResult`
    weights: Any  # [rows, target, source] or None


def follow(
    choose: Callable[[Any, Any], tuple[Any, Any]],
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    constraints: Constraints,
    keep_attention: bool = True,
) -> Followed:
    """One output per row, one symbol after the other as `choose` says.

    Args:
        choose: From log p `[rows, vocabulary]`, -inf where a symbol may not come, and the position to symbols
            `[rows]` and their log p.
        step: The model, as in `greedy_search`, and so the rest.
        state: Of the rows.
        memory: Of the inputs.
        limits: `[rows]`.
        constraints: Of the rows.
        keep_attention: See `greedy_search`.
    """
    rows, limits = tf.shape(limits)[0], constraints.widen(limits)

    def body(position: Any, tokens: Any, state: Any, scores: Any, flags: Any, arrays: Any) -> tuple[Any, ...]:
        (state, said), (ended, limited) = state, flags
        said = constraints.remember(said, tokens, position)
        logits, state, weights = step(tokens, state, memory)
        at_limit, log_probabilities = position + 1 >= limits, _log_softmax(logits)
        limited |= at_limit & ~ended & _would_go_on(log_probabilities)
        tokens, gained = choose(constraints.apply(log_probabilities, position, at_limit, said), position)
        tokens, scores = tf.where(ended, PAD, tokens), tf.where(ended, scores, scores + gained)
        written = (tokens, tf.cast(weights, tf.float32))[: len(arrays)]
        arrays = tuple(kept.write(position, value) for kept, value in zip(arrays, written, strict=True))
        # The limit ends it too: a model that gives no numbers any more never names the end symbol.
        ended = ended | tf.equal(tokens, END) | at_limit
        if constraints.may_leave_nothing:
            ended |= tf.equal(scores, NEVER)
        return position + 1, tokens, (state, said), scores, (ended, limited), arrays

    arrays = (array(tf.int32, [None]), *([array(tf.float32, [None, None])] if keep_attention else []))
    state = (state, constraints.begin(limits))
    flags = tf.zeros([rows], tf.bool), tf.zeros([rows], tf.bool)
    start = (tf.constant(0), tf.fill([rows], START), state, tf.zeros([rows]), flags, arrays)
    position, _, _, scores, (_, limited), arrays = loop(
        lambda position, tokens, state, scores, flags, arrays: ~tf.reduce_all(flags[0]), body, start
    )
    tokens = tf.transpose(stack(arrays[0], position, [rows]))
    weights = tf.transpose(stack(arrays[1], position, [rows, 0]), [1, 0, 2]) if keep_attention else None
    if constraints.may_leave_nothing:
        tokens = tf.where(tf.equal(scores, NEVER)[:, None], PAD, tokens)
    return Followed(tokens, scores, limited, weights)


def _would_go_on(log_probabilities: Any) -> Any:
    """Where the model finds another symbol more probable than the end, or gives no numbers any more."""
    return ~(log_probabilities[:, END] >= tf.reduce_max(log_probabilities, axis=-1))


def of_one(found: Followed, length_penalty: float, coverage: Coverage | None) -> SearchResult:
    """What `follow` found, as the only hypothesis of every input."""
    tokens, scores, limited, weights = found
    lengths = tf.reduce_sum(tf.cast(tf.not_equal(tokens, PAD), tf.int32), axis=-1)
    if weights is not None:
        weights *= tf.sequence_mask(lengths, tf.shape(tokens)[1], tf.float32)[:, :, None]
    ranks = penalize(scores, lengths, length_penalty)
    if coverage:
        # An empty batch has no weights, and nothing says how wide they would be.
        coverage = coverage._replace(mask=coverage.mask[:, : tf.shape(weights)[2]])
        ranks += coverage.penalty(tf.reduce_sum(weights, axis=1))
    limited &= lengths > 0
    return SearchResult(tokens, scores, lengths, weights, ranks, limited).map(lambda part: part[:, None])


def beam_search(
    step: Step,
    state: Any,
    memory: Any,
    limits: Any,
    beam_size: int,
    n_best: int = 1,
    length_penalty: float = 0.0,
    coverage: Coverage | None = None,
    constraints: Constraints = FREE,
    keep_attention: bool = True,
) -> SearchResult:
    """The `beam_size` most probable hypotheses, one symbol after the other.

    A hypothesis that ends among the best keeps its place, the others go on beside it. An input is done when
    `n_best` hypotheses have ended and no open one can still beat them: log p only falls, so an open one is
    worth at most its log p now over the largest length penalty it can reach, with its source all covered. Its
    open ones are closed there, so that nothing depends on how long the rest of the batch takes. Penalties order
    what has ended; which open hypotheses are kept is a matter of log p.

    Args:
        step: The model, see the module.
        state: First state, a nest of `[batch, ...]`.
        memory: A nest of `[batch, ...]`.
        limits: `[batch]` int32, largest length of each output, end symbol included, at least 1.
        beam_size: Hypotheses kept per input. 1 gives what `greedy_search` gives.
        n_best: Hypotheses returned per input, at most `beam_size`.
        length_penalty: Exponent a of ((5 + length) / 6) ** a (Wu et al. 2016), see `penalize`.
        coverage: The penalty for what was not looked at; None costs nothing.
        constraints: What outputs keep to besides.
        keep_attention: See `greedy_search`.
    """
    if not 1 <= n_best <= beam_size:
        raise ValueError(f"n_best must be from 1 to beam_size ({beam_size}), got {n_best}")
    rows, limits = tf.shape(limits)[0], constraints.widen(limits)
    best_case = ((5.0 + tf.cast(limits, tf.float32)) / 6.0) ** length_penalty
    limits_of_beams, first_slots = tf.repeat(limits, beam_size), tf.range(rows)[:, None] * beam_size
    constraints, coverage = constraints.repeat(beam_size), coverage and coverage.repeat(beam_size)
    state = tf.nest.map_structure(lambda part: tf.repeat(part, beam_size, axis=0), state)

    def body(position: Any, tokens: Any, state: Any, beam: "_Beam", arrays: Any) -> tuple[Any, ...]:
        (state, said, looked), tokens = state, tf.reshape(tokens, [-1])
        said = constraints.remember(said, tokens, position)
        logits, state, weights = step(tokens, state, memory)
        weights = tf.cast(weights, tf.float32)
        if coverage:
            looked += tf.where(tf.reshape(beam.ended, [-1, 1]), 0.0, weights)
        at_limit, log_probabilities = position + 1 >= limits_of_beams, _log_softmax(logits)
        forced = tf.reshape(at_limit & _would_go_on(log_probabilities), [rows, beam_size])
        beam = beam._replace(limited=beam.limited | (forced & ~beam.ended))
        log_probabilities = constraints.apply(log_probabilities, position, at_limit, said)
        tokens, parents, beam = _advance(beam, tf.reshape(log_probabilities, [rows, beam_size, -1]))
        rows_of_parents = tf.reshape(parents + first_slots, [-1])
        state = tf.nest.map_structure(lambda part: tf.gather(part, rows_of_parents), (state, said, looked))
        if coverage:
            beam = beam._replace(uncovered=tf.reshape(coverage.penalty(state[2]), [rows, beam_size]))
        beam = _close_hopeless(beam, best_case, n_best, length_penalty)
        written = (tokens, parents, tf.reshape(weights, [rows, beam_size, tf.shape(weights)[-1]]))[: len(arrays)]
        arrays = tuple(kept.write(position, value) for kept, value in zip(arrays, written, strict=True))
        return position + 1, tokens, state, beam, arrays

    looked = tf.zeros_like(coverage.mask, tf.float32) if coverage else ()
    state = (state, constraints.begin(limits_of_beams), looked)
    beam = _first_beam(rows, beam_size, coverage is not None)
    symbols, attention = [None, beam_size], [None, beam_size, None]
    kept = [array(tf.float32, attention)] if keep_attention else []
    arrays = (array(tf.int32, symbols), array(tf.int32, symbols), *kept)
    start = (tf.constant(0), tf.fill([rows, beam_size], START), state, beam, arrays)
    position, _, _, beam, arrays = loop(
        lambda position, tokens, state, beam, arrays: tf.reduce_any(_open(beam)), body, start
    )
    tokens = stack(arrays[0], position, [rows, beam_size])
    parents = stack(arrays[1], position, [rows, beam_size])
    weights = stack(arrays[2], position, [rows, beam_size, 0]) if keep_attention else None
    ranks, slots = tf.math.top_k(_penalized(beam, length_penalty), n_best)
    return _trace_back(beam, ranks, slots, tokens, parents, weights)


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
    return beam._replace(scores=tf.where(done[:, None] & ~beam.ended, NEVER, beam.scores))


def _trace_back(beam: _Beam, ranks: Any, slots: Any, tokens: Any, parents: Any, weights: Any) -> SearchResult:
    """Follow the parents from the last position to the first; ranks and slots are `[batch, n_best]`."""
    length = tf.shape(tokens)[0]

    traced = (tokens,) if weights is None else (tokens, weights)

    def body(position: Any, slots: Any, arrays: Any) -> tuple[Any, ...]:
        parent = tf.gather(parents[position], slots, batch_dims=1)
        written = [tf.gather(tokens[position], slots, batch_dims=1)]
        written += [tf.gather(part[position], parent, batch_dims=1) for part in traced[1:]]
        arrays = tuple(kept.write(position, value) for kept, value in zip(arrays, written, strict=True))
        return position - 1, parent, arrays

    arrays = tuple(array(part.dtype, [None] * (len(part.shape) - 1)) for part in traced)
    *_, arrays = loop(lambda position, *_: position >= 0, body, (length - 1, slots, arrays))
    rows, n_best = tf.shape(slots)[0], slots.shape[1]
    scores = tf.gather(beam.scores, slots, batch_dims=1)
    ended = tf.gather(beam.ended, slots, batch_dims=1)
    lengths = tf.where(ended, tf.gather(beam.lengths, slots, batch_dims=1), 0)
    limited = ended & tf.gather(beam.limited, slots, batch_dims=1)
    longest = tf.reduce_max(tf.concat([[0], tf.reshape(lengths, [-1])], axis=0))
    inside = tf.sequence_mask(lengths, longest)
    best_tokens = tf.transpose(stack(arrays[0], length, [rows, n_best]), [1, 2, 0])[:, :, :longest]
    if weights is not None:
        weights = tf.transpose(stack(arrays[1], length, [rows, n_best, 0]), [1, 2, 0, 3])[:, :, :longest]
        weights = tf.where(inside[..., None], weights, 0.0)
    tokens = tf.where(inside, best_tokens, PAD)
    return SearchResult(tokens, tf.where(ended, scores, NEVER), lengths, weights, ranks, limited)


def _log_softmax(logits: Any) -> Any:
    return tf.nn.log_softmax(tf.cast(logits, tf.float32))
