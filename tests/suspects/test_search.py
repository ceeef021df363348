"""The whole search: parts trained side by side, what is found, and that the same command goes on."""

import json
from pathlib import Path

import pytest

from pipeline import find_suspects
from pipeline.commands.main import main
from pipeline.commands.trusting.suspects import parse
from pipeline.errors import UsageError
from pipeline.suspects import search
from pipeline.suspects.directory import SuspectsDirectory, begin_search
from tests.tiny_task import capitals, make_sources, tiny_configuration, write_pairs


@pytest.fixture
def data(tmp_path: Path) -> str:
    pairs = [(source, capitals(source)) for source in make_sources(60)]
    pairs[10] = (pairs[10][0], "B B B B B B B")
    return write_pairs(tmp_path / "pairs.tsv", pairs)


def test_a_search_is_known_by_its_settings_and_its_data(data: str, tmp_path: Path):
    directory, configuration = SuspectsDirectory(tmp_path / "run"), tiny_configuration({"train": data})
    directory.path.mkdir()
    begin_search(directory, configuration, 2, False)
    begin_search(directory, configuration, 2, False)
    with pytest.raises(UsageError, match=r"parts was 2, is now 3"):
        begin_search(directory, configuration, 3, False)
    with pytest.raises(UsageError, match=r"units"):
        begin_search(directory, tiny_configuration({"train": data}, model={"units": 8}), 2, False)
    Path(data).write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pairs\.tsv: changed"):
        begin_search(directory, configuration, 2, False)
    begin_search(directory, configuration, 3, True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(UsageError, match="exists and is not"):
        begin_search(SuspectsDirectory(tmp_path / "other"), configuration, 2, False)


@pytest.mark.parametrize(("options", "words"), [({"parts": 1}, "--parts 1"), ({"workers": 0}, "--workers 0")])
def test_numbers_that_are_impossible(data: str, tmp_path: Path, options: dict[str, int], words: str):
    with pytest.raises(UsageError, match=words):
        find_suspects(tiny_configuration({"train": data}), tmp_path / "run", **options)


def test_a_place_for_it_is_asked_for(data: str):
    with pytest.raises(UsageError, match="--run"):
        parse([f"--data.train={data}"])


@pytest.mark.slow
def test_the_command_finds_what_is_wrong_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    pairs = [(source, capitals(source)) for source in make_sources(500)]
    for place in (10, 200, 300):
        pairs[place] = (pairs[place][0], "B B B B B B B B")
    data = write_pairs(tmp_path / "pairs.tsv", pairs)
    configuration = tiny_configuration({"train": data})
    configuration.save(tmp_path / "tiny.yaml")
    argv = ["suspects", "--config", str(tmp_path / "tiny.yaml"), "--run", str(tmp_path / "run"), "--parts", "2"]
    assert main(argv) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split("\t") == [
        "line",
        "source",
        "target",
        "proposal",
        "log_p_target",
        "log_p_proposal",
        "difference",
        "edits",
    ]
    assert {row.split("\t")[0] for row in rows[:3]} == {"11", "201", "301"}
    assert json.loads(last)["pairs"] == 500
    # All is there already: nothing is trained or asked again.
    monkeypatch.setattr(search, "judge", None)
    assert main(argv) == 0
    assert capsys.readouterr().out.splitlines() == [head, *rows, last]
