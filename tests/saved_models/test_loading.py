import dataclasses
import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipeline.data.length_limits import read_limits
from pipeline.errors import DataError, UsageError
from pipeline.files.durable import checksum
from pipeline.model.network import SingleNetwork
from pipeline.model.sequence_to_sequence import build_model
from pipeline.model.weights import load_weights
from pipeline.pairs.pair_file import Pair
from pipeline.prediction.scoring import score_pairs
from pipeline.prediction.string_model import StringModel
from pipeline.runs.checkpoints import Checkpoints
from pipeline.runs.directory import FORMAT, RunDirectory
from pipeline.saved_models.ensemble_runs import find_runs
from pipeline.saved_models.loading import load_predictor, load_string_model
from pipeline.saved_models.opening import open_model
from pipeline.text.symbols import PAD
from pipeline.text.vocabulary import load_vocabularies
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
    last = checkpoints.latest()
    assert last
    # Another epoch, which is no better.
    worse = dataclasses.replace(last[0], epoch=last[0].epoch + 1, best_epoch=last[0].epoch)
    checkpoints.save(worse, lambda path: path.write_bytes(last[1].read_bytes()))
    latest, best = checkpoints.latest(), checkpoints.best()
    assert latest
    assert best
    assert best[0].epoch == latest[0].best_epoch < latest[0].epoch
    assert load_predictor(copied_run).predict(["a"])[0].texts == ["A"]
    # Damaged, it is not used: then the newest is.
    best[1].write_bytes(b"damaged")
    assert checkpoints.best() == latest
    assert load_predictor(copied_run).predict(["a"])[0].texts == ["A"]
    for path in checkpoints.directory.glob("*/manifest.json"):
        path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="all checkpoints are damaged") as caught:
        load_predictor(copied_run)
    assert str(checkpoints.directory) in str(caught.value)


def symbol_probabilities(strings: StringModel, pairs: list[tuple[str, str]]) -> np.ndarray:
    sources, targets = (tf.constant(side) for side in zip(*pairs, strict=True))
    ids, lengths = strings.source_text.to_ids(strings.source_text.split(sources))
    wanted, _ = strings.target_text.to_ids(strings.target_text.split(targets))
    return np.where(wanted == PAD, 1, np.exp(strings.network.score(ids, lengths, wanted)))


def test_an_ensemble_is_the_mean_of_its_members(tiny_ensemble: Path):
    pairs = [("aßé", "A S S É"), ("ab", "B A A"), ("東", "")]
    predictor = load_predictor(tiny_ensemble, n_best=None)
    members = [load_string_model(run) for run in find_runs(tiny_ensemble) or []]
    apart = [symbol_probabilities(member, pairs) for member in members]
    assert np.abs(apart[0] - apart[1]).max() > 1e-3
    together = symbol_probabilities(predictor.model, pairs)
    np.testing.assert_allclose(together, np.mean(apart, axis=0), rtol=1e-4)
    scores = list(score_pairs(predictor, [Pair(*pair, 1) for pair in pairs]))
    np.testing.assert_allclose(scores, np.log(np.mean(apart, axis=0)).sum(axis=1), rtol=1e-4)


def test_what_the_members_of_an_ensemble_bring(tiny_ensemble: Path):
    predictor = load_predictor(tiny_ensemble, n_best=None)
    # The first one's beam, and the shortest of their longest sources.
    assert (predictor.model.search.beam_size, predictor.n_best, predictor.model.max_length) == (3, 3, 8)
    [fits, cut] = predictor.predict(["a" * 8, "a" * 9])
    assert (fits.cut, cut.cut) == (False, True)
    first, second = str(tiny_ensemble).split(",")
    turned = load_predictor(Path(f"{second},{first}"), n_best=None)
    assert (turned.model.search.beam_size, turned.model.max_length) == (2, 8)


def test_other_search_settings(tiny_run: TinyRun):
    model = load_string_model(RunDirectory(tiny_run.path), search={"length_penalty": 1.0, "beam_size": 4})
    changed = dataclasses.replace(tiny_run.configuration.search, length_penalty=1.0, beam_size=4)
    assert model.search == read_limits(RunDirectory(tiny_run.path).limits).complete(changed)
    assert model.n_best == 4
    none = load_predictor(tiny_run.path, search={"length_ratio": 0, "length_offset": 1})
    assert [len(found.target_tokens) for found in none.predict(["aaaa", "bbb"])] == [2, 2]
    with pytest.raises(UsageError, match=r"search\.length_penalty: -1 is impossible"):
        load_predictor(tiny_run.path, search={"length_penalty": -1})
    with pytest.raises(UsageError, match=r"search\.length_penaltys: no such key; did you mean length_penalty"):
        load_predictor(tiny_run.path, search={"length_penaltys": 1})


def test_the_mean_of_the_last_epochs(tiny_run: TinyRun):
    run = RunDirectory(tiny_run.path)
    last = Checkpoints(run.checkpoints).last_epochs(2)

    def weights(network: SingleNetwork) -> list[np.ndarray]:
        layers = (network.source_embedding, network.encoder, network.target_embedding, network.decoder)
        return [np.asarray(variable) for layer in layers for variable in layer.weights if "float" in variable.dtype]

    def weights_of(path: Path) -> list[np.ndarray]:
        model = build_model(tiny_run.configuration.model, *map(len, load_vocabularies(run.vocabulary)))
        load_weights(model, path)
        return weights(SingleNetwork(model))

    apart = [weights_of(path) for path in last]
    for average, expected in ((2, [np.mean(pair, axis=0) for pair in zip(*apart, strict=True)]), (1, apart[1])):
        found = weights(load_string_model(run, average=average).network)
        assert len(found) == len(expected) > 10
        for variable, value in zip(found, expected, strict=True):
            np.testing.assert_allclose(variable, value, rtol=1e-5, atol=1e-7)
    assert load_predictor(tiny_run.path, average=2).predict(["aßé"])[0].texts == ["A S S É"]


def test_each_member_has_its_own_mean(tiny_run: TinyRun, tmp_path: Path):
    ensemble = Path(f"{tiny_run.path},{tiny_run.path}")
    alone, both = (load_predictor(path, average=2).predict(["aßé", "b"]) for path in (tiny_run.path, ensemble))
    np.testing.assert_allclose([found.scores for found in alone], [found.scores for found in both], atol=1e-5)


def test_more_epochs_than_there_are(tiny_run: TinyRun):
    with pytest.raises(UsageError, match=r"--average 9: .*checkpoints of the last [23] epochs; .*keep_checkpoints"):
        load_predictor(tiny_run.path, average=9)


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
    message = (
        r"exported with --search\.length_penalty 0\.0, which is fixed; .* again with --search\.length_penalty 1\.0"
    )
    with pytest.raises(UsageError, match=message):
        load_predictor(tiny_export, search={"length_penalty": 1.0})
    assert load_predictor(tiny_export, search={"length_penalty": 0.0, "replace_unknown": False}).n_best == 1
    with pytest.raises(UsageError, match=r"exported with its weights, which are fixed; .*again with --average 2"):
        load_predictor(tiny_export, average=2)


def test_a_run_that_has_not_ended_is_told(copied_run: Path, caplog: pytest.LogCaptureFixture):
    open_model(copied_run, alone=False)
    assert "has not ended" not in caplog.text
    (copied_run / "result.json").unlink()
    open_model(copied_run, alone=False)
    best = Checkpoints(copied_run / "checkpoints").latest()[0].best_epoch  # type: ignore[index]
    assert f"{copied_run}: its training has not ended; of 10 epochs so far epoch {best} is the best" in caplog.messages


def test_no_checkpoint_yet(copied_run: Path):
    shutil.rmtree(copied_run / "checkpoints")
    with pytest.raises(DataError, match="no epoch has ended yet, there is no checkpoint to load; train on"):
        load_predictor(copied_run)


def test_another_version(copied_run: Path, copied_export: Path):
    (copied_run / "run.json").write_text(json.dumps({"format": FORMAT + 1, "attentif": "9.1"}))
    with pytest.raises(UsageError, match=r"made by Attentif 9\.1"):
        load_predictor(copied_run)
    info = json.loads((copied_export / "attentif.json").read_text())
    (copied_export / "attentif.json").write_text(json.dumps({**info, "format": 99, "attentif": "9.1"}))
    with pytest.raises(UsageError, match=r"exported by Attentif 9\.1, another version; export it again"):
        load_predictor(copied_export)


def test_exports_that_only_python_can_load(tiny_run: TinyRun, tiny_export: Path, copied_export: Path, tmp_path: Path):
    """The command that makes them again has the run where the export stands in one."""
    run = tmp_path / "my run"
    shutil.copytree(tiny_run.path, run, ignore=shutil.ignore_patterns("logs", "data", "checkpoints"))
    for place, named in ((copied_export, "RUN"), (run / "export", f"'{run}'")):
        info = json.loads((place / "attentif.json").read_text())
        (place / "attentif.json").write_text(json.dumps({**info, "format": 2, "attentif": "0.9"}))
        with pytest.raises(UsageError) as caught:
            load_predictor(place)
        wrong = f"{place}: exported by Attentif 0.9, whose exports only Python can load; export it again: "
        assert str(caught.value) == f"{wrong}python -m pipeline export {named} {shlex.quote(str(place))}"


def test_an_export_that_can_do_less(copied_export: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.saved_models.loading.tf.saved_model.load", lambda path: object())
    with pytest.raises(DataError, match=r"the exported model is damaged \(it lacks decode\); export it again: "):
        load_predictor(copied_export)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize("name", ["source.txt", "target.txt"])
def test_vocabularies_of_another_size(copied_run: Path, name: str):
    path = copied_run / "vocabulary" / name
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(DataError, match=f"{name}: is damaged or missing, it is not what the run wrote; bring back"):
        load_predictor(copied_run)
    RunDirectory(copied_run).record_vocabulary()
    with pytest.raises(DataError, match="the weights cannot be loaded"):
        load_predictor(copied_run)
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: is damaged or missing"):
        load_predictor(copied_run)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 1, "files": {}}', '{"format": 1, "files": {}, "n_best": 3}']
)
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


def rewrite_info(export: Path) -> None:
    """With the checksums that its files have now."""
    info = json.loads((export / "attentif.json").read_text())
    (export / "attentif.json").write_text(
        json.dumps({**info, "files": {n: checksum(export / n) for n in info["files"]}})
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_exports_whose_weights_are_no_numbers(copied_export: Path, value: float):
    prefix = str(copied_export / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    names = sorted(reader.get_variable_to_shape_map())
    tensors = [reader.get_tensor(name) for name in names]
    place = next(place for place, tensor in enumerate(tensors) if getattr(tensor, "dtype", None) == np.float32)
    tensors[place].flat[-1] = value
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=list(map(tf.constant, tensors))
    )
    for path in copied_export.glob("variables/*.data-*"):
        path.rename(copied_export / "variables" / "variables.data-00000-of-00001")
    rewrite_info(copied_export)
    with pytest.raises(DataError, match=rf"variables: {names[place]} holds numbers that are not finite") as caught:
        load_predictor(copied_export)
    assert str(copied_export) in str(caught.value)


def test_files_that_nobody_looked_at_are_not_read(copied_export: Path, monkeypatch: pytest.MonkeyPatch):
    """TensorFlow takes a saved_model.cpb or debug information where there is one."""
    for name in ("saved_model.cpb", "saved_model.pbtxt", "debug/saved_model_debug_info.pb", "assets/x", "variables/y"):
        (copied_export / name).parent.mkdir(exist_ok=True)
        (copied_export / name).write_bytes(b"anything")
    seen: list[set[str]] = []

    def load(folder: str) -> object:
        seen.append({path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()})
        return object()

    monkeypatch.setattr("pipeline.saved_models.loading.tf.saved_model.load", load)
    with pytest.raises(DataError, match="it lacks decode"):
        load_predictor(copied_export)
    [files] = seen
    assert files == set(json.loads((copied_export / "attentif.json").read_text())["files"])


def test_what_is_no_file(copied_export: Path):
    """Reading a pipe would never end."""
    (copied_export / "fingerprint.pb").unlink()
    os.mkfifo(copied_export / "fingerprint.pb")
    with pytest.raises(DataError, match=r"fingerprint\.pb: the exported model is damaged \(is no file\)"):
        load_predictor(copied_export)
    with open(copied_export / "attentif.json", "ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="more than 1,048,576 bytes"):
        load_predictor(copied_export)
