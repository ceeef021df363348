"""Members that differ from the student in more than their seed."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.defaults.configure import fit_to_data
from pipeline.defaults.fitted import FittedConfiguration
from pipeline.defaults.other_attention import with_other_attention
from pipeline.errors import UsageError
from pipeline.improvement import members
from pipeline.improvement.directory import ImprovementDirectory
from pipeline.improvement.members import _give_up_other, _order, choose_ensemble, train_members
from pipeline.improvement.plan import Improvement
from pipeline.improvement.stage import Stage
from pipeline.settings.changes import by_name, replace_settings
from pipeline.settings.configuration import Configuration
from tests.tiny_task import tiny_configuration


@pytest.fixture
def fitted(tiny_splits: dict[str, str]) -> Configuration:
    """What the data decide: attention that must move forward."""
    found = fit_to_data({f"data.{name}": place for name, place in tiny_splits.items()})
    assert found.model.attention == "monotonic"
    return found


@pytest.fixture
def directory(tmp_path: Path) -> ImprovementDirectory:
    return ImprovementDirectory(tmp_path / "best")


def kinds(stage: Stage) -> list[str]:
    found = [stage.member(number)[1] for number in range(1, stage.how.members + 1)]
    return [f"{of.model.attention} {of.text.direction} {of.train.seed}" for of in found]


def test_another_attention_has_the_settings_that_the_data_decide_for_it(fitted: Configuration):
    other = with_other_attention(fitted)
    assert other is not None
    assert (other.model.attention, other.text, other.data.train) == ("bahdanau", fitted.text, fitted.data.train)
    # The first learns from less.
    assert other.train.epochs * other.train.min_epoch_tokens > fitted.train.epochs * fitted.train.min_epoch_tokens


def test_one_that_goes_on_may_be_called_without_its_data(fitted: Configuration):
    again = replace_settings(FittedConfiguration(given=("train.seed",)), by_name(fitted.to_dict()))
    other = with_other_attention(again)
    assert other is not None
    assert (other.model.attention, other.data.train) == ("bahdanau", fitted.data.train)


def test_there_is_none_where_somebody_decided(tiny_splits: dict[str, str]):
    given: dict[str, Any] = {"data.train": tiny_splits["train"], "model.attention": "monotonic"}
    assert with_other_attention(fit_to_data(given)) is None
    assert with_other_attention(fit_to_data({**given, "model.attention": "bahdanau"})) is None
    assert with_other_attention(tiny_configuration(tiny_splits, model={"attention": "monotonic"})) is None


def test_members_by_their_numbers(fitted: Configuration, directory: ImprovementDirectory):
    stage = Stage(directory, fitted, Improvement(members=5))
    hard, soft = "monotonic left_to_right", "bahdanau left_to_right"
    assert kinds(stage) == [f"{hard} 1", f"{hard} 2", f"{soft} 3", f"{soft} 4", "monotonic right_to_left 5"]
    assert [stage.describe(number) for number in (1, 4, 5)] == [
        "member 1",
        "member 4, other attention",
        "member 5, other direction",
    ]
    assert stage.share_of_other() == pytest.approx(2, rel=0.2)
    # Each kind is trained early; with two at the same time the second is of the slower one.
    assert _order(stage, [1, 2, 3, 4, 5], 1) == [1, 3, 5, 2, 4]
    assert _order(stage, [1, 2, 3, 4, 5], 3) == [1, 2, 3, 5, 4]
    without = Stage(directory, fitted, Improvement(members=3, other_attention=0))
    assert kinds(without) == [f"{hard} 1", f"{hard} 2", "monotonic right_to_left 3"]
    assert without.share_of_other() == 1


def test_a_member_that_was_begun_stays_what_it_is(fitted: Configuration, directory: ImprovementDirectory):
    run, configuration = Stage(directory, fitted, Improvement(members=3)).member(2)
    assert configuration.model.attention == "bahdanau"
    run.begin(configuration)
    stage = Stage(directory, fitted, Improvement(members=5))
    assert [stage.is_varied(number) for number in range(1, 6)] == [False, True, True, True, False]
    assert stage.member(2)[1] == configuration
    # Gone on with by what was written, which does not know what the data decided.
    written = replace_settings(Configuration(), by_name(fitted.to_dict()))
    stage = Stage(directory, written, Improvement(members=5))
    assert [stage.is_varied(number) for number in range(1, 6)] == [False, True, False, False, False]
    assert stage.member(2)[1] == configuration


@pytest.mark.parametrize(
    ("dev", "ensemble"),
    [
        ({(1, 2): 9.0, (1, 2, 3): 8.0, (1, 2, 4): 8.2, (1, 2, 3, 4): 8.5}, [1, 2, 3]),
        ({(1, 2): 9.0, (1, 2, 3): 8.0, (1, 2, 4): 7.5, (1, 2, 3, 4): 7.0}, [1, 2, 3, 4]),
        ({(1, 2): 9.0, (1, 2, 3): 8.0, (1, 2, 4): 6.5, (1, 2, 3, 4): 7.0}, [1, 2, 4]),
        ({(1, 2): 7.0, (1, 2, 3): 8.0, (1, 2, 4): 7.2, (1, 2, 3, 4): 7.5}, [1, 2]),
    ],
)
def test_dev_decides_who_votes(
    dev: dict[tuple[int, ...], float],
    ensemble: list[int],
    fitted: Configuration,
    directory: ImprovementDirectory,
    monkeypatch: pytest.MonkeyPatch,
):
    stage = Stage(directory, fitted, Improvement(members=4))
    directory.path.mkdir()
    figures = {stage.join(numbers): {"wer": wer, "per": wer} for numbers, wer in dev.items()}
    monkeypatch.setattr(stage, "measure", lambda path, split: figures[path])
    assert choose_ensemble(stage, [1, 2, 3, 4]) == (ensemble, figures[stage.join(ensemble)])


@pytest.mark.parametrize(("wer", "later"), [(48.0, "bahdanau"), (55.0, "monotonic")])
def test_there_are_no_more_of_another_attention_that_is_far_worse(
    wer: float, later: str, fitted: Configuration, directory: ImprovementDirectory
):
    stage = Stage(directory, fitted, Improvement(members=5))
    for number, figure in ((1, 40.0), (3, wer)):
        run, configuration = stage.member(number)
        run.begin(configuration)
        run.end({"val_wer": figure})
    _give_up_other(stage, [1, 3])
    # Who says how many has them, now and later.
    asked = Stage(directory, fitted, Improvement(members=5, other_attention=2))
    assert [asked.is_varied(number) for number in (2, 3, 4)] == [False, True, True]
    for again in (stage, Stage(directory, fitted, Improvement(members=5))):
        assert [again.member(number)[1].model.attention for number in (2, 3, 4)] == ["monotonic", "bahdanau", later]
        assert again.member(4)[1].train.seed == 4


def test_one_after_the_other_the_second_says_whether_there_are_more(
    fitted: Configuration, directory: ImprovementDirectory, monkeypatch: pytest.MonkeyPatch
):
    begun: list[str] = []

    def train_all(place: object, orders: dict[str, Any], workers: int, clock: object) -> list[str]:
        for run, configuration in orders.values():
            if not run.exists():
                begun.append(configuration.model.attention)
                run.begin(configuration)
                run.end({"val_wer": 40.0 if begun[-1] == "monotonic" else 55.0})
        return list(orders)

    monkeypatch.setattr(members, "train_all", train_all)
    monkeypatch.setattr(members, "training_seconds", lambda run: 1.0)
    assert train_members(Stage(directory, fitted, Improvement(members=5, workers=1))) == [1, 2, 3, 4, 5]
    assert begun == ["monotonic", "bahdanau", "monotonic", "monotonic", "monotonic"]


def test_what_cannot_be_is_refused(tiny_splits: dict[str, str], directory: ImprovementDirectory):
    with pytest.raises(UsageError, match="--other-attention: 5 is impossible, it must be below --members"):
        Improvement(members=5, other_attention=5)
    with pytest.raises(UsageError, match="--other-attention: 4 is impossible beside 1 of the other direction"):
        Improvement(members=5, other_attention=4)
    with pytest.raises(UsageError, match=r"--other-attention: 1 is impossible with model\.attention bahdanau"):
        Stage(directory, tiny_configuration(tiny_splits), Improvement(members=3, other_attention=1))


def test_how_many_there_are_where_nobody_says():
    assert [Improvement(members=number).varied for number in (2, 3, 4, 5, 8)] == [1, 1, 1, 2, 2]
    assert Improvement(members=3, other_direction=2).varied == 0
