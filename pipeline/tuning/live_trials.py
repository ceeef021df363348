"""The trials of a tuning while it runs: a table that is written again whenever one has ended."""

from typing import Any

from pipeline.process.messages import in_notebook, message_stream
from pipeline.tuning.result import TuningResult


class LiveTrials:
    """Shows all trials so far, the best first; in a notebook always in the same place.

    Example:
        `tune(configuration, how, Path("runs/tuning"), on_trial=LiveTrials())`
    """

    def __init__(self) -> None:
        self._shown: Any = None

    def __call__(self, result: TuningResult) -> None:
        """Show them; what `tune` calls `on_trial` with."""
        text = f"{result.describe_best()}\n\n{result.table()}"
        if not in_notebook():
            print(text, file=message_stream(), flush=True)
            return
        from IPython.display import display

        content = {"text/plain": text}
        if self._shown is None:
            self._shown = display(content, raw=True, display_id=True)
        else:
            self._shown.update(content, raw=True)
