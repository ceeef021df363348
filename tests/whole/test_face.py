"""What notebooks and scripts import: `pipeline` itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
from pipeline import Configuration, UsageError, configure, evaluate, export, inspect, load, predict, prepare, train
from pipeline.evaluation.figures import Figures
from tests.tiny_task import TinyRun

ROOT = Path(__file__).parents[2]
NAMES = [name for name in pipeline.__all__ if name != "__version__"]


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_says_what_it_is(name: str):
    assert name in dir(pipeline)
    assert (getattr(pipeline, name).__doc__ or "").strip()


def test_importing_it_loads_nothing_else():
    loaded = "[name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras', 'numpy', 'yaml')]"
    assert run(f"import sys, pipeline; print({loaded})") == "[]\n"


def test_settings_need_no_tensorflow():
    code = "import sys; from pipeline import configure; configure(); print('tensorflow' in sys.modules)"
    assert run(code) == "False\n"


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        pipeline.nothing  # noqa: B018


def test_a_setting_that_is_wrong_is_refused():
    assert isinstance(configure("cmudict", {"model.units": 32}), Configuration)
    with pytest.raises(UsageError, match=r"model\.units"):
        configure("cmudict", {"model.units": 0})


def test_a_model_is_asked_by_its_path_or_loaded(tiny_run: TinyRun, tiny_export: Path):
    [by_path] = predict(tiny_run.path, "ab")
    assert by_path.texts == load(tiny_run.path).predict(["ab"])[0].texts
    assert len(predict(tiny_export, ["ab", "ba"], n_best=3)[1].texts) == 3


def test_predictions_are_tables_and_pictures(tiny_run: TinyRun):
    predictions = load(tiny_run.path, n_best=2).predict(["ab", "<b>"])
    rows = predictions.to_dicts()
    assert [(row["source"], row["rank"]) for row in rows][:2] == [("ab", 1), ("ab", 2)]
    assert rows[0]["output"] == predictions[0].texts[0]
    assert "&lt;b&gt;" in predictions._repr_html_()
    figure, second = predictions[0].plot(), predictions[0].plot(rank=1, title="second")
    title = f"ab → {predictions[0].texts[0]}"
    assert any(title in text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")))
    assert any("second" in text.get_text() for text in second.findobj(lambda part: hasattr(part, "get_text")))
    with pytest.raises(IndexError):
        predictions[0].plot(rank=2)


def test_figures_are_a_dict_and_a_table(tiny_run: TinyRun):
    figures = evaluate(tiny_run.path, "test")
    assert isinstance(figures, Figures)
    assert json.loads(json.dumps(figures)) == figures
    names = ("split", "n", "wer", "per", "wer_interval")
    assert {name: figures[name] for name in names} == {name: tiny_run.result[name] for name in names}
    assert "<th>wer</th>" in figures._repr_html_()
    # What is finished is not trained again.
    assert train(tiny_run.configuration, tiny_run.path) == tiny_run.result


@pytest.mark.slow
def test_evaluate_takes_what_load_made(tiny_run: TinyRun):
    path = str(tiny_run.configuration.data.test)
    assert evaluate(load(tiny_run.path), path)["wer"] == evaluate(tiny_run.path, path)["wer"]


def test_a_workbench_has_model_and_data_as_training_begins(tiny_run: TinyRun, tmp_path: Path):
    bench = prepare(tiny_run.configuration, tmp_path / "bench")
    [((source, target_inputs), target)] = bench.batches(1)
    assert source.shape[0] == target.shape[0]
    assert target.shape == target_inputs.shape
    logits, attention_weights = bench.model((source, target_inputs))
    assert logits.shape == (*target.shape, bench.data.vocabulary_sizes[1])
    assert attention_weights.shape == (*target.shape, source.shape[1])
    assert [len(one.texts) for one in bench.predictor().predict(["ab", "ba"])] == [1, 1]
    # The same again, from the same folder and from none.
    for again in (prepare(tiny_run.configuration, tmp_path / "bench"), prepare(tiny_run.configuration)):
        assert (again.batches(1)[0][1] == target).all()


def test_a_folder_is_opened_without_tensorflow(tiny_run: TinyRun, tiny_folder: Path, tmp_path: Path):
    code = (
        "import sys, json; from pipeline import evaluate, load, predict\n"
        f"folder, data = {str(tiny_folder)!r}, {tiny_run.configuration.data.test!r}\n"
        "model = load(folder, n_best=3)\n"
        "found = [[one.texts, one.scores] for one in model.predict(['ab', 'é?'])], predict(folder, 'ab')[0].texts\n"
        f"reported = evaluate(folder, data, report={str(tmp_path / 'report')!r})\n"
        "figures = evaluate(folder, data), evaluate(model, data), reported\n"
        "print(json.dumps([*found, *figures, 'tensorflow' in sys.modules]))"
    )
    found, by_path, figures, same_figures, reported, imported = json.loads(run(code))
    assert not imported
    expected = load(tiny_run.path, n_best=3).predict(["ab", "é?"])
    for (texts, scores), its in zip(found, expected, strict=True):
        assert texts == its.texts
        assert scores == pytest.approx(its.scores, abs=1e-4)
    assert by_path == expected[0].texts[:1]
    assert reported == {**figures, "report": str(tmp_path / "report" / "report.html")}
    assert "does not know how often its symbols stood in training" in Path(reported["report"]).read_text(
        encoding="utf-8"
    )
    assert figures == same_figures == evaluate(tiny_run.path, str(tiny_run.configuration.data.test))


def test_what_a_folder_cannot_do_is_said(tiny_folder: Path):
    for options, words in (
        ({"beam_size": 2}, "exported with --beam 3, which is fixed"),
        ({"n_best": 4}, "exported with --n-best 3"),
        ({"average": 2}, "its weights, which are fixed"),
        ({"search": {"beam_sise": 2}}, r"search\.beam_sise: no such key; did you mean beam_size\?"),
    ):
        with pytest.raises(UsageError, match=words):
            load(tiny_folder, **options)  # type: ignore[arg-type]


def test_a_run_needs_tensorflow(tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch):
    """Where the runtime's packages alone are installed."""
    monkeypatch.setattr("pipeline.saved_models.opening.find_spec", lambda name: None)
    monkeypatch.setattr("pipeline.saved_models.opening.find_problem", lambda: "tensorflow is not installed")
    with pytest.raises(UsageError, match="no folder that answers without TensorFlow, and tensorflow is not installed"):
        load(tiny_run.path)


@pytest.mark.slow
def test_the_data_can_be_looked_at_and_the_model_exported(tiny_run: TinyRun, tmp_path: Path):
    assert "distinct sources" in inspect(tiny_run.configuration)
    export(tiny_run.path, tmp_path / "export", beam_size=1)
    assert predict(tmp_path / "export", ["ab"])[0].texts
    for kind, words in (
        ({"format": "onnx", "precision": "int8"}, "--precision int8: --format onnx has float32"),
        ({"page": True}, "--page: not of a SavedModel"),
        ({"format": "flex"}, "--format flex: there are savedmodel, litert, onnx"),
    ):
        with pytest.raises(UsageError, match=words):
            export(tiny_run.path, tmp_path / "none", **kind)  # type: ignore[arg-type]
