"""Models that cannot be averaged symbol by symbol, for their vocabularies or directions differ, decide by outputs.

Every member proposes its best outputs, and every member says how probable each of them is. What all of them together
find most probable wins (agreement of models of both directions: Liu et al. 2016, "Agreement on Target-bidirectional
Neural Machine Translation"), or what most of them would have answered.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.answering.predictions import Hypothesis, MemberVote, PairScores, Prediction, Predictions
from pipeline.errors import UsageError
from pipeline.plain_text.given_strings import encode, list_prefixes, list_strings
from pipeline.prediction.predictor import Predictor
from pipeline.settings.search import VoteName
from pipeline.text.chunks import BATCH_SIZE, in_chunks
from pipeline.text.known_symbols import KnownSymbols


class VotingMember(NamedTuple):
    """One who votes."""

    name: str
    predictor: Predictor
    """Keeps all that its beam finds."""
    weight: int = 1
    """How many models it stands for: an ensemble votes for all of its own."""
    length_penalty: float = 0.0
    """`search.length_penalty`."""


class _Candidate(NamedTuple):
    hypothesis: Hypothesis
    """As the member has it that finds it the most probable of those that proposed it."""
    proposer: int
    score: float
    """Mean log p."""
    rank_score: float
    shares: list[float]
    """log p, by member."""


class VotingPredictor:
    """Answers strings as a `Predictor` does.

    An output's score is the mean of its log p of all members, and what its rank score is depends on how they vote:
    agreement orders by the mean of log p, with the members' length penalties; majority by how many have it as their
    best output, and of as many by the mean.

    Args:
        members: At least two, whose outputs have the same form.
        how: agreement or majority.
        n_best: How many of the outputs to keep.
    """

    def __init__(self, members: Sequence[VotingMember], how: VoteName, n_best: int = 1) -> None:
        self.members, self.how, self.n_best = list(members), how, n_best
        first = members[0].predictor
        self.text = first.text
        self.copies_unknown = any(member.predictor.copies_unknown for member in members)
        self._weights = np.array([member.weight for member in members], np.float64)

    @property
    def known(self) -> KnownSymbols:
        """Which symbols the first member has."""
        return self.members[0].predictor.known

    def predict(
        self,
        sources: str | bytes | Iterable[str | bytes],
        on_progress: Callable[[int], None] | None = None,
        prefixes: str | bytes | Iterable[str | bytes] | None = None,
        heads_apart: bool = False,
        attention: bool = True,
    ) -> Predictions:
        """See `Predictor.predict`; heads of the attention are not told apart, for another may have won elsewhere."""
        given = [encode(source) for source in list_strings(sources, "sources")]
        begun = list_prefixes(prefixes, len(given))
        found = Predictions()
        for indices in in_chunks(range(len(given)), 2 * BATCH_SIZE):
            part = [given[index] for index in indices]
            asked = None if begun is None else [begun[index] for index in indices]
            found += self._predict(part, asked, attention)
            if on_progress:
                on_progress(len(part))
        return found

    def _predict(
        self, sources: Sequence[bytes], prefixes: Sequence[str | bytes] | None, attention: bool
    ) -> list[Prediction]:
        proposed = [
            member.predictor.predict(sources, prefixes=prefixes, attention=attention) for member in self.members
        ]
        rows = list(zip(*proposed, strict=True))
        texts = [list(dict.fromkeys(text for one in row for text in one.texts)) for row in rows]
        pairs = [(source, text) for source, own in zip(sources, texts, strict=True) for text in own]
        judged = [self._judge(place, pairs) for place in range(len(self.members))]
        first, predictions = 0, []
        for row, own in zip(rows, texts, strict=True):
            here = [scores[first : first + len(own)] for scores in judged]
            predictions.append(self._decide(row, own, here))
            first += len(own)
        return predictions

    def _judge(self, place: int, pairs: Sequence[tuple[bytes, str]]) -> np.ndarray:
        """log p of outputs and the same with the length penalty, of a member, `[pairs, 2]`."""
        member = self.members[place]
        sources, targets = [source for source, _ in pairs], [target for _, target in pairs]
        found = member.predictor.score(sources, targets)
        scores = np.asarray(found.score, np.float64)
        penalties = ((5.0 + np.asarray(found.target_length)) / 6.0) ** member.length_penalty
        return np.stack([scores, scores / penalties], axis=1)

    def _decide(self, row: Sequence[Prediction], texts: Sequence[str], judged: Sequence[np.ndarray]) -> Prediction:
        if not texts:
            return row[0]
        shares = np.stack(judged)  # [members, texts, 2]
        means = np.average(shares, axis=0, weights=self._weights)
        ranks = means[:, 1]
        if self.how == "majority":
            best = [one.texts[0] if one.texts else None for one in row]
            ranks = np.array(
                [sum(self._weights[place] for place, own in enumerate(best) if own == text) for text in texts]
            )
        candidates = []
        for number, text in enumerate(texts):
            proposer, hypothesis = _find(row, text)
            score, rank = float(means[number, 0]), float(ranks[number])
            candidates.append(_Candidate(hypothesis, proposer, score, rank, shares[:, number, 0].tolist()))
        candidates.sort(key=lambda one: (-one.rank_score, -one.score))
        return self._show(row, candidates)

    def _show(self, row: Sequence[Prediction], candidates: Sequence[_Candidate]) -> Prediction:
        """As a prediction: the symbols of the source are those that the winner's proposer reads."""
        winner = candidates[0]
        source_tokens = row[winner.proposer].source_tokens
        hypotheses = []
        for one in candidates[: self.n_best]:
            hypothesis = one.hypothesis
            if row[one.proposer].source_tokens != source_tokens:
                # It looked at other symbols than those that are shown.
                blank = np.zeros((len(hypothesis.tokens), len(source_tokens)), np.float32)
                hypothesis = hypothesis._replace(attention=blank)
            hypotheses.append(hypothesis._replace(score=one.score, rank_score=one.rank_score))
        votes = [
            MemberVote(member.name, own.texts[0] if own.texts else None, share)
            for member, own, share in zip(self.members, row, winner.shares, strict=True)
        ]
        return Prediction(
            hypotheses=hypotheses,
            source_tokens=source_tokens,
            cut=any(one.cut for one in row),
            invalid=any(one.invalid for one in row),
            unknown=row[0].unknown,
            prefix_cut=any(one.prefix_cut for one in row),
            prefix_unknown=row[0].prefix_unknown,
            votes=votes,
        )

    def score(
        self, sources: str | bytes | Iterable[str | bytes], targets: str | bytes | Iterable[str | bytes]
    ) -> PairScores:
        """The mean of the members' log p; counts of unknown symbols and lengths are the first member's."""
        sources, targets = list_strings(sources, "sources"), list_strings(targets, "targets")
        found = [member.predictor.score(sources, targets) for member in self.members]
        score = np.average([one.score for one in found], axis=0, weights=self._weights).astype(np.float32)
        cut, target_cut = (np.any([getattr(one, name) for one in found], axis=0) for name in ("cut", "target_cut"))
        return found[0]._replace(score=score, cut=cut, target_cut=target_cut)

    def score_tokens(
        self, sources: str | bytes | Iterable[str | bytes], targets: Iterable[Iterable[str]]
    ) -> PairScores:
        """Refused: the members' symbols are not the same.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            "the members of this ensemble have different symbols, and targets are symbols: leave --tokens out"
        )


def _find(row: Sequence[Prediction], text: str) -> tuple[int, Hypothesis]:
    """Who proposed an output, and as what; of several members the one that finds it most probable."""
    own = [(place, one) for place, prediction in enumerate(row) for one in prediction.hypotheses if one.text == text]
    return max(own, key=lambda found: (found[1].score, -found[0]))
