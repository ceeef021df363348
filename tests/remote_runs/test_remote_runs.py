"""Runs in a real S3 server, through a way that fails: claims, lists that are whole, the copy to train in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import CircumstanceError, DataError, TrainingError, UsageError
from pipeline.remote_runs import claim as claim_module
from pipeline.remote_runs import mirror as mirror_module
from pipeline.remote_runs.claim import claim
from pipeline.remote_runs.contents import Aside, run_files
from pipeline.remote_runs.mirror import mirror_place, mirrored
from pipeline.remote_runs.reading import local_model, local_settings
from pipeline.remote_runs.remote_run import RemoteRun
from pipeline.remote_runs.trees import fetch_tree, send_tree
from pipeline.stores import store as store_module
from pipeline.stores.copies import FOLDER, forget_copies
from pipeline.stores.store import Store
from tests.quick_cases import quick
from tests.store_servers import BUCKET, Way, s3_server

RUN = f"s3://{BUCKET}/runs/mine"


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    monkeypatch.setenv(FOLDER, str(tmp_path / "copies"))
    monkeypatch.setattr(store_module, "WAITS", (0.01,) * 3)
    monkeypatch.setattr(claim_module, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(claim_module, "STALE_SECONDS", 0.5)
    monkeypatch.setattr(mirror_module, "AGAIN_SECONDS", 0.05)
    forget_copies()
    with s3_server(monkeypatch.setenv) as way:
        yield way
    forget_copies()


def store() -> Store:
    return Store(RUN, writes=True)


def names() -> list[str]:
    return [name.removeprefix(f"{RUN}/") for name in store().find(RUN)]


def on_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "elsewhere"))
    forget_copies()


def write_run(place: Path, epoch: int) -> None:
    """What an epoch of a training leaves behind."""
    (place / "checkpoints" / f"epoch-{epoch}").mkdir(parents=True, exist_ok=True)
    (place / "checkpoints" / f"epoch-{epoch}" / "variables").write_bytes(bytes([epoch]) * 1000)
    with open(place / "metrics.jsonl", "a") as file:
        file.write(f'{{"epoch": {epoch}}}\n')
    (place / "run.json").write_text("{}")
    (place / "config.yaml").write_text("train: {}\n")
    (place / ".lock").write_text("")
    (place / "data").mkdir(exist_ok=True)
    (place / "data" / "ids.bin").write_bytes(b"much")


def contents(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in run_files(place)}


class TestClaim:
    def test_one_at_a_time(self, s3: Way, monkeypatch: pytest.MonkeyPatch):
        with claim(store(), RUN) as first:
            assert first.number == 1
            with pytest.raises(UsageError, match=rf"{RUN}: is being trained by process \d+ on "):
                claim(store(), RUN).__enter__()
        with claim(store(), RUN) as second:
            assert second.number == 2

    def test_without_a_sign_of_life_it_is_taken_over(self, s3: Way, caplog: pytest.LogCaptureFixture):
        other = {"process": 7, "machine": "elsewhere", "since": "noon", "system": "another", "beat": 3, "ended": False}
        store().write(f"{RUN}/claims/00000004.json", json.dumps(other).encode())
        with claim(store(), RUN) as held:
            assert held.number == 5
            held.require()
        assert "no sign of life of process 7 on elsewhere since noon" in caplog.text

    def test_of_a_process_of_this_system_that_is_gone(self, s3: Way, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(claim_module, "STALE_SECONDS", 1000.0)
        gone = json.loads(claim_module._content(1)) | {"process": 2**22 + 1}
        store().write(f"{RUN}/claims/00000001.json", json.dumps(gone).encode())
        with claim(store(), RUN) as held:
            assert held.number == 2

    def test_who_was_taken_over_ends(self, s3: Way):
        with claim(store(), RUN) as held:
            store().write(f"{RUN}/claims/00000002.json", b"{}")
            held.show_life(2)
            with pytest.raises(TrainingError, match="another process has taken this run over"):
                held.require()
        assert json.loads(store().read(f"{RUN}/claims/00000001.json") or b"")["ended"] is False


class TestRemoteRun:
    def write(self, tmp_path: Path, number: tuple[int, int], epoch: int) -> dict[str, Any]:
        write_run(tmp_path / "run", epoch)
        aside = Aside(tmp_path / "run", tmp_path / "aside")
        files = aside.take()
        RemoteRun(store(), RUN).write(number, files, {of.sha256: aside.place(of) for of in files.values()})
        return files

    def test_the_newest_list_counts_and_that_of_the_later_claim(self, s3: Way, tmp_path: Path):
        assert RemoteRun(store(), RUN).newest() is None
        self.write(tmp_path, (1, 9), 1)
        later = self.write(tmp_path, (2, 1), 2)
        self.write(tmp_path, (1, 10), 3)  # by who was taken over
        newest = RemoteRun(store(), RUN).newest()
        assert newest is not None
        assert newest.files == later

    def test_what_nobody_names_is_deleted(self, s3: Way, tmp_path: Path):
        for number in range(1, 5):
            self.write(tmp_path, (1, number), number)
        before = len(names())
        RemoteRun(store(), RUN).drop_old()
        left = names()
        kept = [f"lists/00000001-0000000{number}.json" for number in (3, 4)]
        assert [name for name in left if name.startswith("lists/")] == kept
        assert len(left) < before
        newest = RemoteRun(store(), RUN).newest()
        assert newest is not None
        for content in newest.files.values():
            RemoteRun(store(), RUN).fetch(content, tmp_path / "fetched")

    def test_a_damaged_content_is_not_taken(self, s3: Way, tmp_path: Path):
        content = self.write(tmp_path, (1, 1), 1)["metrics.jsonl"]
        store().write(f"{RUN}/contents/{content.sha256[:2]}/{content.sha256}", b"x" * content.bytes)
        with pytest.raises(DataError, match="damaged in the store"):
            RemoteRun(store(), RUN).fetch(content, tmp_path / "fetched")

    def test_a_name_that_leads_elsewhere_is_refused(self, s3: Way):
        files = {"../../.bashrc": {"sha256": "0" * 64, "bytes": 1}}
        described = {"format": 1, "attentif": "1", "files": files}
        store().write(f"{RUN}/lists/00000001-00000001.json", json.dumps(described).encode())
        with pytest.raises(DataError, match="is no file of a run"):
            RemoteRun(store(), RUN).newest()


class TestMirror:
    def test_what_is_saved_is_there_on_another_machine(self, s3: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        with mirrored(RUN) as mirror:
            for epoch in (1, 2):
                write_run(mirror.place, epoch)
                mirror.saved()
        here = contents(mirror_place(RUN))
        assert "checkpoints/epoch-2/variables" in here
        on_another_machine(monkeypatch, tmp_path)
        with mirrored(RUN) as mirror:
            assert contents(mirror.place) == here
            assert not (mirror.place / "data").exists()
            write_run(mirror.place, 3)
        assert (store().read(f"{RUN}/metrics.jsonl") or b"").count(b"\n") == 3

    @pytest.mark.parametrize("cut_at", quick([0, 3, 5, 8], 1, 3))
    def test_cut_off_anywhere_the_last_list_is_whole(
        self, s3: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int
    ):
        """The store is out of reach from some request on: what is found later is one epoch or the other, whole."""
        with mirrored(RUN) as mirror:
            write_run(mirror.place, 1)
            mirror.saved()
        first = contents(mirror_place(RUN))
        second: dict[str, bytes] = {}

        def train() -> None:
            with mirrored(RUN) as mirror:
                write_run(mirror.place, 2)
                second.update(contents(mirror.place))
                s3.asked.clear()
                s3.fail("503", times=10**6).takes = lambda *_: len(s3.asked) > cut_at  # type: ignore[method-assign]

        with pytest.raises(CircumstanceError, match="not all of the run is in the store"):
            train()
        s3.faults.clear()
        on_another_machine(monkeypatch, tmp_path)
        with mirrored(RUN) as mirror:
            assert contents(mirror.place) in (first, second)

    def test_what_could_not_be_sent_is_sent_later_from_here(self, s3: Way):
        def train() -> None:
            with mirrored(RUN) as mirror:
                write_run(mirror.place, 1)
                s3.fail("503", times=10**6, method="PUT", part="contents")

        with pytest.raises(CircumstanceError):
            train()
        s3.faults.clear()
        with mirrored(RUN) as mirror:
            assert (mirror.place / "checkpoints" / "epoch-1" / "variables").is_file()
        assert any(name.startswith("lists/") for name in names())

    def test_a_copy_that_is_older_than_the_store_is_brought_up(
        self, s3: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        with mirrored(RUN) as mirror:
            write_run(mirror.place, 1)
        with monkeypatch.context() as elsewhere:
            on_another_machine(elsewhere, tmp_path)
            with mirrored(RUN) as mirror:
                write_run(mirror.place, 2)
                there = contents(mirror.place)
        with mirrored(RUN) as mirror:
            assert contents(mirror.place) == there

    def test_taken_over_it_sends_nothing_more(self, s3: Way):
        def train() -> None:
            with mirrored(RUN) as mirror:
                write_run(mirror.place, 1)
                store().write(f"{RUN}/claims/00000002.json", b"{}")
                mirror.held.show_life(2)

        with pytest.raises(TrainingError, match="has taken this run over"):
            train()
        assert not any(name.startswith("lists/") for name in names())


class TestReading:
    def test_a_run_without_what_readers_do_not_need(self, s3: Way):
        with mirrored(RUN) as mirror:
            write_run(mirror.place, 1)
            (mirror.place / "logs").mkdir()
            (mirror.place / "logs" / "events").write_text("x")
        found = local_model(Path(RUN))
        assert found.name == "mine"
        assert (found / "metrics.jsonl").is_file()
        assert not (found / "logs").exists()
        assert local_model(Path(RUN)) == found
        assert sorted(path.name for path in local_settings(Path(RUN)).iterdir()) == ["config.yaml", "run.json"]

    def test_members_of_an_ensemble(self, s3: Way):
        with mirrored(RUN) as mirror:
            write_run(mirror.place, 1)
        places = str(local_model(Path(f"runs/here,{RUN}"))).split(",")
        assert places[0] == "runs/here"
        assert Path(places[1]).is_dir()

    def test_where_nothing_is(self, s3: Way):
        with pytest.raises(DataError, match=rf"{RUN}: nothing is there"):
            local_model(Path(RUN))
        assert not local_settings(Path(RUN)).exists()

    def test_a_place_of_this_machine_stays_what_it_is(self):
        assert local_model(Path("runs/mine,runs/yours")) == Path("runs/mine,runs/yours")


class TestTrees:
    def export(self, place: Path, text: str) -> Path:
        (place / "variables").mkdir(parents=True, exist_ok=True)
        (place / "saved_model.pb").write_text(text)
        (place / "variables" / "variables.index").write_text(text)
        (place / "attentif.json").write_text(text)
        return place

    def test_sent_and_fetched(self, s3: Way, tmp_path: Path):
        address = f"s3://{BUCKET}/exports/1"
        send_tree(self.export(tmp_path / "made", "one"), address)
        found = fetch_tree(address)
        assert (found / "variables" / "variables.index").read_text() == "one"
        assert fetch_tree(address) == found
        send_tree(self.export(tmp_path / "made", "two"), address)
        assert (fetch_tree(address) / "saved_model.pb").read_text() == "two"

    def test_the_file_that_vouches_for_all_is_written_last(self, s3: Way, tmp_path: Path):
        address = f"s3://{BUCKET}/exports/1"
        send_tree(self.export(tmp_path / "made", "one"), address)
        s3.fail("503", times=10**6, method="PUT", part="variables.index")
        with pytest.raises(DataError):
            send_tree(self.export(tmp_path / "made", "two"), address)
        assert f"{address}/attentif.json" not in Store(address).find(address)

    def test_something_else_is_not_replaced(self, s3: Way, tmp_path: Path):
        address = f"s3://{BUCKET}/exports/1"
        Store(address, writes=True).write(f"{address}/thesis.txt", b"years")
        with pytest.raises(UsageError, match=r"exists and is not an export, thesis\.txt is there"):
            send_tree(self.export(tmp_path / "made", "one"), address)
