"""A search's directory: its paths, and how it is begun."""

from pathlib import Path

from pipeline.configuration import TuneConfiguration
from pipeline.search_directory import SearchDirectory, begin_search
from pipeline.space import make_space
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
