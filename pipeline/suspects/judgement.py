"""What a model says of pairs that it has not seen, and the pairs that it disbelieves."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from pipeline.answering.predictions import AnswersStrings
from pipeline.evaluation.evaluate import as_compared, best_texts
from pipeline.files.durable import write_atomically
from pipeline.pairs.pair_file import Pair
from pipeline.prediction.scoring import score_pairs
from pipeline.process.messages import progress_bar
from pipeline.settings.text import TextConfiguration

HEAD = ("line", "source", "target", "proposal", "log_p_target", "log_p_proposal", "difference", "edits")
_BETWEEN_FIELDS = str.maketrans("\t\n\r", "   ")


class Judgement(NamedTuple):
    """What a model says of a pair that it has not seen."""

    proposal: str
    """Its own target."""
    log_p_target: float
    log_p_proposal: float
    agrees: bool
    """Whether the proposal is the target, as outputs are compared."""


class Suspect(NamedTuple):
    """A pair that is disbelieved."""

    place: str
    """Its line, with its file where there are several."""
    source: str
    target: str
    proposal: str
    log_p_target: float
    log_p_proposal: float
    edits: int
    """Symbols substituted, left out or added between target and proposal; at least 1."""

    @property
    def doubt(self) -> float:
        """What the list is in the order of: the difference by the root of the edits.

        Every place where a target is another than the proposal adds to the difference, so that by the difference alone
        pairs with many such places, which are other words or other readings, would hide those with one wrong symbol.
        Measured by `benchmarks.suspects`.
        """
        return self.difference / self.edits**0.5

    @property
    def difference(self) -> float:
        """By how much the proposal is more probable, as a natural logarithm."""
        return self.log_p_proposal - self.log_p_target

    def row(self) -> str:
        """As `HEAD` says, with TABs between."""
        numbers = [f"{number:.4f}" for number in (self.log_p_target, self.log_p_proposal, self.difference)]
        texts = [text.translate(_BETWEEN_FIELDS) for text in self[:4]]
        return "\t".join([*texts, *numbers, str(self.edits)])


def judge(predictor: AnswersStrings, pairs: Sequence[Pair], name: str) -> list[Judgement]:
    """Ask a model of pairs that it has not seen.

    Args:
        predictor: The model.
        pairs: Any.
        name: Of them, for messages.
    """
    sources = list(dict.fromkeys(pair.source for pair in pairs))
    with progress_bar(total=len(sources), desc=f"{name}: proposals", unit=" sources") as bar:
        predictions = predictor.predict(sources, on_progress=bar.update)
    proposals = dict(zip(sources, predictions, strict=True))
    with progress_bar(total=len(pairs), desc=f"{name}: scores", unit=" pairs") as bar:
        scores = list(score_pairs(predictor, pairs, location=name, on_progress=bar.update))
    answers = [proposals[pair.source] for pair in pairs]
    compared = as_compared(best_texts(answers), predictor.text)
    targets = as_compared((pair.target for pair in pairs), predictor.text)
    fold = str.lower if predictor.text.lowercase else str
    return [
        Judgement(
            answer.texts[0] if answer.texts else "",
            score,
            answer.scores[0] if answer.scores else float("-inf"),
            fold(proposal) == fold(target),
        )
        for answer, score, proposal, target in zip(answers, scores, compared, targets, strict=True)
    ]


def keep_judgements(path: Path, judgements: Sequence[Judgement]) -> None:
    """Write them, so that an interrupted search need not ask again."""
    write_atomically(path, json.dumps(judgements, ensure_ascii=False) + "\n")


def read_judgements(path: Path) -> list[Judgement]:
    """Those that were kept."""
    return [Judgement(*row) for row in json.loads(path.read_text(encoding="utf-8"))]


def find_disbelieved(
    pairs: Sequence[tuple[str, Pair]], judgements: Sequence[Judgement], text: TextConfiguration
) -> list[Suspect]:
    """The pairs whose proposal is another target, and a more probable one; the worst first.

    Args:
        pairs: Each with its place.
        judgements: Of each.
        text: How targets are cut into symbols.
    """
    suspects = [
        Suspect(
            *(place, pair.source, pair.target, said.proposal, said.log_p_target, said.log_p_proposal),
            edits=max(1, Levenshtein.distance(_symbols(pair.target, text), _symbols(said.proposal, text))),
        )
        for (place, pair), said in zip(pairs, judgements, strict=True)
        if not said.agrees and said.log_p_proposal > said.log_p_target
    ]
    return sorted(suspects, key=lambda one: -one.doubt)


def _symbols(target: str, text: TextConfiguration) -> list[str]:
    """The symbols of a target; of subwords its words, which is where readers look."""
    side = text.side("target")
    target = target.lower() if text.lowercase else target
    return list(target) if side.tokenizer == "char" else target.split(side.separator)
