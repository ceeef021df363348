"""The command line of `improve`."""

import json
from pathlib import Path

import pytest

from pipeline.commands.table import parse_arguments
from pipeline.errors import UsageError
from pipeline.improvement.directory import ImprovementDirectory
from pipeline.settings.changes import by_name
from pipeline.settings.configure import configure


def test_options():
    options = ["--hours", "1.5", "--members", "4", "--run", "best", "--n-best", "3", "--sampled"]
    found = parse_arguments(["improve", "--config", "cmudict", *options, "--model.units", "8"])
    assert found.configuration == configure("cmudict", {"model.units": 8})
    nothing = dict.fromkeys(("other_direction", "other_attention", "workers", "recombined", "teacher_weight"))
    assert found.how == {"hours": 1.5, "members": 4, **nothing}
    assert found.labels == {"n_best": 3, "sampled": True, "least_score": None}
    assert found.run == Path("best")
    with pytest.raises(UsageError, match="--run: the directory is missing"):
        parse_arguments(["improve", "--config", "cmudict"])


def test_one_that_goes_on_keeps_its_settings(tmp_path: Path):
    (tmp_path / "pairs.tsv").write_text("".join(f"{letter * 3}\t{letter.upper()}\n" for letter in "abcdefgh"))
    earlier = configure("cmudict", {"data.train": tmp_path / "pairs.tsv", "model.units": 24, "train.epochs": 7})
    directory = ImprovementDirectory(tmp_path / "best")
    directory.path.mkdir()
    info = {"format": 1, "attentif": "1", "configuration": by_name(earlier.to_dict()), "files": {}}
    directory.info.write_text(json.dumps(info))
    options = ["improve", f"--run={directory.path}", f"--data.train={tmp_path / 'pairs.tsv'}"]
    assert parse_arguments(options).configuration == earlier
    # Begun anew, the data decide again.
    assert parse_arguments([*options, "--overwrite"]).configuration.train.epochs != 7
