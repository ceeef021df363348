"""The search that the settings ask for, from a source's ids to the ids of its outputs."""

from typing import Any

import tensorflow as tf

from pipeline.model.network import Network
from pipeline.search.beam import beam_search
from pipeline.search.constraints import RULES, constrain
from pipeline.search.greedy import greedy_search, greedy_search_with_rivals
from pipeline.search.options import SearchOptions
from pipeline.search.penalties import Coverage
from pipeline.search.position_loop import GROWING, FixedArrays
from pipeline.search.proof import prove_first
from pipeline.search.result import SearchResult, Step
from pipeline.search.sampling import Draws, sample_search, source_keys
from pipeline.settings.search import SearchConfiguration


class IdSearch:
    """Section `search` as a function of ids.

    Args:
        network: What is searched.
        search: How, all limits set.
        n_best: Outputs per input, at most the beam size.
        fixed_arrays: Keep what is found in tensors as long as the longest output may be, where nothing can grow.
    """

    def __init__(self, network: Network, search: SearchConfiguration, n_best: int, fixed_arrays: bool = False) -> None:
        self.network, self.search, self.n_best, self.fixed_arrays = network, search, n_best, fixed_arrays

    def __call__(
        self, ids: tf.Tensor, lengths: tf.Tensor, prefix: tf.Tensor | None, keep_attention: bool
    ) -> SearchResult:
        """The outputs of every source.

        Args:
            ids: `[batch, source]` int32, closed by the end symbol and padded.
            lengths: `[batch]` int32, end symbol included.
            prefix: `[batch, prefix]` int32, what outputs begin with, padded; None leaves them free.
            keep_attention: Whether the attention weights are wanted.
        """
        return self.go_on(self.network.begin(ids, lengths), ids, lengths, prefix, keep_attention)

    def go_on(
        self,
        begun: tuple[Any, Any],
        ids: tf.Tensor,
        lengths: tf.Tensor,
        prefix: tf.Tensor | None,
        keep_attention: bool,
    ) -> SearchResult:
        """The same of sources that the network has read: `begun` is what its `begin` made of them."""
        (state, memory), search, beams = begun, self.search, self.search.beam_size
        mask = tf.sequence_mask(lengths, tf.shape(ids)[1])
        constraints = constrain(prefix, **{name: getattr(search, name) for name in RULES})
        limits = self.limits(lengths)
        longest = tf.reduce_max(constraints.widen(limits)) if self.fixed_arrays else None
        options = SearchOptions(
            length_penalty=search.length_penalty,
            coverage=Coverage(search.coverage_penalty, mask) if search.coverage_penalty else None,
            constraints=constraints,
            keep_attention=keep_attention,
            arrays=GROWING if longest is None else FixedArrays(longest, tf.shape(ids)[1]),
        )

        start = self._step(beams), state, memory, limits
        if search.method == "sample":
            draws = Draws(source_keys(search.seed, ids, lengths), beams, self.n_best, search.temperature)
            return sample_search(*start, draws, options)
        if beams == 1:
            return greedy_search(*start, options)
        if self._proves(ids, prefix):
            return self._prove_first(state, memory, limits, options)
        return beam_search(*start, beams, self.n_best, options)

    def _step(self, beams: int) -> Step:
        """The network's, for as many hypotheses of each source."""
        return lambda tokens, state, memory: self.network.step(tokens, state, memory, beams)

    def _proves(self, ids: tf.Tensor, prefix: tf.Tensor | None) -> bool:
        """Whether greedy search goes first: of many sources, whose best output alone is asked for."""
        many = ids.shape[0] != 1 and not self.fixed_arrays
        return many and self.n_best == 1 and prefix is None and not self.search.coverage_penalty

    def _prove_first(self, state: Any, memory: Any, limits: tf.Tensor, options: SearchOptions) -> SearchResult:
        def greedy() -> tuple[SearchResult, tf.Tensor]:
            return greedy_search_with_rivals(self._step(1), state, memory, limits, options)

        def beam(rows: tf.Tensor) -> SearchResult:
            beams, some = self.search.beam_size, tf.nest.map_structure(lambda part: tf.gather(part, rows), state)
            taken = self.network.take(memory, rows), tf.gather(limits, rows)
            return beam_search(self._step(beams), some, *taken, beams, 1, options)

        return prove_first(greedy, beam, options.constraints.widen(limits), options.length_penalty)

    def limits(self, lengths: tf.Tensor) -> tf.Tensor:
        """Largest length of each output, end symbol included."""
        longest = self.search.length_ratio * tf.cast(lengths - 1, tf.float32)
        limits = tf.cast(longest, tf.int32) + self.search.length_offset + 1
        if self.search.max_length is not None:
            limits = tf.minimum(limits, self.search.max_length + 1)
        return tf.maximum(limits, self.search.min_length + 1) if self.search.min_length else limits

    def longest(self, source: Any) -> Any:
        """At least what `limits` says of sources of so many symbols, of a number or a tensor."""
        search = self.search
        longest = (
            search.length_ratio * source + search.length_offset if search.max_length is None else search.max_length
        )
        return longest + search.min_length + 1.0
