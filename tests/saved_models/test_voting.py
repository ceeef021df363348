"""Runs that cannot be one network, opened as an ensemble that decides by outputs."""

import shutil
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.prediction.vote import VotingPredictor
from pipeline.runs.directory import RunDirectory
from pipeline.saved_models.export import export_run
from pipeline.saved_models.opening import load
from pipeline.settings.changes import replace_settings
from tests.tiny_task import TinyRun


@pytest.fixture
def turned(tiny_run: TinyRun, tmp_path: Path) -> Path:
    """The same weights, taken for those of a model from right to left."""
    run = RunDirectory(tmp_path / "turned")
    shutil.copytree(tiny_run.path, run.path, ignore=shutil.ignore_patterns("export", "logs", "data"))
    changed = replace_settings(tiny_run.configuration, {"text.direction": "right_to_left"})
    run.recorded.write({run.config: changed.to_yaml()})
    return run.path


@pytest.mark.slow
def test_both_directions_vote(tiny_run: TinyRun, turned: Path):
    both = load(f"{tiny_run.path},{turned},{tiny_run.path}")
    assert isinstance(both, VotingPredictor)
    assert [(member.name, member.weight) for member in both.members] == [
        (f"{tiny_run.path},{tiny_run.path}", 2),
        (str(turned), 1),
    ]
    # What reads the same in both directions is what both find.
    [found] = both.predict("aéa")
    assert found.texts == ["A É A"]
    assert [vote.text for vote in found.votes] == ["A É A"] * 2
    assert found.attention.shape == (4, 4)
    # The one says "A B", the other "B A", and of two against one the two have it.
    [found] = load(f"{tiny_run.path},{turned},{tiny_run.path}", search={"vote": "majority"}).predict("ab")
    assert (found.texts, found.rank_scores) == (["A B"], [2.0])
    assert [vote.text for vote in found.votes] == ["A B", "B A", "A B"]


def test_what_cannot_be_had(tiny_run: TinyRun, turned: Path, tmp_path: Path):
    both = Path(f"{tiny_run.path},{turned}")
    with pytest.raises(UsageError, match=r"cannot be one model .*text\.direction is 'right_to_left'.*`distill`"):
        export_run(both, tmp_path / "export")
    with pytest.raises(UsageError, match=r"search\.vote majority: such an ensemble decides by outputs"):
        export_run(Path(f"{tiny_run.path},{tiny_run.path}"), tmp_path / "export", search={"vote": "majority"})
    with pytest.raises(UsageError, match="prefixes: impossible"):
        load(both).predict("ab", prefixes="A")
    with pytest.raises(UsageError, match="--n-best 4: more than the beam keeps"):
        load(both, n_best=4)
