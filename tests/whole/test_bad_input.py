"""What goes wrong for people, through the command line: exit code, and one message that says where and what to do."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.commands.main import main
from pipeline.training import run as training
from tests.tiny_task import TinyRun, capitals, make_sources, write_pairs

ROOT = Path(__file__).parents[2]
SMALL = [
    *("--text.target_tokenizer", "space", "--data.max_length", "16", "--data.batch_tokens", "256"),
    *("--data.buckets", "2", "--model.units", "32", "--model.embedding_units", "16"),
    *("--train.attention_samples", "0", "--train.min_epoch_tokens", "0", "--search.beam_size", "1"),
]

ErrorOf = Callable[..., str]


def train_command(run: Path, data: object, *more: str) -> list[str]:
    return ["train", "--run", str(run), "--data.train", str(data), *SMALL, *more]


def last_error(out: str, err: str) -> str:
    """The one error, at the end of standard error; nothing is on standard output, no traceback anywhere."""
    assert out == ""
    assert "Traceback" not in err
    assert err.count("error: ") == 1
    line = err.splitlines()[-1]
    assert line.startswith("error: ")
    return line


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str]) -> ErrorOf:
    """Run a command that must fail; its message."""

    def call(argv: list[str], exit_code: int = 1) -> str:
        capsys.readouterr()
        assert main(argv) == exit_code
        return last_error(*capsys.readouterr())

    return call


@pytest.fixture
def without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the epochs and what comes after them."""
    monkeypatch.setattr(training, "fit", lambda *arguments, **options: None)
    monkeypatch.setattr(training, "_finish", lambda *arguments: {"split": "dev"})


# Files


@pytest.mark.parametrize("command", ["train", "train --data.dev", "inspect"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, ": no such file; check the path"),
        (b"", ": the file is empty; give a file with at least one line"),
        (b"a\tA\nb\tB\nno tab\n", ":3: no TAB; every line must be source TAB target"),
        (b"a\tA\nb\xe9\tB\n", ":2: byte 2 of the line (0xe9) is not UTF-8; convert the file"),
        (b"a\tA\n \tB\n", ":2: empty source; fill it in or remove the line"),
        (b"a\tA\nb\t\n", ":2: empty target; fill it in or remove the line"),
    ],
)
def test_bad_files(
    tmp_path: Path,
    tiny_splits: dict[str, str],
    error_of: ErrorOf,
    content: bytes | None,
    message: str,
    command: str,
):
    path = tmp_path / "données.tsv"
    if content is not None:
        path.write_bytes(content)
    argv = {
        "train": train_command(tmp_path / "run", path),
        "train --data.dev": train_command(tmp_path / "run", tiny_splits["train"], "--data.dev", str(path)),
        "inspect": ["inspect", "--data.train", str(path)],
    }[command]
    assert error_of(argv).startswith(f"error: {path}{message}")


def test_a_bad_line_of_what_is_to_be_measured(tmp_path: Path, tiny_export: Path, error_of: ErrorOf):
    path = tmp_path / "données.tsv"
    path.write_bytes(b"a\tA\nb\tB\nno tab\n")
    message = f"error: {path}:3: no TAB; every line must be source TAB target"
    assert error_of(["evaluate", str(tiny_export), str(path)]).startswith(message)
    path.unlink()
    assert error_of(["evaluate", str(tiny_export), str(path)]).startswith(
        f"error: {path}: no such file; check the path"
    )


@pytest.mark.usefixtures("without_training")
def test_with_the_file_mended_the_same_command_goes_on(
    tmp_path: Path, error_of: ErrorOf, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "train.tsv"
    command = train_command(tmp_path / "run", path, "--data.dev", str(path))
    path.write_text("a\tA\nb\tB\nno tab\n")
    assert f"{path}:3: no TAB" in error_of(command)
    path.write_text("a\tA\nb\tB\nc\tC\n")
    assert main(command) == 0
    assert capsys.readouterr().out == '{"split": "dev"}\n'
    assert "c" in (tmp_path / "run" / "vocabulary" / "source.txt").read_text().split()


@pytest.mark.usefixtures("without_training")
def test_settings_that_leave_nothing_to_learn(tmp_path: Path, tiny_splits: dict[str, str], error_of: ErrorOf):
    command = train_command(tmp_path / "one", tiny_splits["train"], "--text.min_count", "9999")
    assert "no symbol occurs 9999 times in the training data; lower text.min_count" in error_of(command)
    long = write_pairs(tmp_path / "long.tsv", [("a" * 20, "A"), ("b" * 20, "B")])
    message = error_of(train_command(tmp_path / "two", long, "--data.dev", tiny_splits["dev"]))
    assert "train: no pair is left, all are longer than data.max_length (16 symbols); raise it" in message
    one = write_pairs(tmp_path / "one.tsv", [("a", "A")])
    assert "cannot hold out 1 of 1 distinct training source," in error_of(train_command(tmp_path / "three", one))


# Models


def test_a_model_that_is_none(tmp_path: Path, error_of: ErrorOf):
    wrong = "is neither a run directory nor an exported model; give what `train --run` or `export` wrote"
    for argv in (["evaluate", str(tmp_path), __file__], ["predict", str(tmp_path), __file__]):
        assert error_of(argv, 2) == f"error: {tmp_path}: {wrong}"
    assert "no such run or exported model" in error_of(["predict", str(tmp_path / "nowhere"), __file__], 2)
    message = error_of(["export", str(tmp_path), str(tmp_path / "out")], 2)
    assert message == f"error: {tmp_path}: not a run directory; give what `train --run` wrote"


@pytest.mark.usefixtures("without_training")
def test_a_run_of_another_version(tmp_path: Path, tiny_splits: dict[str, str], error_of: ErrorOf):
    run = tmp_path / "run"
    command = train_command(run, tiny_splits["train"])
    assert main(command) == 0
    (run / "run.json").write_text(json.dumps({"format": 99, "attentif": "7.5"}))
    for argv in (command, ["evaluate", str(run), __file__], ["export", str(run), str(tmp_path / "out")]):
        message = error_of(argv, 2)
        assert message.startswith(f"error: {run}: made by Attentif 7.5 (run format 99), this is ")
        assert message.endswith("use that version, or train again with --overwrite")
    assert main([*command, "--overwrite"]) == 0


@pytest.mark.usefixtures("without_training")
def test_a_run_that_cannot_be_used(tmp_path: Path, tiny_splits: dict[str, str], error_of: ErrorOf):
    run = tmp_path / "run"
    command = train_command(run, tiny_splits["train"])
    assert main(command) == 0
    assert "no epoch has ended yet" in error_of(["predict", str(run), __file__])
    other = error_of([*command, "--train.epochs", "7"], 2)
    assert re.search(r"holds a run of another configuration \(train\.epochs was \d+, is now 7\)", other)
    (run / "config.yaml").write_text("")
    assert "config.yaml: is not what the run wrote" in error_of(command)
    assert "exists and is not a run" in error_of(train_command(tmp_path, tiny_splits["train"]), 2)


def test_an_export_asked_for_what_it_does_not_have(tiny_export: Path, error_of: ErrorOf):
    command = ["predict", str(tiny_export), __file__]
    assert "exported with --beam 3, which is fixed" in error_of([*command, "--beam", "4"], 2)
    assert "exported with --n-best 3; export again with --n-best 4" in error_of([*command, "--n-best", "4"], 2)


@pytest.mark.slow
def test_sources_that_no_training_has_seen(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "sources.txt").write_bytes(b"a?\n\n\xff\n" + f"{'é' * 20}\nß\n".encode())
    assert main(["predict", str(tiny_run.path), str(tmp_path / "sources.txt")]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 5
    assert out.splitlines()[-1] == "S S"
    for line, fault in [(2, "the line is empty"), (3, "not UTF-8"), (4, "longer than the model reads; cut")]:
        assert re.search(f"^warning: line {line}: {fault}", err, re.MULTILINE)
    assert "warning: line 1: symbols that training lacks: '?'" in err
    test = write_pairs(tmp_path / "test.tsv", [("?!", "A"), ("a", "A"), ("a" * 20, "A")])
    assert main(["evaluate", str(tiny_run.path), test]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["n"] == 3
    assert "warning: 1 source is longer than the model reads: it was cut" in err
    assert "warning: 1 of 3 sources has symbols that training lacks ('?', '!'): it was decoded and counted" in err


# A training that is disturbed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for everything but checkpoints."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting is not permitted")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.slow
def test_a_full_disk(
    small_disk: Path,
    tiny_splits: dict[str, str],
    error_of: ErrorOf,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(training, "_finish", lambda *arguments: {"split": "dev"})
    locations = (tiny_splits["train"], "--data.dev", tiny_splits["dev"])
    command = train_command(small_disk / "run", *locations, "--train.epochs", "1")
    message = error_of(command)
    assert message.startswith(f"error: {small_disk}/run/checkpoints")
    assert "the checkpoint cannot be written (No space left on device); saved: no checkpoint yet. Make room" in message
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert out == '{"split": "dev"}\n'
    assert "going on with the unfinished run" in err


@pytest.mark.slow
def test_ctrl_c_and_all_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """One training in a process of its own: with pairs too long, a dev set that overlaps and unknown symbols."""
    pairs = [(source, capitals(source)) for source in make_sources(400)]
    training_pairs = [*pairs, ("a" * 17, "A"), ("ab", "A " * 30), ("b" * 30, "B")]
    data = write_pairs(tmp_path / "train.tsv", training_pairs)
    dev = write_pairs(tmp_path / "dev.tsv", [*pairs[:7], ("a?!", "A QUESTION"), ("a" * 18, "A")])
    run = tmp_path / "run"
    command = train_command(run, data, "--data.dev", dev, "--train.epochs", "3", "--train.warmup_steps", "5")
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", *command], cwd=ROOT, env=os.environ, stdout=-1, stderr=-1
    ) as process:
        assert process.stdout
        assert process.stderr
        written = b""
        while b"\repoch 1/3 (" not in written:  # the first epoch has ended
            part = os.read(process.stderr.fileno(), 4096)
            assert part, written.decode()
            written += part
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=120)
    err = (written + rest).decode().replace("\r", "\n")
    assert process.returncode == 130
    assert last_error(out.decode(), err) == "error: interrupted; the same command goes on where the training stopped"
    for warning in [
        "train: 2 pairs left out of training, first on line 401: source too long (data.max_length 16)",
        "train: 1 pair left out of training, first on line 402: target too long (data.max_length 16)",
        "dev: 1 pair left out of the dev loss, but decoded and measured, first on line 9: source too long",
        "dev: 2 source symbols that training lacks ('?', '!'), first on line 8: read as <unk>",
        "dev: 1 target symbol that training lacks (QUESTION), first on line 8: read as <unk>",
        "7 dev sources are in the training data too: dev figures will look too good",
    ]:
        assert f"\nwarning: {warning}" in f"\n{err}"
    monkeypatch.setattr(training, "_finish", lambda *arguments: {"split": "dev"})
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert out == '{"split": "dev"}\n'
    assert "going on with the unfinished run" in err
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2, 3]


# Settings files and odd data, through the command line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"data: !!python/object/apply:os.system ['true']\n", "c.yaml, line 1: data: not a mapping"),
        (b"data: {train: &a [*a, *a]}\n", "c.yaml, line 1: more than 10,000 values"),
        (b"data: " + b"[" * 50_000, "c.yaml, line 1: not YAML: more than 30 levels"),
        (b"model: {units: 1" + b"0" * 30 + b"}\n", "model.units: 1000000000000000000000000000000 is impossible"),
        (b"train: {learning_rate: .inf}\n", "train.learning_rate: inf is impossible, it must be a finite number"),
        (b'data: {train: "a\\0b"}\n', "c.yaml, line 1: 'a\\x00b': holds a character that no text has"),
    ],
)
def test_hostile_settings(tmp_path: Path, error_of: ErrorOf, content: bytes, message: str):
    (tmp_path / "c.yaml").write_bytes(content)
    assert message in error_of(["inspect", "--config", str(tmp_path / "c.yaml")], 2)


@pytest.mark.usefixtures("without_training")
def test_bad_lines_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], error_of: ErrorOf):
    path = tmp_path / "ünd mehr.tsv"
    path.write_bytes(b"a\tA\nno tab\nb\tB\n\xff\tC\nc\tC\n")
    command = train_command(tmp_path / "run", path, "--data.dev", str(path))
    assert f"{path}:2: no TAB" in error_of(command)
    # What was begun with other settings is begun anew.
    assert main([*command, "--data.skip_bad_lines", "true", "--overwrite"]) == 0
    err = capsys.readouterr().err
    assert err.count(f"warning: {path}: 2 bad lines left out (data.skip_bad_lines true), first {path}:2: no TAB\n") == 1
    assert "train: 2 pairs left out of training, first on line 2: bad line (data.skip_bad_lines true)" in err


@pytest.mark.usefixtures("without_training")
def test_a_file_name_that_is_no_utf8(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / os.fsdecode(b"caf\xe9.tsv")
    path.write_text("a\tA\nb\tB\n")
    command = train_command(tmp_path / "run", path, "--data.dev", str(path))
    for _ in range(2):
        assert main(command) == 0
    assert capsys.readouterr().out == '{"split": "dev"}\n' * 2


def test_score_refuses_with_file_and_line(tmp_path: Path, tiny_export: Path, error_of: ErrorOf):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(b"a\tA\nb\t\\u{d800}\n")
    assert f"error: {path}:2: not a symbol (" in error_of(["score", str(tiny_export), str(path), "--tokens"])
    path.write_bytes(b"\xed\xa0\x80\tA\n")
    assert f"error: {path}:1: byte 1 of the line (0xed) is not UTF-8" in error_of(
        ["score", str(tiny_export), str(path)]
    )
