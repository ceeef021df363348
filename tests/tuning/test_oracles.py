"""Proposals without training: what comes first, what a kill leaves, when a tuning ends."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings.configuration import Configuration
from pipeline.settings.train import TrainConfiguration
from pipeline.settings.tune import TuneConfiguration
from pipeline.tuning.oracles import ResumableOracle, decode_values, make_oracle
from pipeline.tuning.space import Space, make_space

CONTENT = {
    "model.units": {"choices": [8, 16, 256]},
    "model.dropout": {"min": 0.0, "max": 0.5, "step": 0.1},
    "train.learning_rate": {"min": 0.0001, "max": 0.1, "scale": "log"},
    "model.attention": {"choices": ["bahdanau", "none"]},
    "model.attention_units": {"choices": [None, 32], "when": {"model.attention": "bahdanau"}},
    "data.buckets": {"min": 1, "max": 8},
}
SPACE = make_space(CONTENT, Configuration())
PRESET = {
    "model.units": 256,
    "model.dropout": 0.2,
    "train.learning_rate": 0.003,
    "model.attention": "bahdanau",
    "data.buckets": 6,
    "model.attention_units": None,
}
ALGORITHMS = ["hyperband", "bayesian", "random", "grid"]
MOSTLY_QUICK = ["hyperband", pytest.param("bayesian", marks=pytest.mark.slow), "random", "grid"]
TRIALS = {"hyperband": 12, "bayesian": 6, "random": 12, "grid": 12}  # a Gaussian process takes its time


def open_oracle(folder: Path, algorithm: str, trials: int = 12, space: Space = SPACE) -> ResumableOracle:
    tune = TuneConfiguration(algorithm=algorithm, trials=trials)  # type: ignore[arg-type]
    oracle = make_oracle(tune, space, epochs=9)
    oracle._set_project_dir(str(folder), "oracle")
    oracle.verbose = 0
    if (folder / "oracle" / "oracle.json").is_file():
        oracle.reload()
    return oracle


def score(values: dict[str, Any]) -> float:
    return abs(values["model.units"] - 16) + 100 * values["model.dropout"]


def run(oracle: ResumableOracle, most: int = 1000, fail: bool = False) -> list[tuple[str, dict[str, Any]]]:
    """Run trials without training; ids and values in the order in which they ended."""
    done = []
    while len(done) < most:
        trial = oracle.create_trial("one")
        if trial.status == "STOPPED":
            break
        values = decode_values(trial.hyperparameters.values, SPACE)
        if fail:
            trial.status, trial.message = "FAILED", "no luck"
        else:
            oracle.update_trial(trial.trial_id, {"val_wer": score(values)})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
        done.append((trial.trial_id, values))
    return done


@pytest.mark.parametrize("algorithm", MOSTLY_QUICK)
def test_the_configurations_own_values_come_first(tmp_path: Path, algorithm: str):
    done = run(open_oracle(tmp_path, algorithm, TRIALS[algorithm]))
    assert done[0][1] == PRESET
    assert len(done) == len({trial_id for trial_id, _ in done}) == TRIALS[algorithm]
    if algorithm != "hyperband":  # there, trials with the same values go on from one another
        assert len({json.dumps(values, sort_keys=True) for _, values in done}) == TRIALS[algorithm]


def test_the_objective_says_what_is_best_and_in_which_direction(tmp_path: Path):
    train = TrainConfiguration(objective="accuracy")
    space = dataclasses.replace(SPACE, configuration=dataclasses.replace(SPACE.configuration, train=train))
    objective = open_oracle(tmp_path, "random", space=space).objective
    assert (objective.name, objective.direction) == ("val_accuracy", "max")
    objective = open_oracle(tmp_path, "random").objective
    assert (objective.name, objective.direction) == ("val_wer", "min")


@pytest.mark.parametrize("algorithm", MOSTLY_QUICK)
def test_every_proposal_lies_in_the_space(tmp_path: Path, algorithm: str):
    for _, values in run(open_oracle(tmp_path, algorithm, 8 if algorithm == "bayesian" else 30)):
        assert values["model.units"] in (8, 16, 256)
        assert 0 <= values["model.dropout"] <= 0.5
        assert 0.0001 <= values["train.learning_rate"] <= 0.1
        assert values["data.buckets"] in range(1, 9)
        assert isinstance(values["data.buckets"], int)
        assert ("model.attention_units" in values) == (values["model.attention"] == "bahdanau")
        SPACE.apply(values)


@pytest.mark.parametrize("algorithm", MOSTLY_QUICK)
def test_killed_between_trials_it_goes_on_as_if_nothing_had_been(tmp_path: Path, algorithm: str):
    trials = TRIALS[algorithm]
    whole = run(open_oracle(tmp_path / "whole", algorithm, trials))
    parts = []
    for _ in range(3):
        parts += run(open_oracle(tmp_path / "parts", algorithm, trials), most=trials // 3)
    assert run(open_oracle(tmp_path / "parts", algorithm, trials)) == []
    assert [trial_id for trial_id, _ in parts] == [trial_id for trial_id, _ in whole]
    if algorithm != "bayesian":  # keras-tuner does not save its random state
        assert parts == whole


@pytest.mark.parametrize("algorithm", MOSTLY_QUICK)
def test_killed_within_a_trial_it_alone_restarts(tmp_path: Path, algorithm: str):
    trials = TRIALS[algorithm]
    oracle = open_oracle(tmp_path, algorithm, trials)
    before = run(oracle, most=4)
    interrupted = oracle.create_trial("one")
    after = run(open_oracle(tmp_path, algorithm, trials))
    assert after[0][0] == interrupted.trial_id
    assert after[0][1] == decode_values(interrupted.hyperparameters.values, SPACE)
    ids = [trial_id for trial_id, _ in before + after]
    assert len(ids) == len(set(ids)) == trials


def test_killed_before_the_oracle_knew_of_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    oracle = open_oracle(tmp_path, "random")
    run(oracle, most=2)
    monkeypatch.setattr(oracle, "save", lambda: None)  # the trial's own file is written first
    lost = oracle.create_trial("one")
    after = run(open_oracle(tmp_path, "random"))
    assert after[0][0] == lost.trial_id
    assert len(after) == 10


def test_killed_before_the_oracle_knew_of_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    oracle = open_oracle(tmp_path, "random")
    run(oracle, most=2)
    trial = oracle.create_trial("one")
    monkeypatch.setattr(oracle, "save", lambda: None)
    oracle.update_trial(trial.trial_id, {"val_wer": -1.0})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    again = open_oracle(tmp_path, "random")
    assert trial.trial_id not in [trial_id for trial_id, _ in run(again)]
    assert again.get_best_trials()[0].trial_id == trial.trial_id
    assert sorted(again.end_order) == sorted(again.start_order)


def test_state_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    oracle = open_oracle(tmp_path, "random")
    run(oracle, most=2)
    state, trial = tmp_path / "oracle" / "oracle.json", tmp_path / "oracle" / "trial_01" / "trial.json"
    before = state.read_text(), trial.read_text()

    def half(path: Path, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("no room")

    monkeypatch.setattr("pipeline.files.durable.write_durably", half)
    with pytest.raises(OSError, match="no room"):
        oracle.save()
    with pytest.raises(OSError, match="no room"):
        oracle._save_trial(oracle.trials["01"])
    assert (state.read_text(), trial.read_text()) == before


def test_a_path_may_look_like_a_pattern(tmp_path: Path):
    folder = tmp_path / "lr[0.1]*"
    run(open_oracle(folder, "random"), most=2)
    assert len(run(open_oracle(folder, "random"))) == 10


def test_three_failures_in_a_row_end_the_tuning(tmp_path: Path):
    oracle = open_oracle(tmp_path, "random")
    run(oracle, most=2)
    assert len(run(oracle, fail=True)) == 3
    assert oracle.failures == ["02", "03", "04"]
    assert open_oracle(tmp_path, "random").stopped_by_failures
    again = open_oracle(tmp_path, "random")
    assert len(run(again, fail=True)) == 1  # started again, it tries once more
    mended = open_oracle(tmp_path, "random")
    assert len(run(mended)) == 6
    assert not mended.failures
    assert not open_oracle(tmp_path, "random").stopped_by_failures


def test_three_failures_at_the_very_end_stop_nothing(tmp_path: Path):
    oracle = open_oracle(tmp_path, "random", 5)
    run(oracle, most=2)
    assert len(run(oracle, fail=True)) == 3
    assert not oracle.stopped_by_failures


def test_two_failures_do_not(tmp_path: Path):
    oracle = open_oracle(tmp_path, "random")
    run(oracle, most=2, fail=True)
    assert len(run(oracle)) == 10


def test_more_trials_extend_a_tuning(tmp_path: Path):
    run(open_oracle(tmp_path, "grid", 5))
    assert len(run(open_oracle(tmp_path, "grid", 8))) == 3


def test_a_small_grid_ends_by_itself(tmp_path: Path):
    space = make_space({key: CONTENT[key] for key in ("model.units", "model.attention")}, Configuration())
    oracle = open_oracle(tmp_path, "grid", 50, space)
    done = []
    while (trial := oracle.create_trial("one")).status != "STOPPED":
        done.append(tuple(decode_values(trial.hyperparameters.values, space).values()))
        oracle.update_trial(trial.trial_id, {"val_wer": 1.0})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    assert len(done) == len(set(done)) == 6


def test_a_grid_keeps_two_workers_busy(tmp_path: Path):
    oracle = open_oracle(tmp_path, "grid", 6)
    first, second, third = (oracle.create_trial(worker) for worker in ("one", "two", "three"))
    values = [tuple(sorted(trial.hyperparameters.values.items(), key=str)) for trial in (first, second, third)]
    assert len(set(values)) == 3


def test_hyperband_goes_on_where_nothing_new_is_left(tmp_path: Path):
    space = make_space({key: CONTENT[key] for key in ("model.units", "model.attention")}, Configuration())
    oracle = open_oracle(tmp_path, "hyperband", 30, space)
    scores = {}
    while (trial := oracle.create_trial("one")).status != "STOPPED":
        values = decode_values(trial.hyperparameters.values, space)
        scores[trial.trial_id] = values["model.units"] + (values["model.attention"] == "none")
        oracle.update_trial(trial.trial_id, {"val_wer": scores[trial.trial_id]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    lengths = [trial.hyperparameters.values["tuner/epochs"] for trial in oracle.trials.values()]
    # Six combinations for 1 of 9 epochs, the best two of them go on to 3, the best one to 9.
    assert lengths == [1] * 6 + [3] * 2 + [9]
    last = list(oracle.trials.values())[-1].hyperparameters.values
    assert decode_values(last, space) == {"model.units": 8, "model.attention": "bahdanau"}
    assert last["tuner/initial_epoch"] == 3
    assert oracle.trials[last["tuner/trial_id"]].hyperparameters.values["tuner/epochs"] == 3


def test_hyperband_goes_on_with_the_best(tmp_path: Path):
    oracle = open_oracle(tmp_path, "hyperband", 22)
    run(oracle)
    seen = 0
    for trial in oracle.trials.values():
        told = trial.hyperparameters.values
        if "tuner/trial_id" in told:
            before = oracle.trials[told["tuner/trial_id"]].hyperparameters.values
            assert before["tuner/epochs"] == told["tuner/initial_epoch"] < told["tuner/epochs"]
            assert decode_values(before, SPACE) == decode_values(told, SPACE)
            seen += 1
    assert seen >= 4


def test_values_survive_single_precision():
    space = make_space(
        {"model.dropout": {"choices": [0.1, 0.3]}, "train.learning_rate": {"min": 1e-4, "max": 1}}, Configuration()
    )
    sent = {"model.dropout": 0.30000001192092896, "train.learning_rate": 0.0010000000474974513}
    assert decode_values(sent, space) == {"model.dropout": 0.3, "train.learning_rate": 0.001}
