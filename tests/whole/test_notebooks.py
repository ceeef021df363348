"""The notebooks, executed from their first cell to the last with very little data."""

import time
from itertools import islice
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from pipeline.pairs.reading import read_pairs
from tests.tiny_task import write_pairs

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = ["01_train_and_look", "02_tune", "03_inflection"]
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


@pytest.mark.parametrize("name", NAMES)
def test_teach_without_switches_for_tests(name: str):
    for cell in read(name).cells:
        assert "environ" not in cell.source
        assert "SMOKE" not in cell.source


FEW = {
    "01_train_and_look": """
SETTINGS |= {"data.train_size": 500, "model.units": 32, "train.epochs": 1}
""",
    "02_tune": """
SETTINGS |= {"data.train_size": 300, "model.units": 16, "model.embedding_units": 16, "train.epochs": 1}
SPACE["model.units"] = {"choices": [8, 16]}
TRIALS, LONGER = 2, 1
""",
    # It learns enough that some answers are right: of others nobody could say how sure they are.
    "03_inflection": """
SETTINGS |= {"model.units": 64, "model.dropout": 0.2, "train.epochs": 2, "train.min_epoch_tokens": 20000}
SETTINGS |= {"train.learning_rate": 0.005}
""",
}
CMUDICT = {"01_train_and_look", "02_tune"}
"""Those on that corpus."""


def with_few_words(notebook: nbformat.NotebookNode, name: str, folder: Path) -> nbformat.NotebookNode:
    """The notebook with other settings behind its own, and without what needs somebody who looks at it."""
    few = {"data.dev": str(folder / "dev.tsv"), "data.test": str(folder / "test.tsv"), "data.buckets": 2}
    places = few if name in CMUDICT else {"data.buckets": 1}
    change = f"RUNS = Path({str(folder)!r})\n{FEW[name]}\nSETTINGS |= {places!r}"
    cells = [cell for cell in notebook.cells if "interactive" not in cell.metadata.get("tags", [])]
    [place] = [number for number, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])]
    notebook.cells = [*cells[: place + 1], nbformat.v4.new_code_cell(change), *cells[place + 1 :]]
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_to_its_end(name: str, tmp_path: Path):
    for role in ("dev", "test"):
        # Of the corpus's own 19,000 words a model that has learnt nothing says no more.
        pairs = [(pair.source, pair.target) for pair in islice(read_pairs("cmudict", role), 100)]
        write_pairs(tmp_path / f"{role}.tsv", pairs)
    notebook = with_few_words(read(name), name, tmp_path)
    began = time.monotonic()
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(FOLDER)}}).execute()
    taken = time.monotonic() - began
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    # What notebooks paint red.
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert any("training " in output.text and "parameters" in output.text for output in outputs if "text" in output)
    # Twice the promise: the other tests run beside it.
    assert taken < 2 * SECONDS
