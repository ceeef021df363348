"""The notebooks, executed from their first cell to the last with very little data."""

import time
from itertools import islice
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from pipeline.corpus import read_pairs
from tests.tiny_task import write_pairs

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = ["01_train_and_look", "02_tune"]
SECONDS = 120


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_these_are_all():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_stored_without_outputs(name: str):
    for cell in read(name).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_to_its_end(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ATTENTIF_SMOKE", "1")
    monkeypatch.setenv("ATTENTIF_RUNS", str(tmp_path))
    for role in ("dev", "test"):
        # Of the corpus's own 19,000 words a model that has learnt nothing says no more.
        pairs = [(pair.source, pair.target) for pair in islice(read_pairs("cmudict", role), 100)]
        write_pairs(tmp_path / f"{role}.tsv", pairs)
    notebook = read(name)
    began = time.monotonic()
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(FOLDER)}}).execute()
    taken = time.monotonic() - began
    pictures = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 2
    # Twice the promise: the other tests run beside it.
    assert taken < 2 * SECONDS
