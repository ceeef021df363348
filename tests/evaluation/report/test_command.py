"""`evaluate --report` on a trained model."""

import json
from pathlib import Path

import pytest

from pipeline.commands.main import main
from tests.evaluation.report.told_model import column, write
from tests.tiny_task import TinyRun, capitals, make_sources


@pytest.mark.slow
def test_a_run_beside_its_export(
    tiny_run: TinyRun, tiny_export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sources = make_sources(40, seed=5)
    rows = [(source, "A" if number < 4 else capitals(source)) for number, source in enumerate(sources)]
    path, out = write(tmp_path / "test.tsv", *rows, ("x", "A")), tmp_path / "deep" / "report"
    argv = ["evaluate", str(tiny_run.path), path, "--report", str(out), "--against", str(tiny_export)]
    assert main(argv) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["n"] == 41
    assert figures["report"] == str(out / "report.html")
    assert figures["comparison"]["differences"]["differ"] == 0
    groups = column(out / "frequency.tsv", "rarest", "answers")
    assert next(name for name, _ in groups) == "0"
    assert sum(int(number) for _, number in groups) == 41
    assert [n for (n,) in column(out / "n_best.tsv", "n")] == ["1", "2", "3"]
    # Its errors can be led back to the source, and heat-maps are there.
    assert any(about for (about,) in column(out / "errors.tsv", "source_symbols"))
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "attention weight" in page
    assert "number of errors" in page
    assert main(["evaluate", str(tiny_run.path), path]) == 0
    plain = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {name: figures[name] for name in plain} == plain


def test_a_place_that_is_taken_shows_before_the_model_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "mine").write_text("")
    assert main(["evaluate", str(tmp_path / "no-model"), __file__, "--report", str(tmp_path)]) == 2
    assert f"error: {tmp_path}: exists and is not a report" in capsys.readouterr().err
