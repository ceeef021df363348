"""The command: what it writes, that it goes on after anything, and what it refuses."""

import json
import logging
import shutil
import signal
import threading
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from pipeline.commands.main import how_to_go_on, main
from pipeline.data.batches import training_batches
from pipeline.data.planning.buckets import plan_buckets
from pipeline.data.preparation import open_run
from pipeline.data.prepared.corpus import open_prepared
from pipeline.errors import DataError, MemoryShortError, UsageError
from pipeline.prepared.manifest import read_manifest
from pipeline.preparing import running, shard_writing
from pipeline.preparing.plan import make_plan
from pipeline.preparing.prepare import prepare_corpus
from pipeline.preparing.stages import work
from pipeline.runs.directory import RunDirectory
from pipeline.text.vocabulary import load_vocabularies
from tests.killing import killed_at_every_step
from tests.tiny_corpus import PAIRS, content_of, prepare_tiny, settings, write_files


class FakeChild:
    """A worker in a thread."""

    ends: ClassVar[list[int]] = []
    """With which exit code the next ones end, before they have done anything."""

    def __init__(self, out: Path, stage: str, token: str) -> None:
        self.code: int | None = self.ends.pop(0) if self.ends else None
        if self.code is None:
            threading.Thread(target=self._work, args=[out, stage, token]).start()

    def _work(self, *given: Any) -> None:
        work(*given)
        self.code = 0

    def exit_code(self) -> int | None:
        return self.code

    def describe_end(self, killed: str, otherwise: str) -> str:
        return killed if self.code == -signal.SIGKILL else otherwise

    def ask_to_end(self) -> None:
        pass

    def stop(self, patience: float) -> None:
        pass


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> type[FakeChild]:
    monkeypatch.setattr(running, "_start", FakeChild)
    monkeypatch.setattr(running, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(FakeChild, "ends", [])
    return FakeChild


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_tiny(tmp_path_factory.mktemp("whole"))


def test_figures_and_files(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    train = write_files(tmp_path / "in")
    with caplog.at_level(logging.INFO):
        found = prepare_corpus(settings(train, data__max_length=8), tmp_path / "corpus", workers=1)
    manifest = read_manifest(tmp_path / "corpus")
    assert found["pairs"] == manifest.pairs == len(open_prepared(tmp_path / "corpus"))
    assert (found["shards"], found["done_before"], found["lanes"]) == (3, 0, 8)
    assert found["dropped"] == {"source too long": manifest.dropped["source too long"]}
    assert "train: " in caplog.text
    assert "left out, first on line" in caplog.text
    assert "about 0.05 of the sources are held out for it (data.dev_size)" in caplog.text
    assert [shard.name for shard in manifest.shards] == ["part-0.tsv", "part-1.tsv", "part-2.tsv"]
    lines = [(tmp_path / "corpus" / name).read_text().splitlines() for name in ("dev.source", "dev.target")]
    assert all(source == "".join(target.split())[::-1] for source, target in zip(*lines, strict=True))
    assert found["pairs"] + len(lines[0]) + sum(found["dropped"].values()) == 3 * PAIRS


def test_many_workers_write_the_bytes_of_one(whole: Path, tmp_path: Path, threads: type[FakeChild]):
    shutil.copytree(whole.parent / "in", tmp_path / "in")
    assert content_of(prepare_tiny(tmp_path, workers=3)) == content_of(whole)


def test_vocabularies_are_those_that_a_training_learns(tmp_path: Path):
    train = write_files(tmp_path / "in")
    (tmp_path / "dev.tsv").write_text("abab\tb a b a\nhh\th h\n")
    configuration = settings(train, data__dev=str(tmp_path / "dev.tsv"))
    prepare_corpus(configuration, tmp_path / "corpus", 1, 1)
    data = open_run(configuration, RunDirectory(tmp_path / "run"))
    for found, learnt in zip(
        load_vocabularies(tmp_path / "corpus" / "vocabulary"),
        (data.source_vocabulary, data.target_vocabulary),
        strict=True,
    ):
        assert (found.symbols, found.forms) == (learnt.symbols, learnt.forms)
    corpus = open_prepared(tmp_path / "corpus")
    assert len(corpus) == len(data.train)
    own = settings(str(tmp_path / "corpus"), data__dev=str(tmp_path / "dev.tsv"))
    on_corpus = open_run(own, RunDirectory(tmp_path / "other"))
    # Shapes and limits follow from lengths alone, and are the same, however these are known.
    assert on_corpus.buckets == data.buckets == plan_buckets(data.train, 2, 200)
    assert on_corpus.limits == data.limits


def test_subwords_are_drawn_from_all_shards(tmp_path: Path):
    folder = prepare_tiny(
        tmp_path, text__target_tokenizer="bpe", text__vocabulary_size=270, text__learn_size=100, text__lowercase=True
    )
    assert load_vocabularies(folder / "vocabulary")[1].model
    corpus = open_prepared(folder)
    symbols = int((corpus.lengths["target"] * corpus.lengths["count"]).sum())
    assert symbols == sum(len(corpus.ids(shard)[1]) for shard in range(3))


def test_a_second_time_every_byte_is_looked_at(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    shutil.copytree(whole.parent, tmp_path / "copy")
    folder = tmp_path / "copy" / "corpus"
    shutil.rmtree(folder / ".prepare")
    with pytest.raises(UsageError, match="holds something else"):
        prepare_corpus(settings(str(tmp_path / "copy" / "in" / "*.tsv")), folder, 4, 1)


def test_what_is_damaged_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = prepare_tiny(tmp_path)
    before = content_of(folder)
    damaged = folder / "shards" / "00001" / "source_ids.bin"
    content = bytearray(damaged.read_bytes())
    content[5] ^= 1
    damaged.write_bytes(content)
    (folder / "index.bin").write_bytes(b"")
    with caplog.at_level(logging.INFO):
        prepare_tiny(tmp_path)
    assert content_of(folder) == before
    assert "00001: damaged, or made with other vocabularies: made again" in caplog.text
    with caplog.at_level(logging.INFO):
        prepare_tiny(tmp_path)
    assert "prepared before, every byte as it was: nothing to do" in caplog.text


def test_it_goes_on_where_it_was_stopped(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(whole.parent / "in", tmp_path / "in")
    real, done = shard_writing._put_in_order, list[int]()

    def stop_at_the_second(plan: Any, shard: int, *rest: Any) -> Any:
        done.append(shard)
        if len(done) == 2:
            raise KeyboardInterrupt
        return real(plan, shard, *rest)

    monkeypatch.setattr(shard_writing, "_put_in_order", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        prepare_tiny(tmp_path)
    assert not (tmp_path / "corpus" / "prepared.json").exists()
    prepare_tiny(tmp_path)
    assert len(done) == 4
    assert content_of(tmp_path / "corpus") == content_of(whole)


@pytest.mark.slow
def test_killed_at_every_step_it_goes_on(whole: Path, tmp_path: Path):
    """Of two files, each time from the beginning to the step, and then to the end."""
    write_files(tmp_path / "in", 2, 40)
    expected = content_of(prepare_tiny(tmp_path))
    folder, steps = tmp_path / "corpus", 0
    for _ in killed_at_every_step(
        lambda: prepare_tiny(tmp_path), before=lambda: shutil.rmtree(folder, ignore_errors=True)
    ):
        prepare_tiny(tmp_path)
        assert content_of(folder) == expected
        steps += 1
    assert steps > 20


def test_a_worker_that_dies_is_told(tmp_path: Path, threads: type[FakeChild]):
    threads.ends += [-signal.SIGKILL, -signal.SIGKILL]
    with pytest.raises(MemoryShortError, match="SIGKILL, probably for want of memory; the same command does the rest"):
        prepare_tiny(tmp_path, workers=2)
    prepare_tiny(tmp_path)


def test_a_bad_line_is_named(tmp_path: Path):
    write_files(tmp_path / "in")
    with open(tmp_path / "in" / "part-1.tsv", "a") as file:
        file.write("no tab\nab\tb a\n")
    with pytest.raises(DataError, match=rf"part-1.tsv:{PAIRS + 1}: no TAB"):
        prepare_tiny(tmp_path)


def test_bad_lines_that_are_left_out_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write_files(tmp_path / "in")
    with open(tmp_path / "in" / "part-1.tsv", "a") as file:
        file.write("no tab\nab\tb a\n")
    folder = prepare_tiny(tmp_path, data__skip_bad_lines=True)
    manifest = read_manifest(folder)
    assert manifest.dropped == {"bad line": 1}
    assert manifest.first_dropped("bad line") == f"line {PAIRS + 1} of part-1.tsv"
    assert caplog.text.count("1 bad line left out") == 1


def test_files_that_changed_are_refused(tmp_path: Path):
    prepare_tiny(tmp_path)
    path = tmp_path / "in" / "part-2.tsv"
    path.touch()
    prepare_tiny(tmp_path)
    path.write_text("ab\tb a\n")
    with pytest.raises(UsageError, match=r"part-2.tsv: changed since .*corpus was begun; bring the former content"):
        prepare_tiny(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data__max_length": 9}, "data.max_length was 20, is now 9"),
        ({"text__lowercase": True}, "text.lowercase was False, is now True"),
        ({"lanes": 8}, "lanes was 4, is now 8"),
    ],
)
def test_other_settings_are_refused(whole: Path, changes: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        prepare_tiny(whole.parent, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data__train": {"a.tsv": 2.0}}, "several corpora with weights cannot be prepared"),
        ({"data__train": "cmudict"}, "cmudict is built in and small"),
        ({"data__train_size": 5}, "data.train_size: 5.0 is impossible for a prepared corpus"),
        ({"data__drop_duplicates": True}, "data.drop_duplicates: true is impossible"),
        ({"text__target_tokenizer": "bpe", "text__sampling": 0.1}, "text.sampling: 0.1 is impossible"),
        ({"text__target_tokenizer": "char", "data__hallucinated": 4}, "data.hallucinated: 4 is impossible"),
    ],
)
def test_what_cannot_be_prepared_is_refused(tmp_path: Path, changes: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        make_plan(settings("a.tsv", **changes), tmp_path / "corpus")


def test_lanes_are_a_power_of_two(tmp_path: Path):
    with pytest.raises(UsageError, match="--lanes 6: impossible, it must be a power of two"):
        make_plan(settings("a.tsv"), tmp_path, 6)


def test_dev_of_a_number_of_sources(tmp_path: Path):
    folder = prepare_tiny(tmp_path, data__dev_size=7)
    assert len((folder / "dev.source").read_text().splitlines()) == 7
    with pytest.raises(DataError, match="cannot hold out 450 of 450 distinct sources"):
        prepare_corpus(settings(str(tmp_path / "in" / "*.tsv"), data__dev_size=450), tmp_path / "other", 4, 1)


def test_sources_of_a_given_dev_set_are_looked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write_files(tmp_path / "in")
    first = (tmp_path / "in" / "part-1.tsv").read_text().splitlines()[0]
    (tmp_path / "dev.tsv").write_text(f"{first}\nzzz\tz z z\n")
    folder = prepare_tiny(tmp_path, data__dev=str(tmp_path / "dev.tsv"))
    assert "1 dev source is in the training data too" in caplog.text
    assert read_manifest(folder).dev is None
    assert not (folder / "dev.source").exists()


def test_features_go_along(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for number in range(2):
        lines = "".join(f"w{number}{letter}\tx{letter}\tV;{letter}\n" for letter in "abcdefghijklmnop")
        (tmp_path / "in" / f"{number}.tsv").write_text(lines)
    columns = {"source": 1, "target": 2, "features": 3}
    changes = {"data__columns": columns, "data__dev_size": 3, "text__target_tokenizer": "char"}
    folder = prepare_tiny(tmp_path, **changes)
    names, *rows = [line.split("\t") for line in (folder / "dev.tsv").read_text().splitlines()]
    assert names == ["source", "target", "features"]
    assert len(rows) == 3
    assert all(row[2] == f"V;{row[0][-1]}" for row in rows)
    assert load_vocabularies(folder / "vocabulary")[0].features
    del changes["data__dev_size"]
    data = open_run(settings(str(folder), data__dev=str(folder / "dev.tsv"), **changes), RunDirectory(tmp_path / "run"))
    assert (data.features, len(data.train), len(data.dev)) == (data.source_vocabulary.features, 29, 3)
    assert next(iter(training_batches(_order(data)))) is not None


def _order(data: Any) -> Any:
    from pipeline.data.prepared.orders import make_order

    return make_order(data.train, data.buckets, 1)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    train, out = write_files(tmp_path / "in"), tmp_path / "corpus"
    assert main(["prepare", train, "--out", str(out), "--workers", "1", "--lanes", "2"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["lanes"] == 2
    assert "text.target_tokenizer space" in captured.err
    # What was chosen then is not chosen again, of whatever there is now.
    assert main(["prepare", train, "--out", str(out), "--workers", "1", "--lanes", "2"]) == 0
    again = capsys.readouterr()
    assert json.loads(again.out)["done_before"] == 3
    assert "settings that follow" not in again.err
    assert how_to_go_on(["prepare"]) == "; the same command goes on with the shards that are not done"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.tsv"], "--out: is missing"),
        (["a.tsv", "--out", "x", "--workers", "0"], "--workers 0: impossible"),
        (["--out", "x"], "is built in and small"),
        (["nothing/*.tsv", "--out", "x"], "no such file"),
    ],
)
def test_command_lines_that_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tsv").write_text("ab\tb a\n")
    assert main(["prepare", *words]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_ids_are_those_of_the_texts(whole: Path):
    """By hand: the first file's first line that is not dev."""
    corpus = open_prepared(whole)
    source, _ = load_vocabularies(whole / "vocabulary")
    lines = np.fromfile(whole / "shards" / "00000" / "lines.bin", np.int64)
    text = (whole.parent / "in" / "part-0.tsv").read_text().splitlines()
    ids, at = corpus.ids(0)[0].tolist(), 0
    for line in lines:
        word = text[line - 1].split("\t")[0]
        assert "".join(source.symbols[number] for number in ids[at : at + len(word)]) == word
        at += len(word) + 1
    assert at == len(ids)
