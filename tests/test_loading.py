import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import DataError, UsageError
from pipeline.loading import load_predictor, load_string_model
from pipeline.run_directory import FORMAT, Checkpoints, RunDirectory
from tests.tiny_task import TinyRun


@pytest.fixture
def copied_run(tiny_run: TinyRun, tmp_path: Path) -> Path:
    """A run to be damaged, without what loading does not need."""
    return Path(
        shutil.copytree(tiny_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("export", "logs", "data"))
    )


@pytest.fixture
def copied_export(tiny_export: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_export, tmp_path / "export"))


def test_a_run_and_its_export_predict_the_same(tiny_run: TinyRun, tiny_export: Path):
    for path in (tiny_run.path, tiny_export):
        predictor = load_predictor(path, n_best=2)
        [prediction] = predictor.predict(["aßé"])
        assert prediction.texts[0] == "A S S É"
        assert len(prediction.texts) == 2
        assert predictor.text == tiny_run.configuration.text


def test_a_run_takes_any_beam(tiny_run: TinyRun):
    run = RunDirectory(tiny_run.path)
    model = load_string_model(run)
    assert (model.search.beam_size, model.n_best) == (3, 3)
    assert load_string_model(run, 4).n_best == 4
    model = load_string_model(run, 2, 1)
    assert (model.search.beam_size, model.n_best) == (2, 1)


def test_the_best_checkpoint_is_taken(copied_run: Path):
    checkpoints = Checkpoints(RunDirectory(copied_run).checkpoints)
    latest, best = checkpoints.latest(), checkpoints.best()
    assert latest
    assert best
    assert best[0].epoch == latest[0].best_epoch < latest[0].epoch
    latest[1].write_bytes(b"not needed")
    assert load_predictor(copied_run).predict(["a"])[0].texts == ["A"]
    # Its folder deleted, as the message advises, the newest is next.
    best[1].write_bytes(b"damaged")
    with pytest.raises(DataError, match="the weights cannot be loaded"):
        load_predictor(copied_run)
    shutil.rmtree(best[1].parent)
    with pytest.raises(DataError, match="the weights cannot be loaded") as caught:
        load_predictor(copied_run)
    assert str(latest[1]) in str(caught.value)


@pytest.mark.parametrize("exists", [True, False])
def test_neither_run_nor_export(tmp_path: Path, exists: bool):
    path = tmp_path if exists else tmp_path / "nowhere"
    wrong = "is neither a run directory nor an exported model" if exists else "no such run or exported model"
    with pytest.raises(UsageError, match=f"{path}: {wrong}; give what `train --run` or `export` wrote"):
        load_predictor(path)


def test_more_outputs_than_the_beam_keeps(tiny_run: TinyRun):
    with pytest.raises(UsageError, match="--n-best 4: more than the beam keeps; give --beam 4"):
        load_predictor(tiny_run.path, n_best=4)
    assert load_predictor(tiny_run.path, beam_size=4, n_best=4).n_best == 4


def test_what_an_export_fixes(tiny_export: Path):
    with pytest.raises(UsageError, match=r"exported with --beam 3, which is fixed; .* export again with --beam 2"):
        load_predictor(tiny_export, beam_size=2)
    with pytest.raises(UsageError, match="exported with --n-best 3; export again with --n-best 4"):
        load_predictor(tiny_export, n_best=4)
    assert load_predictor(tiny_export, beam_size=3, n_best=3).n_best == 3


def test_no_checkpoint_yet(copied_run: Path):
    shutil.rmtree(copied_run / "checkpoints")
    with pytest.raises(DataError, match="no epoch has ended yet, there is no checkpoint to load; train on"):
        load_predictor(copied_run)


def test_another_version(copied_run: Path, copied_export: Path):
    (copied_run / "run.json").write_text(json.dumps({"format": FORMAT + 1, "attentif": "9.1"}))
    with pytest.raises(UsageError, match=r"made by Attentif 9\.1"):
        load_predictor(copied_run)
    info = json.loads((copied_export / "attentif.json").read_text())
    (copied_export / "attentif.json").write_text(json.dumps({**info, "format": FORMAT + 1, "attentif": "9.1"}))
    with pytest.raises(UsageError, match=r"exported by Attentif 9\.1, another version; export it again"):
        load_predictor(copied_export)


def test_an_export_that_can_do_less(copied_export: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.loading.tf.saved_model.load", lambda path: object())
    with pytest.raises(UsageError, match="exported by an earlier version, which could do less; export it again"):
        load_predictor(copied_export)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize("name", ["source.txt", "target.txt"])
def test_vocabularies_of_another_size(copied_run: Path, name: str):
    path = copied_run / "vocabulary" / name
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(DataError, match="the weights cannot be loaded"):
        load_predictor(copied_run)
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: the vocabulary cannot be read"):
        load_predictor(copied_run)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "beam_size": 3, "n_best": 3}'])
def test_damaged_description_of_an_export(copied_export: Path, content: str):
    (copied_export / "attentif.json").write_text(content)
    with pytest.raises(UsageError, match=r"attentif\.json: damaged, this is not a usable export"):
        load_predictor(copied_export)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [cut, Path.unlink, lambda path: path.write_bytes(b"nonsense")])
@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_damaged_export(copied_export: Path, name: str, damage: Callable[[Path], None]):
    damage(copied_export / name)
    missing = not (copied_export / "saved_model.pb").exists()
    error, message = (
        (UsageError, "neither") if missing else (DataError, "the exported model is damaged .*export it again")
    )
    with pytest.raises(error, match=message) as caught:
        load_predictor(copied_export)
    assert str(copied_export) in str(caught.value)
    assert "\n" not in str(caught.value)
