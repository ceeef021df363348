"""A search's directory: its paths, and how it is begun."""

import json
from pathlib import Path

import pytest

from pipeline.configuration import TuneConfiguration
from pipeline.errors import UsageError
from pipeline.search_directory import SearchDirectory, begin_search
from pipeline.space import make_space, replace_settings
from pipeline.trial_report import SearchResult
from tests.tiny_task import SEARCH_SPACE, search_configuration


def test_paths(tmp_path: Path):
    directory = SearchDirectory(tmp_path / "run")
    assert not directory.exists()
    directory.remove()  # nothing there, nothing lost
    assert directory.failure("03").name == "03.failure.txt"


def test_killed_while_beginning_it_begins(tiny_search: SearchResult, tiny_splits: dict[str, str], tmp_path: Path):
    configuration = search_configuration(tiny_splits)
    # All that was written is what says that this is a search.
    (tmp_path / "search.json").write_bytes((tiny_search.path / "search.json").read_bytes())
    how = TuneConfiguration(algorithm="random", trials=3)
    directory = SearchDirectory(tmp_path)
    begin_search(directory, configuration, how, make_space(SEARCH_SPACE, configuration))
    for path in (directory.config, directory.space, directory.readme):
        assert path.read_text() == (tiny_search.path / path.name).read_text()
    assert directory.trials.is_dir()


def test_a_search_of_an_earlier_version_goes_on(tiny_search: SearchResult, tiny_splits: dict[str, str], tmp_path: Path):
    configuration = search_configuration(tiny_splits)
    info = json.loads((tiny_search.path / "search.json").read_text(encoding="utf-8"))
    del info["configuration"]["model"]["coverage"]
    (tmp_path / "search.json").write_text(json.dumps(info), encoding="utf-8")
    how = TuneConfiguration(algorithm="random", trials=3)
    begin_search(SearchDirectory(tmp_path), configuration, how, make_space(SEARCH_SPACE, configuration))
    other = replace_settings(configuration, {"model.coverage": True})
    with pytest.raises(UsageError, match=r"model\.coverage was False, is now True"):
        begin_search(SearchDirectory(tmp_path), other, how, make_space(SEARCH_SPACE, other))
