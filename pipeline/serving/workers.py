"""Threads that answer strings, each with an engine of its own: an engine runs one search at a time.

LiteRT and ONNX Runtime hold no lock of Python's while they search, so that threads use as many cores as there are.
"""

import threading
from collections.abc import Callable

from pipeline.answering.answer_lines import describe, describe_fault
from pipeline.answering.lines.answers import name_lacking
from pipeline.answering.lines.faults import check_string
from pipeline.runtime.model import Model
from pipeline.serving.turns import Job, Turns

WARM_UP = "a"


def answer_string(model: Model, job: Job, place: int) -> bytes:
    """The object that `predict --json` writes of the string.

    Raises:
        DataError: The model file gives what no model of an export gives.
    """
    source, prefix = job.sources[place], job.prefixes[place] if job.prefixes is not None else None
    line = check_string(source, prefix, model)
    if line.fault:
        return describe_fault(line.text, line.fault).encode()
    if prefix is None:
        [prediction] = model.predict([source], n_best=job.n_best, heads_apart=job.attention)
    else:
        [prediction] = model.predict([source], n_best=job.n_best, prefixes=[prefix])
    return describe(source, prediction, job.n_best, name_lacking(prediction, model), job.attention).encode()


class Workers:
    """The threads of a server; they end when the turns are closed.

    Args:
        model: What answers, by the first thread; the others get engines of their own beside it.
        count: How many threads.
        turns: Where they take the strings.
    """

    def __init__(self, model: Model, count: int, turns: Turns) -> None:
        self.model, self.count, self.turns = model, count, turns
        self.warm = 0
        """How many have answered once."""
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether all have."""
        return self.warm == self.count

    def start(self, changed: Callable[[Exception | None], object]) -> None:
        """Let them open their engines, and answer.

        Args:
            changed: Called by the last thread that has become ready, with None; else with why one cannot.
        """
        for number in range(self.count):
            threading.Thread(target=self._work, args=[number, changed], daemon=True).start()

    def _work(self, number: int, changed: Callable[[Exception | None], object]) -> None:
        try:
            model = self.model if number == 0 else self.model.beside(self.model.folder.open_engine())
            answer_string(model, Job([WARM_UP]), 0)
        except Exception as error:  # the main thread says it
            changed(error)
            return
        with self._lock:
            self.warm += 1
            last = self.ready
        if last:
            changed(None)
        while turn := self.turns.take():
            job, place = turn
            try:
                self.turns.answer(job, place, answer_string(model, job, place))
            except Exception as error:  # the others of the queue are answered all the same
                self.turns.fail(job, place, error)
