"""An answer as a line: texts with TABs between, or a JSON object."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.text.symbols import FEATURE_MARK

if TYPE_CHECKING:
    from pipeline.answering.predictions import Prediction

_BETWEEN_FIELDS = str.maketrans("\t\n\r", "   ")


def join_texts(texts: list[str], n_best: int) -> str:
    """The best texts as TAB-separated fields, always `n_best` of them."""
    fields = [text.translate(_BETWEEN_FIELDS) for text in texts[:n_best]]
    return "\t".join(fields + [""] * (n_best - len(fields)))


def join_answers(prediction: "Prediction", n_best: int) -> str:
    """The best texts; of outputs that were sent back as many fields more: which of the outputs of the way back is the
    source, from 1, or 0 where none is.
    """
    line = join_texts(prediction.texts, n_best)
    if not any(one.back for one in prediction.hypotheses):
        return line
    ranks = [str(one.back.rank or 0) if one.back else "" for one in prediction.hypotheses]
    return f"{line}\t{join_texts(ranks, n_best)}"


def describe(
    source: str, prediction: "Prediction", n_best: int, lacking: Sequence[str] = (), attention: bool = True
) -> str:
    """A prediction as a JSON object on one line: texts, scores, what they skip or repeat of the source, and attention
    with a row a target token; of a model that copies, also which share of every target token was copied.

    Args:
        source: As it was given.
        prediction: What came of it.
        n_best: How many of the outputs.
        lacking: The symbols of the source that training lacks.
        attention: Whether it is told; it is most of the object.
    """
    answer: dict[str, object] = {
        "source": source,
        "predictions": [
            {"text": one.text, "score": round(float(one.score), 6), "rank_score": round(float(one.rank_score), 6)}
            | ({"limited": True} if one.limited else {})
            | one.source_flags.to_json()
            | (one.back.to_json() if one.back else {})
            for one in prediction.hypotheses[:n_best]
        ],
        "source_tokens": [without_mark(token) for token in prediction.source_tokens],
        "target_tokens": prediction.target_tokens,
    }
    if prediction.answered_by:
        answer["answered_by"] = prediction.answered_by
    if prediction.confidence is not None:
        answer["confidence"] = round(prediction.confidence, 6)
    if prediction.features:
        answer["features"] = prediction.features
    if attention:
        answer["attention"] = prediction.attention.astype("float64").round(6).tolist()
    if attention and prediction.attention_heads is not None:
        answer["attention_heads"] = prediction.attention_heads.astype("float64").round(6).tolist()
    if attention and prediction.copied is not None:
        answer["copied"] = prediction.copied.astype("float64").round(6).tolist()
    if prediction.votes:
        answer["votes"] = [{**vote._asdict(), "score": round(vote.score, 6)} for vote in prediction.votes]
    if prediction.limited:
        answer["limited"] = True
    if prediction.cut:
        answer["cut"] = True
    if prediction.invalid:
        answer["invalid"] = True
    if prediction.unknown:
        answer |= {"unknown": prediction.unknown, "unknown_symbols": [without_mark(symbol) for symbol in lacking]}
    return _to_json(answer)


def without_mark(token: str) -> str:
    """A symbol of a source as it is shown, without what tells a feature from it."""
    return token.removeprefix(FEATURE_MARK) or token


def describe_fault(source: str, fault: str) -> str:
    """The same of a line that got no prediction."""
    return _to_json({"source": source, "predictions": [], "error": fault})


def _to_json(answer: dict[str, object]) -> str:
    return json.dumps(answer, ensure_ascii=False)
