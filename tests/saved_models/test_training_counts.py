"""How often training had each source symbol: from the ids that a run keeps, or from its data."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from pipeline.saved_models.training_counts import count_training_symbols
from tests.tiny_task import TinyRun


@pytest.fixture
def run(tiny_run: TinyRun, tmp_path: Path) -> Path:
    """A copy to take things out of."""
    ignored = shutil.ignore_patterns("export", "logs", "checkpoints")
    return Path(shutil.copytree(tiny_run.path, tmp_path / "run", ignore=ignored))


def test_with_the_ids_and_without(run: Path, tiny_run: TinyRun):
    lines = Path(tiny_run.configuration.data.train).read_text(encoding="utf-8").splitlines()
    expected = Counter(letter for line in lines for letter in line.split("\t")[0])
    assert count_training_symbols(run) == expected
    shutil.rmtree(run / "data")
    assert count_training_symbols(run) == expected
    assert count_training_symbols(Path(f"{run},{run}")) == expected


def test_why_they_are_not_known(run: Path, tiny_export: Path, monkeypatch: pytest.MonkeyPatch):
    assert "was given as an object" in str(count_training_symbols(None))
    assert "is no run, and an export or a folder does not know" in str(count_training_symbols(tiny_export))
    shutil.rmtree(run / "data")
    (run / "vocabulary" / "source.txt").unlink()
    assert "its training data cannot be read any more" in str(count_training_symbols(run))
