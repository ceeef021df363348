"""A page to explore attention with: one HTML file that needs no network, a row per input."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.files.durable import write_atomically
from pipeline.unicode.visible import direction, visible

if TYPE_CHECKING:
    from pipeline.answering.predictions import Prediction

TEMPLATE = Path(__file__).with_suffix(".html")
MOST_INPUTS = 5000  # a browser copes with no more
_DIGITS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
_LEVELS = 4095


class AttentionPage:
    """Collects predictions and writes them as one page.

    Args:
        path: The HTML file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._items: list[dict[str, Any]] = []
        self._left_out = 0

    def add(self, number: int, source: str, prediction: "Prediction") -> None:
        """Add an answered input."""
        hypotheses: list[dict[str, Any]] = [
            {
                "text": hypothesis.text,
                "score": round(hypothesis.score, 4),
                "tokens": [visible(token) for token in hypothesis.tokens],
                "direction": direction(hypothesis.text),
                "weights": encode_weights(hypothesis.attention),
                **hypothesis.source_flags.to_json(),
                **(hypothesis.back.to_json() if hypothesis.back else {}),
            }
            for hypothesis in prediction.hypotheses
        ]
        if prediction.copied is not None and hypotheses:
            # Of the best output alone it is told.
            hypotheses[0]["copied"] = [round(float(share), 2) for share in prediction.copied]
        item = {
            "line": number,
            "source": source,
            "tokens": [visible(token) for token in prediction.source_tokens],
            "direction": direction(source),
            "hypotheses": hypotheses,
        }
        if prediction.answered_by:
            item["answered_by"] = prediction.answered_by
        if prediction.cut:
            item["cut"] = True
        if prediction.unknown:
            item["unknown"] = prediction.unknown
        self._append(item)

    def add_fault(self, number: int, source: str, fault: str) -> None:
        """Add an input that got no answer."""
        self._append({"line": number, "source": source, "error": fault})

    def _append(self, item: dict[str, Any]) -> None:
        if len(self._items) < MOST_INPUTS:
            self._items.append(item)
        else:
            self._left_out += 1

    def write(self) -> int:
        """Write the page.

        Returns:
            How many inputs it has no room for.
        """
        content = json.dumps({"items": self._items, "left_out": self._left_out}, ensure_ascii=False)
        # Inside a script element only "<" could end it or begin a comment; JSON may spell it otherwise.
        safe = content.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        safe = safe.encode("utf-8", "replace").decode("utf-8")
        write_atomically(self.path, TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/", safe))
        return self._left_out


def encode_weights(attention: np.ndarray) -> str:
    """`[T, S]` weights from 0 to 1, two base-64 digits each, row by row; empty if there are none to show.

    Example:
        >>> encode_weights(np.array([[0.0, 1.0], [0.5, 0.5]]))
        'AA__gAgA'
    """
    if not np.any(attention):
        return ""
    levels = np.rint(np.clip(attention, 0, 1) * _LEVELS).astype(int).ravel()
    return "".join(np.stack([_DIGITS[levels // 64], _DIGITS[levels % 64]], axis=1).ravel())
