"""keras-tuner's oracles, which propose the values of trials, made to survive whatever stops a tuning.

What is added to each: the configuration's own values come first; state is written so that a kill at any
moment leaves a readable one, from which no finished trial runs again and none is lost; three failures in
a row end the tuning; a grid goes on after a restart and keeps several workers busy; where nothing new is left
to draw, Hyperband goes on with the best there are.
"""

import itertools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
import yaml
from keras_tuner.engine.trial import Trial

from pipeline.evaluation.metrics import objectives
from pipeline.files.durable import write_atomically
from pipeline.settings.tune import TuneConfiguration
from pipeline.settings.types import Value
from pipeline.tuning.space import Choices, Dimension, Space

MOST_FAILURES = 3
DIGITS = 6  # of sampled numbers that are kept: 0.30000000000000004 helps nobody
ENDED = ("COMPLETED", "FAILED", "INVALID")


def make_oracle(tune: TuneConfiguration, space: Space, epochs: int) -> "ResumableOracle":
    """The oracle that a configuration asks for.

    Args:
        tune: The tuning.
        space: What varies.
        epochs: Epochs of a full trial.
    """
    metric, _ = objectives(space.configuration)
    shared: dict[str, Any] = {
        "objective": keras_tuner.Objective(metric.log_name, "max" if metric.higher_is_better else "min"),
        "hyperparameters": to_hyperparameters(space),
        "allow_new_entries": False,
        "seed": tune.seed,
    }
    if tune.algorithm == "hyperband":
        # Without a number of iterations it begins anew until there are enough trials.
        oracle = HyperbandOracle(max_epochs=epochs, factor=tune.factor, hyperband_iterations=None, **shared)
        oracle.max_trials = tune.trials
        return oracle
    if tune.algorithm == "bayesian":
        # keras-tuner's own default, 3 for every setting, would make a short tuning a random one.
        random_points = min(3 * len(space.dimensions), max(3, tune.trials // 3))
        return BayesianOracle(max_trials=tune.trials, num_initial_points=random_points, **shared)
    return (GridOracle if tune.algorithm == "grid" else RandomOracle)(max_trials=tune.trials, **shared)


class ResumableOracle(keras_tuner.Oracle):
    """What the oracles below have in common; see the module."""

    @property
    def failures(self) -> list[str]:
        """The last trials if they failed, `MOST_FAILURES` in a row; else nothing."""
        last = self.end_order[-MOST_FAILURES:]
        failed = [trial_id for trial_id in last if self.trials[trial_id].status == "FAILED"]
        return failed if len(failed) == MOST_FAILURES else []

    def _check_consecutive_failures(self) -> None:
        """Nothing here: an exception would leave the chief's lock closed for ever. See `populate_space`."""

    stopped_by_failures = False
    """Whether the tuning ended early because of them."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values for the next trial; none after three failures in a row."""
        self.stopped_by_failures = self._may_stop_for_failures and bool(self.failures)
        if self.stopped_by_failures:
            self.save()
            return {"status": "STOPPED", "values": None}
        self._may_stop_for_failures = True
        return super().populate_space(trial_id)

    # A tuning that was stopped by failures and is started again tries at least one more.
    _may_stop_for_failures = False

    def get_state(self) -> dict[str, Any]:
        """What `save` writes."""
        return {**super().get_state(), "stopped_by_failures": self.stopped_by_failures}

    def set_state(self, state: dict[str, Any]) -> None:
        """What `reload` restores."""
        super().set_state(state)
        self.stopped_by_failures = state["stopped_by_failures"]

    def _random_values(self) -> dict[str, Any] | None:
        if not self.start_order:
            space = self.get_space()
            return {parameter.name: parameter.default for parameter in space.space if space.is_active(parameter)}
        return super()._random_values()

    def try_again(self, is_setback: Callable[[str], bool]) -> None:
        """Queue failed trials once more.

        Args:
            is_setback: Whether the failure of a trial was one that its settings are not at fault for.
        """
        for trial_id in [name for name in self.end_order if self.trials[name].status == "FAILED" and is_setback(name)]:
            self.end_order.remove(trial_id)
            # The last of the queue comes first.
            self._retry_queue.insert(0, trial_id)

    @keras_tuner.synchronized
    def give_up(self, tuner_id: str) -> str | None:
        """Wait no longer for a worker; its trial is the next one that another gets.

        Returns:
            The trial.
        """
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is None:
            return None
        self._retry_queue.append(trial.trial_id)
        self.save()
        return str(trial.trial_id)

    @keras_tuner.synchronized
    def end_trial(self, trial: Any) -> None:
        """Take the figures of a trial; not again those of one that was given to another worker and has ended there."""
        if trial.trial_id in self.end_order and trial.trial_id not in self._retry_queue:
            ongoing: dict[str, Trial] = vars(self)["ongoing_trials"]
            for name in [name for name, one in ongoing.items() if one.trial_id == trial.trial_id]:
                del ongoing[name]
            return
        if trial.trial_id in self._retry_queue:
            # Its worker was slow, not lost.
            self._retry_queue.remove(trial.trial_id)
        super().end_trial(trial)

    def save(self) -> None:
        """Write the state, at once or not at all."""
        write_atomically(Path(self._get_oracle_fname()), json.dumps(self.get_state()))

    def _save_trial(self, trial: Any) -> None:
        write_atomically(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", json.dumps(trial.get_state()))

    def reload(self) -> None:
        """Read the state, and settle what a kill between two writes left behind."""
        # keras-tuner looks for the trials' files with a pattern, which a path with brackets in it would break.
        known: dict[str, Any] = vars(self)["trials"]
        for trial_id in json.loads(Path(self._get_oracle_fname()).read_text(encoding="utf-8"))["start_order"]:
            known[trial_id] = Trial.load(str(Path(self._get_trial_dir(trial_id)) / "trial.json"))
        super().reload()
        # In their order, not in that of the disk. One whose file was written, but not that it exists, goes: it is
        # drawn again.
        self.trials = {trial_id: known[trial_id] for trial_id in self.start_order}
        for trial_id in list(self._retry_queue):
            if self.trials[trial_id].status in ENDED:
                self._retry_queue.remove(trial_id)  # ended, but its end was not written here
                if trial_id not in self.end_order:
                    self.end_order.append(trial_id)


class HyperbandOracle(ResumableOracle, keras_tuner.oracles.HyperbandOracle):
    """Li et al. (2018), https://jmlr.org/papers/v18/16-558.html."""

    def _random_trial(self, trial_id: str, bracket: Any) -> dict[str, Any]:
        answer = super()._random_trial(trial_id, bracket)
        # A small space is soon drawn to its end, often before a first round is full.
        return self._go_on_with_best() if answer["status"] == "STOPPED" else answer

    def _go_on_with_best(self) -> dict[str, Any]:
        """Of all trials of a length, one in `factor` goes on to the next length, the shortest lengths first."""
        lengths = sorted({math.ceil(self.max_epochs / self.factor**power) for power in range(self._get_num_brackets())})
        done = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        continued = {trial.hyperparameters.values.get("tuner/trial_id") for trial in self.trials.values()}
        for length, longer in itertools.pairwise(lengths):
            here = [trial for trial in done if trial.hyperparameters.values["tuner/epochs"] == length]
            waiting = [trial for trial in here if trial.trial_id not in continued]
            if waiting and len(here) - len(waiting) < math.ceil(len(here) / self.factor):
                best = min(waiting, key=lambda trial: trial.score)
                told = dict(best.hyperparameters.values)
                told |= {"tuner/trial_id": best.trial_id, "tuner/epochs": longer, "tuner/initial_epoch": length}
                return {"status": "RUNNING", "values": {**told, "tuner/round": told["tuner/round"] + 1}}
        return {"status": "STOPPED", "values": None}


class BayesianOracle(ResumableOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Gaussian process with an upper confidence bound."""


class RandomOracle(ResumableOracle, keras_tuner.oracles.RandomSearchOracle):
    """Independent draws, none twice."""


class GridOracle(ResumableOracle, keras_tuner.oracles.GridSearchOracle):
    """Every combination, the last setting of the space changing fastest."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values for the next trial."""
        answer = super().populate_space(trial_id)
        if answer["status"] == "RUNNING":
            # keras-tuner waits for a trial's end before it looks for the one after it: other workers would be idle.
            self._populate_next.append(trial_id)
        return answer

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore; keras-tuner forgets where the grid stood, which the order of the trials tells."""
        super().set_state(state)
        order: Any = type(vars(self)["_ordered_ids"])()
        for previous, trial_id in zip([None, *self.start_order], self.start_order, strict=False):
            order.insert(trial_id, previous)
        self._ordered_ids, self._populate_next = order, self.start_order[-1:]


def to_hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """The space in keras-tuner's terms."""
    hyperparameters = keras_tuner.HyperParameters()
    for dimension in space.dimensions:
        _add(hyperparameters, dimension, list(dimension.when.items()), space)
    return hyperparameters


def _add(
    hyperparameters: keras_tuner.HyperParameters,
    dimension: Dimension,
    conditions: list[tuple[str, tuple[Value, ...]]],
    space: Space,
) -> None:
    if conditions:
        (parent, values), *rest = conditions
        over = next(other.over for other in space.dimensions if other.key == parent)
        assert isinstance(over, Choices)
        with hyperparameters.conditional_scope(parent, [_encode(value, over) for value in values]):
            _add(hyperparameters, dimension, rest, space)
        return
    over = dimension.over
    if isinstance(over, Choices):
        choices = [_encode(value, over) for value in over.values]
        hyperparameters.Choice(dimension.key, choices, default=_encode(dimension.preset, over))
        return
    sampling, default = "log" if over.log else "linear", dimension.preset
    if over.whole:
        step = None if over.log else 1
        hyperparameters.Int(dimension.key, int(over.low), int(over.high), step, sampling, default)
    else:
        hyperparameters.Float(dimension.key, over.low, over.high, None, sampling, default)


def _encode(value: Value, over: Choices) -> int | float | str:
    """keras-tuner takes choices of one simple type only: anything else goes by its YAML."""
    kinds = {type(other) for other in over.values}
    if len(kinds) == 1 and kinds <= {int, float, str}:
        return value  # type: ignore[return-value]
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()


def decode_values(values: Mapping[str, Any], space: Space) -> dict[str, Value]:
    """What keras-tuner proposed, as values of the configuration, in the order of the space."""
    decoded: dict[str, Value] = {}
    for dimension in space.dimensions:
        if dimension.key not in values:
            continue
        value, over = values[dimension.key], dimension.over
        if isinstance(over, Choices):
            decoded[dimension.key] = next(other for other in over.values if _is_same(_encode(other, over), value))
        else:
            decoded[dimension.key] = int(value) if over.whole else float(f"{value:.{DIGITS}g}")
    return decoded


def _is_same(choice: int | float | str, value: Any) -> bool:
    # A choice may have been through a file or another process.
    return math.isclose(choice, value, rel_tol=1e-6) if isinstance(choice, float) else choice == value
