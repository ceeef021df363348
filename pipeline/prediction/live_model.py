"""A model's functions outside of a graph."""

from typing import Any

FUNCTIONS = ("decode", "answer", "best", "explain", "complete", "score", "score_tokens")


class LiveModel:
    """A `StringModel` for a process that has its network.

    In a graph each of its functions holds searches for one row, for as many as fit and for more, since it must answer
    all of them. Called outside, a function traces only what the rows that came need: a third, where it is one word.

    Args:
        model: What answers.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        for name in FUNCTIONS:
            if hasattr(model, name):  # `complete` is not there where the end is found first
                setattr(self, name, getattr(model, name).python_function)
