"""The other direction: what changes sides, what stays, what is refused."""

import logging
from pathlib import Path
from typing import Any

import pytest

from pipeline.defaults.configure import configure
from pipeline.defaults.reverse import reverse, turn_settings
from pipeline.errors import UsageError
from pipeline.pairs.splits import open_splits
from pipeline.runs.directory import RunDirectory
from pipeline.settings.changes import by_name, replace_settings
from pipeline.settings.configuration import Configuration


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def named(**settings: dict[str, Any]) -> Configuration:
    return replace_settings(Configuration(), by_name(settings))


def changed(configuration: Configuration) -> dict[str, Any]:
    """What the other direction has otherwise."""
    before, now = (by_name(one.to_dict()) for one in (configuration, reverse(configuration)))
    return {key: now[key] for key in now if now[key] != before[key]}


@pytest.mark.parametrize(
    ("data", "turned"),
    [
        ({"train": "a.tsv"}, {"data.columns": {"source": 2, "target": 1}}),
        ({"train": "a.tsv", "columns": {"source": 1, "target": 3, "features": 2}},
         {"data.columns": {"source": 3, "target": 1, "features": 2}}),
        ({"train": "a.csv", "columns": {"source": "lemma", "target": "form"}},
         {"data.columns": {"source": "form", "target": "lemma"}}),
        ({"train": "a.de,a.en", "dev": ["d.de", "d.en"]}, {"data.train": "a.en,a.de", "data.dev": ["d.en", "d.de"]}),
        ({"train": {"a.de,a.en": 2, "b.tsv": 0.5}, "test": "t.tsv"},
         {"data.train": {"a.en,a.de": 2, "b.tsv": 0.5}, "data.columns": {"source": 2, "target": 1}}),
    ],
)  # fmt: skip
def test_data_change_sides_and_back(data: dict[str, Any], turned: dict[str, Any]):
    configuration = named(data=data)
    assert changed(configuration) == turned
    assert reverse(reverse(configuration)) == configuration


def test_text_changes_sides_and_back():
    text = {"target_tokenizer": "space", "target_separator": "-", "normalization": "nfd", "target_normalization": "nfc"}
    configuration = named(data={"train": "a.tsv"}, text=text)
    turned = changed(configuration)
    assert turned.pop("data.columns") == {"source": 2, "target": 1}
    assert turned == {
        "text.source_tokenizer": "space",
        "text.target_tokenizer": "char",
        "text.source_separator": "-",
        "text.target_separator": None,
        "text.normalization": "nfc",
        "text.target_normalization": "nfd",
    }
    assert reverse(reverse(configuration)) == configuration
    assert (
        turn_settings({"text.normalization": "nfc", "text.target_normalization": None})["text.normalization"] == "nfc"
    )


def test_all_rows_are_read_the_other_way(folder: Path):
    rows = [("gehen", "ging", "V;PST"), ("sehen", "sah", "V;PST"), ("Haus", "Häuser", "N;PL")]
    (folder / "a.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    (folder / "b.csv").write_text("lemma,form,tag\n" + "".join(",".join(row) + "\n" for row in rows))
    (folder / "c.x").write_text("".join(row[0] + "\n" for row in rows))
    (folder / "c.y").write_text("".join(row[1] + "\n" for row in rows))
    with_features = {(form + "\t" + tag, lemma) for lemma, form, tag in rows}
    for data, wanted in (
        ({"train": "a.tsv", "columns": {"source": 1, "target": 2, "features": 3}}, with_features),
        ({"train": "b.csv", "columns": {"source": "lemma", "target": "form", "features": "tag"}}, with_features),
        ({"train": "c.x,c.y"}, {row[1::-1] for row in rows}),
        ({"train": {"a.tsv": 2, "c.x,c.y": 1}}, {row[1::-1] for row in rows}),
    ):
        turned = reverse(named(data={**data, "dev": data["train"] if isinstance(data["train"], str) else None}))
        splits = open_splits(turned.data, 1)
        found = {(pair.source, pair.target) for split in splits.values() for pair in split()}
        assert found == wanted, data


def test_a_built_in_corpus_is_turned_round():
    configuration = configure("cmudict", {"data.train_size": 100})
    turned = reverse(configuration)
    assert (turned.text.source_tokenizer, turned.text.target_tokenizer) == ("space", "char")
    split = {
        name: next(open_splits(one.data, 1)["test"]()) for name, one in (("there", configuration), ("back", turned))
    }
    assert (split["there"].source, split["there"].target) == (split["back"].target, split["back"].source)
    with pytest.raises(UsageError, match="cmudict has no header"):
        reverse(named(data={"train": {"cmudict": 1, "a.tsv": 1}, "columns": {"source": "a", "target": "b"}}))


def test_what_follows_from_the_data_follows_from_them_turned_round(folder: Path):
    pairs = "".join(f"{'ab' * (n % 4 + 1)}{n}\tb a\tV;PST\n" for n in range(60))
    (folder / "a.tsv").write_text(pairs)
    given = {
        "data.train": "a.tsv",
        "model.units": 24,
        "text.source_tokenizer": "char",
        "text.target_normalization": "nfd",
    }
    there = configure("auto", given)
    back = reverse(there)
    assert there.text.target_tokenizer == back.text.source_tokenizer == "space"
    assert (back.text.target_tokenizer, back.model.units) == ("char", 24)
    assert back.data.columns == {"source": 2, "target": 1, "features": 3}
    assert (back.text.normalization, back.text.target_normalization) == ("nfd", "nfc")
    assert back.data.train == "a.tsv"
    assert "reasons" not in back.to_dict()
    assert "given" not in back.to_dict()
    # As it was begun, but for what is given.
    again = reverse(there, {**by_name(back.to_dict()), "model.dropout": 0.11, "model.units": 99})
    assert (again.model.dropout, again.model.units) == (0.11, 24)


def test_what_is_of_one_direction_is_left_out_or_refused(folder: Path, caplog: pytest.LogCaptureFixture):
    search = {"dictionary": "d.tsv", "replace_unknown": True}
    with caplog.at_level(logging.INFO):
        turned = reverse(named(data={"train": "a.tsv", "unlabeled": "more.txt"}, search=search))
    assert (turned.data.unlabeled, turned.search.dictionary) == (None, None)
    assert "search.dictionary: d.tsv is left out of the way back" in caplog.text
    assert "data.unlabeled: more.txt is left out" in caplog.text
    with pytest.raises(UsageError, match=r"train\.teacher: runs/t knows one direction"):
        turn_settings({"train.teacher": "runs/t"})
    with pytest.raises(UsageError, match=r"train\.init_from: runs/old goes one way, .* in runs/old-back"):
        turn_settings({"train.init_from": "runs/old"})
    RunDirectory(Path("runs/old-back")).begin(Configuration())
    assert turn_settings({"train.init_from": "runs/old"})["train.init_from"] == "runs/old-back"
