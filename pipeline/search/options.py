"""What may be asked of a search, greedy, beam or sampling alike."""

import dataclasses

from pipeline.search.constraints import UNCONSTRAINED, Constraints
from pipeline.search.penalties import Coverage
from pipeline.search.position_loop import GROWING, Arrays


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """What hypotheses are ordered by, what they keep to, and what is kept of them.

    Args:
        length_penalty: Exponent a of ((5 + length) / 6) ** a (Wu et al. 2016), see `penalize`; 0 orders by log p.
        coverage: The penalty for what was not looked at; None costs nothing.
        constraints: What outputs keep to beside their limits.
        keep_attention: Whether to return the attention weights, the largest of the results by far.
        arrays: Where what is found at every position is kept.
    """

    length_penalty: float = 0.0
    coverage: Coverage | None = None
    constraints: Constraints = UNCONSTRAINED
    keep_attention: bool = True
    arrays: Arrays = GROWING

    @property
    def needs_attention(self) -> bool:
        """Whether the weights of every step are needed, to be returned or to be summed."""
        return self.keep_attention or self.coverage is not None

    def repeat(self, times: int) -> "SearchOptions":
        """For as many outputs of every input, one after the other."""
        coverage = self.coverage and self.coverage.repeat(times)
        return dataclasses.replace(self, coverage=coverage, constraints=self.constraints.repeat(times))


DEFAULT = SearchOptions()
