"""Section `search`: how outputs are found."""

import dataclasses
from typing import Literal

from pipeline.settings.checks import count, require, require_at_least, require_path, require_sane_numbers

VoteName = Literal["agreement", "majority"]


@dataclasses.dataclass(frozen=True)
class SearchConfiguration:
    """How outputs are found.

    Args:
        beam_size: Hypotheses kept open per input; 1 is greedy search.
        length_penalty: Exponent a of ((5 + length) / 6) ** a, by which log p is divided when
            hypotheses are ordered (Wu et al. 2016); 0 orders by log p.
        length_ratio: Longest output is length_ratio times the source's length plus length_offset symbols; null takes
            what the lengths of the training pairs ask for. Outputs that it ends are flagged and counted.
        length_offset: See length_ratio.
        coverage_penalty: Weight b of b * sum_j log(min(attention to source position j, 1)), added when hypotheses
            are ordered (Wu et al. 2016), so that no part of a source is left out; nothing for models without attention.
        min_length: Fewest symbols of an output, end symbol not counted, whatever length_ratio says.
        max_length: Most symbols of an output, end symbol not counted, beside length_ratio; null is no such limit.
        block_ngrams: No n-gram of this many symbols twice in an output; 0 allows all.
        method: best (the most probable outputs, by greedy or beam search) or sample (beam_size outputs drawn
            independently, ordered afterwards).
        temperature: sample draws from p ** (1 / temperature): below 1 keeps to the probable, above 1 strays from it.
        seed: Seed of sample: the same source and seed give the same outputs.
        replace_unknown: Show, in the place of an unknown output symbol, the source symbol that it looked at most.
            Scores and attention stay.
        dictionary: File of SOURCE TAB TARGET symbols, UTF-8: with replace_unknown, what to show for a source symbol;
            one that it lacks is copied. An export takes it along.
        vote: How the members of an ensemble decide whose vocabularies or text.direction differ: agreement (of all
            outputs that the members propose, the one that they find most probable, by the mean of log p) or majority
            (the output that most of them find, and of as many by the mean; every member then votes for itself, those
            of one vocabulary too). Members of one vocabulary are otherwise averaged at every symbol.
    """

    beam_size: int = 5
    length_penalty: float = 0.0
    length_ratio: float | None = None
    length_offset: int | None = None
    coverage_penalty: float = 0.0
    min_length: int = 0
    max_length: int | None = None
    block_ngrams: int = 0
    method: Literal["best", "sample"] = "best"
    temperature: float = 1.0
    seed: int = count(1)
    replace_unknown: bool = False
    dictionary: str | None = None
    vote: VoteName = "agreement"

    def __post_init__(self) -> None:
        require_sane_numbers("search", self)
        require_path("search.dictionary", self.dictionary)
        require_at_least("search", self, 1, ["beam_size"])
        require_at_least("search", self, 0, ["length_penalty", "length_ratio", "length_offset", "coverage_penalty"])
        require_at_least("search", self, 0, ["min_length", "max_length", "block_ngrams", "seed"])
        require(self.temperature > 0, "search.temperature", self.temperature, "above 0")
        if self.max_length is not None:
            wanted = f"at most search.max_length ({self.max_length})"
            require(self.min_length <= self.max_length, "search.min_length", self.min_length, wanted)
        require(
            self.replace_unknown or self.dictionary is None,
            "search.dictionary",
            self.dictionary,
            "null where search.replace_unknown is false",
        )
