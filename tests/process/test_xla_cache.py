"""What XLA compiled comes back as it was, or not at all; nothing that happens to its folder ends a command."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.process import xla_cache
from pipeline.process.xla_cache import cache_folder, told_to_tensorflow
from tests.tiny_task import tiny_configuration

ROOT = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 40
# Compiles a function, and says whether XLA found it: what is compiled anew is written anew.
PROGRAM = """
from pipeline.process.quiet_tensorflow import import_tensorflow
import_tensorflow()
import tensorflow as tf
from pipeline.process.xla_cache import open_cache, save_cache, _PLACE
for model in ("a", "another", "a"):
    open_cache(model, 3)
def entries():
    names = tf.io.gfile.listdir(_PLACE) if tf.io.gfile.isdir(_PLACE) else []
    return {name: tf.io.gfile.stat(_PLACE + "/" + name).mtime_nsec for name in names}
before = entries()
given = tf.random.stateless_uniform([9, 9], [1, 2])
result = tf.function(lambda part: tf.nn.softmax(part @ part), jit_compile=True, autograph=False)(given)
print(len(before), before == entries(), tf.strings.to_hash_bucket_fast(tf.io.serialize_tensor(result), 1 << 60).numpy())
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c"}, "/c/attentif/xla"),
        ({"XDG_CACHE_HOME": "c", "HOME": "/h"}, "/h/.cache/attentif/xla"),
        ({"HOME": "/h"}, "/h/.cache/attentif/xla"),
        ({"HOME": "/h", "ATTENTIF_XLA_CACHE": "/own"}, "/own"),
        ({"HOME": "/h", "ATTENTIF_XLA_CACHE": "off"}, None),
    ],
)
def test_where_it_is(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str | None):
    for name in ("XDG_CACHE_HOME", "HOME", "ATTENTIF_XLA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == (expected and Path(expected))


@pytest.mark.parametrize("own", [None, "--tf_xla_cpu_global_jit", "--tf_xla_persistent_cache_directory=/mine"])
def test_flags_of_the_shell_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str | None):
    monkeypatch.setattr(xla_cache, "_cache", xla_cache._Cache())
    monkeypatch.setenv("ATTENTIF_XLA_CACHE", str(tmp_path))
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    if own is not None:
        monkeypatch.setenv("TF_XLA_FLAGS", own)
    is_mine = "mine" in (own or "")
    with told_to_tensorflow():
        now = os.environ.get("TF_XLA_FLAGS", "")
    assert now.startswith(own or "")
    assert ("ram://" in now) is xla_cache._cache.is_on is not is_mine
    assert os.environ.get("TF_XLA_FLAGS") == own


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that entries are read from."""
    place = tmp_path / "xla" / "key"
    place.mkdir(mode=0o700, parents=True)
    (place / "loads").touch()
    return place


def test_an_entry_comes_back_whole_or_not_at_all(folder: Path):
    path = folder / "a.pb"
    xla_cache._write(path, CONTENT)
    whole = path.read_bytes()
    assert xla_cache._read(path) == CONTENT
    flipped = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(0, len(whole), 101)]
    cut = [whole[:length] for length in (0, 1, 32, 33, len(whole) - 1)]
    for damaged in (*flipped, *cut[:3], *cut[3:], whole + b"\0", b"\0" * len(whole)):
        path.write_bytes(damaged)
        assert xla_cache._read(path) is None
        assert not path.exists()
    assert xla_cache._read(path) is None
    path.mkdir()
    assert xla_cache._read(path) is None


def test_what_others_can_write_is_not_run(folder: Path):
    xla_cache._write(folder / "a.pb", CONTENT)
    assert xla_cache._entries(folder) == [folder / "a.pb"]
    for place in (folder, folder.parent):
        place.chmod(0o770)
        assert xla_cache._entries(folder) == []
        assert not xla_cache._is_ready(folder)
        place.chmod(0o700)
    (folder / "loads").unlink()
    assert xla_cache._entries(folder) == []


def test_what_was_used_longest_ago_goes(folder: Path, monkeypatch: pytest.MonkeyPatch):
    for age, name in enumerate("cab"):
        xla_cache._write(folder / f"{name}.pb", CONTENT)
        os.utime(folder / f"{name}.pb", (10**9 - age, 10**9 - age))
    xla_cache._read(folder / "b.pb")
    monkeypatch.setattr(xla_cache, "MOST_BYTES", 2 * len(CONTENT) + 100)
    xla_cache._shrink(folder.parent)
    assert sorted(path.name for path in folder.iterdir()) == ["b.pb", "c.pb", "loads"]


def test_what_is_refused_goes(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(xla_cache, "_cache", xla_cache._Cache(True, folder))
    xla_cache._write(folder / "a.pb", CONTENT)
    assert not xla_cache.forget_refused("the loss is not a number")
    assert xla_cache._entries(folder)
    assert xla_cache.forget_refused("Graph execution error: Serialized HLO does not match.")
    assert not xla_cache._entries(folder)


@pytest.fixture
def compiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process that has compiled something, and where it is to be kept."""
    tf = pytest.importorskip("tensorflow")
    place = f"ram://test-{folder.parent.parent.name}"
    monkeypatch.setattr(xla_cache, "_PLACE", place)
    monkeypatch.setattr(xla_cache, "_cache", xla_cache._Cache(True, folder))
    tf.io.gfile.makedirs(place)
    with tf.io.gfile.GFile(f"{place}/new.pb", "wb") as file:
        file.write(CONTENT)
    return folder


def test_a_full_disk_costs_the_entries_alone(compiled: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patched:
        patched.setattr(xla_cache.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        xla_cache.save_cache()
    assert [path.name for path in compiled.iterdir()] == ["loads"]
    xla_cache.save_cache()  # no second attempt at what could not be written
    assert [path.name for path in compiled.iterdir()] == ["loads"]


@pytest.mark.parametrize("what", ["a file", "nothing to be made", "no loading"])
def test_no_place_costs_nothing(compiled: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str):
    (tmp_path / "file").touch()
    place = Path("/proc/none") if what == "nothing to be made" else tmp_path / "file"
    if what == "no loading":
        place = tmp_path / "new"
        monkeypatch.setattr(xla_cache, "_loads", lambda: False)
    xla_cache._cache.folder = place / "key"
    xla_cache.save_cache()
    assert xla_cache._entries(place / "key") == []
    assert not list(place.rglob("*.pb"))


def test_one_models_begins_anew_when_there_is_too_much_of_it(compiled: Path, monkeypatch: pytest.MonkeyPatch):
    xla_cache._write(compiled / "old.pb", CONTENT)
    monkeypatch.setattr(xla_cache, "MOST_OF_ONE", len(CONTENT))
    xla_cache.save_cache()
    assert sorted(path.name for path in compiled.iterdir()) == ["loads", "new.pb"]
    assert xla_cache._read(compiled / "new.pb") == CONTENT


def run(place: Path, **variables: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ATTENTIF_XLA_CACHE": str(place), **variables}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answers(process: "subprocess.Popen[str]") -> list[str]:
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said.split()


@pytest.mark.slow
def test_processes_at_once_and_one_after_them(tmp_path: Path):
    first, second = run(tmp_path), run(tmp_path)
    found = [answers(first), answers(second)]
    assert {tuple(each[:2]) for each in found} <= {("0", "False"), ("1", "True")}
    (entry,) = tmp_path.glob("*/*.pb")
    # Another processor, thread number or flag has a folder of its own.
    third, other = run(tmp_path), run(tmp_path, TF_NUM_INTRAOP_THREADS="1")
    found += [answers(third), answers(other)]
    assert found[2][:2] == ["1", "True"]
    assert found[3][:2] == ["0", "False"]
    assert len(list(tmp_path.glob("*/*.pb"))) == 2
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 4
    entry.write_bytes(content)
    found.append(answers(run(tmp_path)))
    assert found[4][:2] == ["0", "False"]
    assert len({each[2] for each in found}) == 1


@pytest.mark.slow
def test_a_training_is_the_same_bit_for_bit(tiny_splits: dict[str, str], tmp_path: Path):
    configuration = tmp_path / "tiny.yaml"
    tiny_configuration(tiny_splits, train={"epochs": 2, "deterministic": True}).save(configuration)
    made, kept = {}, {}
    for name in ("off", "cold", "warm"):
        directory, place = tmp_path / name, tmp_path / "xla"
        environment = {**os.environ, "ATTENTIF_XLA_CACHE": "off" if name == "off" else str(place)}
        command = [sys.executable, "-m", "pipeline", "train", "--config", str(configuration), "--run", str(directory)]
        subprocess.run([*command, "--no-export"], env=environment, cwd=ROOT, check=True)
        figures = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
        for row in figures:
            del row["seconds"], row["tokens_per_second"]
        weights = [path.read_bytes() for path in sorted(directory.glob("checkpoints/*/variables.*"))]
        assert len(weights) == 2
        made[name] = figures, weights
        kept[name] = {path.name: path.stat().st_ino for path in place.glob("*/*.pb")}
    assert made["off"] == made["cold"] == made["warm"]
    assert not kept["off"]
    assert kept["cold"] == kept["warm"]  # none was missing, none written again
    assert len(kept["cold"]) > 10
