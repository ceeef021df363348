"""Exit codes, what goes to which stream, and the commands around fakes of what they call."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.commands import compare
from pipeline.commands.main import main
from pipeline.errors import CircumstanceError, DataError, MemoryShortError, TrainingError, UsageError
from pipeline.process.children import CHILD
from pipeline.settings.types import ALL_SECTIONS, setting_names

ROOT = Path(__file__).parents[2]
# A predictor without TensorFlow, for commands in a process of their own.
FAKED = """
import sys, types
import numpy as np

class Predictor:
    text, n_best = types.SimpleNamespace(feature_separator=None), 9

    def predict(self, sources, prefixes=None, heads_apart=False, attention=True):
        print("a library's chatter")
        sources = [prefix + source for prefix, source in zip(prefixes or [""] * len(sources), sources)]
        return [types.SimpleNamespace(texts=[source.upper()], scores=[-1.0], rank_scores=[-0.5],
                hypotheses=[types.SimpleNamespace(text=source.upper(), score=-1.0, rank_score=-0.5, limited=False,
                                                  source_flags=types.SimpleNamespace(to_json=dict), back=None)],
                source_tokens=list(source), features=[], target_tokens=["x"],
                attention=np.zeros((1, len(source))), cut=False, unknown=0, invalid=False,
                attention_heads=None, prefix_cut=False, prefix_unknown=0, votes=(), copied=None, confidence=None,
                answered_by=None,
                limited=False, limited_outputs=[False]) for source in sources]

fake = types.ModuleType("pipeline.saved_models.loading")
fake.load_predictor = lambda model, **options: Predictor()
sys.modules["pipeline.saved_models.loading"] = fake
from pipeline.commands import main as command_line
from pipeline.commands.main import main
raise SystemExit(main(sys.argv[1:]))
"""

Fake = Callable[..., None]


def run(*argv: str, code: str | None = None, **options: object) -> subprocess.CompletedProcess[bytes]:
    start = ["-c", code] if code else ["-m", "pipeline"]
    options.setdefault("capture_output", True)
    return subprocess.run([sys.executable, *start, *argv], cwd=ROOT, env=plain_environment(), timeout=60, **options)


def plain_environment() -> dict[str, str]:
    """Unhelpful on purpose: no UTF-8, and output that is buffered as it usually is."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**kept, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a module in the place of `pipeline.<name>`."""

    def put(name: str, **members: object) -> None:
        module = types.ModuleType(f"pipeline.{name}")
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, f"pipeline.{name}", module)

    return put


def raising(error: BaseException) -> Callable[..., None]:
    def call(*arguments: object, **options: object) -> None:
        raise error

    return call


def test_help_explains_every_key_at_once():
    begin = time.monotonic()
    result = run("train", "--help", "all")
    assert time.monotonic() - begin < 3  # far below what importing TensorFlow takes, even on a busy machine
    text = result.stdout.decode("utf-8")
    assert (result.returncode, result.stderr) == (0, b"")
    for key in setting_names(ALL_SECTIONS):
        assert (f"--{key} " in text) == (not key.startswith(("tune.", "study."))), key
    assert "default: cmudict" in text
    assert "--seed" in text
    assert "Largest global norm of the gradient; null does not clip." in " ".join(text.split())


@pytest.mark.parametrize(("command", "other"), [("tune", "study."), ("study", "tune.")])
def test_help_of_tune_and_study_explains_their_own_settings_too(command: str, other: str):
    text = run(command, "--help-all").stdout.decode("utf-8")
    for key in setting_names(ALL_SECTIONS):
        assert (f"--{key} " in text) == (not key.startswith(other)), key


@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
def test_help_lists_the_search_settings_in_short(command: str):
    text = run(command, "--help").stdout.decode("utf-8")
    assert "--average K" in text
    assert " ".join(text.split()).count("Hypotheses kept open per input. ") == 1
    for key in setting_names(ALL_SECTIONS):
        assert (f"--{key} VALUE" in text) == key.startswith("search."), key


def test_help_imports_no_tensorflow():
    code = "import sys; from pipeline.commands.main import main; main(['tune', '--help'])\n"
    code += "assert not {'tensorflow', 'keras', 'numpy', 'matplotlib'} & set(sys.modules)"
    assert run(code=code).returncode == 0


@pytest.mark.parametrize("argv", [["--help"], ["predict", "--help"], ["evaluate", "--help"], ["export", "-h"]])
def test_every_command_has_help(argv: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(argv) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("usage: python -m pipeline")
    assert captured.err == ""


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "--data.nope", "1"], "data.nope"),
        (["train", "--train.epochs", "many"], "train.epochs: many"),
        (["train", "--model.dropout", "2"], "model.dropout: 2.0 is impossible"),
        (["inspect", "--config", "nope"], "--config nope: no such file, and no preset"),
        (["predict", "model", "--beam", "1", "--n-best", "2"], "--n-best: 2"),
        (["compare", "a", "b"], "OUTPUT_B"),
        (["compare", "a", "b", "c", "--seed", "0"], "'0' is impossible"),
        (["compare", "a", "b", "c", "--tokens", "intl", "--symbols", "char"], "--tokens: impossible with --symbols"),
        (["compare", "a", "b", "c", "--symbols", "char", "--separator", "-"], "--separator: impossible with --symbols"),
        (["compare", "a", "b", "c", "--tokens", "intl", "--separator=|"], "--separator: impossible with --tokens"),
        (["compare", "a", "b", "c", "--separator", " "], "--separator: ' ' is impossible; left out, white space"),
        (["evaluate", "a", "b", "--against", "c"], "--against: needs --report DIR"),
        (["study"], "a study is missing (studies: length"),
        (["study", "depth"], "depth: no such study"),
        (["study", "length", "--study.seeds", "1,1"], "study.seeds: '1,1' is impossible"),
        ([], "a command is missing"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(argv: list[str], words: str):
    result = run(*argv)
    message = result.stderr.decode("utf-8")
    assert (result.returncode, result.stdout) == (2, b"")
    assert message.startswith("error: ")
    assert words in message
    assert message.count("\n") == 1


def test_broken_yaml_is_refused_with_file_and_line(tmp_path: Path):
    file = tmp_path / "kaputt-é.yaml"
    file.write_text("train:\n  epochs: [3\nmodel: {}\n", encoding="utf-8")
    result = run("train", "--config", str(file))
    assert result.returncode == 2
    assert f"error: {file}, line 3: not YAML" in result.stderr.decode("utf-8")
    assert b"Traceback" not in result.stderr


def test_predict_speaks_utf8_in_any_locale_and_keeps_chatter_off_stdout():
    result = run("predict", "model", code=FAKED, input="größe\n\n東京\n".encode())
    assert result.returncode == 0
    assert result.stdout.decode("utf-8") == "GRÖSSE\n\n東京\n"
    assert "a library's chatter" in result.stderr.decode()
    assert "warning: line 2: the line is empty" in result.stderr.decode()


def run_on_terminal(*argv: str, typed: bytes = b"", **streams: object) -> tuple[int, bytes]:
    """A command with a terminal for what is not among the streams: its exit code, and what the terminal shows."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    os.write(ours, typed)
    places = {"stdin": theirs, "stdout": theirs, "stderr": theirs, **streams}
    process = subprocess.Popen([sys.executable, "-c", FAKED, *argv], cwd=ROOT, env=plain_environment(), **places)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    return process.wait(timeout=60), shown


def test_predict_on_a_terminal_says_that_it_reads_lines_and_how_to_end():
    code, shown = run_on_terminal("predict", "model", typed=b"word\n\x04")
    assert code == 0
    assert b"reading lines from the terminal, answering each; Ctrl-D on an empty line ends" in shown
    assert b"WORD\r\n" in shown
    assert b"predicting" not in shown


def test_predict_has_a_bar_over_a_file_unless_answers_come_on_the_same_terminal(tmp_path: Path):
    (tmp_path / "words").write_text("one\ntwo\n")
    code, shown = run_on_terminal("predict", "model", str(tmp_path / "words"))
    assert (code, b"predicting" in shown, b"ONE\r\nTWO\r\n" in shown) == (0, False, True)
    code, shown = run_on_terminal("predict", "model", str(tmp_path / "words"), stdout=subprocess.DEVNULL)
    assert (code, b"predicting" in shown, b"reading lines" in shown) == (0, True, False)


def test_predict_json_is_not_escaped():
    result = run("predict", "model", "-", "--json", code=FAKED, input="東".encode())
    assert json.loads(result.stdout)["predictions"] == [{"text": "東", "score": -1.0, "rank_score": -0.5}]
    assert "東".encode() in result.stdout


def test_predict_with_prefixes():
    result = run("predict", "model", "-", "--prefixes", code=FAKED, input=b"b\ta\nc\n")
    assert result.stdout == b"AB\nC\n"


def test_predict_into_a_closed_pipe_ends_quietly(tmp_path: Path):
    file = tmp_path / "many.txt"
    file.write_text("word\n" * 50_000)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        result = run("predict", "model", str(file), code=FAKED, capture_output=False, stdout=closed, stderr=-1)
    assert result.returncode == 0
    assert b"Error" not in result.stderr
    assert b"Exception" not in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("argv", [["predict", "model"], ["--help"]])
def test_a_full_disk_behind_stdout_is_said_in_one_line(argv: list[str]):
    with Path("/dev/full").open("wb") as full:
        result = run(*argv, code=FAKED, capture_output=False, stdout=full, stderr=-1, input=b"a\n")
    assert result.returncode == 1
    last = result.stderr.decode().splitlines()[-1]
    assert last.startswith("error: standard output cannot be used (No space left on device): make room")


def test_ctrl_c_while_waiting_for_a_pipe_exits_130():
    command = [sys.executable, "-c", FAKED, "predict", "model"]
    with subprocess.Popen(command, cwd=ROOT, env=plain_environment(), stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"a\n")
        process.stdin.flush()
        killer = threading.Timer(30, process.kill)  # an answer that never comes fails the test, it does not hang it
        killer.start()
        assert process.stdout.readline() == b"A\n"
        # A signal between Python's last look at signals and its read is seen after the read: then one presses again.
        for _ in range(4):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=6)
                break
        assert process.wait(timeout=10) == 130
        killer.cancel()
        message = process.stderr.read().decode()
    assert "error: interrupted" in message
    assert "Traceback" not in message
    assert "Fatal" not in message


def test_train_prints_its_result_last_and_passes_everything_on(fake: Fake, capsys: pytest.CaptureFixture[str]):
    seen: dict[str, object] = {}

    alone = types.SimpleNamespace(rank=0)

    def train(configuration: object, run: Path, **options: object) -> dict[str, object]:
        assert options.pop("cluster") is alone
        seen.update(configuration=configuration, run=run, **options)
        print("epoch 1")
        return {"split": "test", "n": 3, "wer": 33.3, "per": 10.0}

    fake("training.run", train=train)
    fake("cluster.joining", join_cluster=lambda: alone)
    words = ["--run", "somewhere", "--overwrite", "--no-export", "--seed", "5", "--model.units", "8"]
    assert main(["train", *words]) == 0
    captured = capsys.readouterr()
    assert captured.out == '{"split": "test", "n": 3, "wer": 33.3, "per": 10.0}\n'
    assert "epoch 1" in captured.err
    assert (seen["run"], seen["overwrite"], seen["export"]) == (Path("somewhere"), True, False)
    assert (seen["configuration"].train.seed, seen["configuration"].model.units) == (5, 8)


def test_study_passes_everything_on(fake: Fake, capsys: pytest.CaptureFixture[str]):
    seen: list[object] = []

    def study_length(*arguments: object) -> object:
        seen.extend(arguments)
        return types.SimpleNamespace(table=lambda: "| n |\n", to_json=lambda: {"study": "length"})

    fake("study.length", study_length=study_length)
    options = ["--study.rates", "1,2", "--study.workers", "2", "--model.units", "8"]
    assert main(["study", "length", "--config", "cmudict", *options]) == 0
    assert capsys.readouterr().out == '| n |\n{"study": "length"}\n'
    configuration, study, run, overwrite = seen
    assert (configuration.model.units, study.factors, study.seed_list, study.workers) == (8, [1, 2], [1, 2], 2)
    assert (run, overwrite) == (Path("runs/cmudict-study"), False)
    fake("study.length", study_length=raising(KeyboardInterrupt()))
    assert main(["study", "length"]) == 130
    assert "the same command goes on where the trainings stopped" in capsys.readouterr().err


def test_evaluate_and_export_and_inspect_pass_everything_on(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    calls: list[object] = []
    pairs = tmp_path / "a.tsv"
    pairs.write_text("a\tA\n", encoding="utf-8")
    fake("saved_models.loading", load_predictor=lambda model, **options: (model, options))
    fake(
        "evaluation.evaluate",
        evaluate_file=lambda predictor, location, *how: {"split": location, "predictor": str(predictor)},
    )
    fake("saved_models.export", export_run=lambda *places, **options: calls.append((places, options)))
    fake("data.inspection", inspect=lambda configuration: f"units {configuration.model.units}")
    assert main(["evaluate", "model", str(pairs), "--beam", "3", "--average", "4", "--search.length_penalty", "1"]) == 0
    given = {"beam_size": 3, "search": {"length_penalty": 1.0}, "average": 4}
    assert json.loads(capsys.readouterr().out) == {"split": str(pairs), "predictor": str((Path("model"), given))}
    options = ["--beam", "3", "--n-best", "2", "--average", "4", "--search.length_penalty", "1"]
    assert main(["export", "run", "out", *options]) == 0
    assert calls == [((Path("run"), Path("out")), {**given, "n_best": 2, "lexicon": None})]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "exported run to out\n")
    assert main(["inspect", "--model.units", "12"]) == 0
    assert capsys.readouterr().out == "units 12\n"


def test_what_is_measured_is_looked_at_before_a_model_is_loaded(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fake("saved_models.loading", load_predictor=raising(AssertionError("loaded")))
    assert main(["evaluate", "model", str(tmp_path / "nowhere.tsv")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'nowhere.tsv'}: no such file; check the path\n"


def test_pipes_are_read_once(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    fake("saved_models.loading", load_predictor=lambda model, **options: model)
    fake("evaluation.evaluate", evaluate_file=lambda predictor, location, *how: {"split": location})
    for side in ("source", "target"):
        os.mkfifo(tmp_path / side)
    # Who opened them would wait for ever.
    pipes = f"{tmp_path / 'source'},{tmp_path / 'target'}"
    assert main(["evaluate", "model", pipes]) == 0
    assert json.loads(capsys.readouterr().out) == {"split": pipes}


def test_compare_prints_a_table_and_json_without_tensorflow(tmp_path: Path):
    for name, line in (("r", "a b c d e\n"), ("a", "a b c d e\n"), ("b", "a b c D x\n")):
        (tmp_path / name).write_text(line * 20, encoding="utf-8")
    files = [str(tmp_path / name) for name in "rab"]
    code = "import sys; from pipeline.commands.main import main; assert main(sys.argv[1:]) == 0\n"
    code += "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    result = run("compare", *files, "--samples", "20", "--symbols", "space", code=code)
    assert result.returncode == 0, result.stderr
    *table, last = result.stdout.decode().splitlines()
    assert [line.split()[0] for line in table[1:3]] == ["WER", "PER"]
    found = json.loads(last)
    assert (found["n"], found["samples"], found["seed"]) == (20, 20, 12345)
    assert (found["wer"]["b"]["score"], found["per"]["b"]["score"]) == (100, 40)
    plain = json.loads(run("compare", *files, "--samples", "20", "--tokens", "given").stdout.splitlines()[-1])
    folded = json.loads(run("compare", *files, "--samples", "20", "--lowercase").stdout.splitlines()[-1])
    assert "tok:none" in plain["bleu"]["signature"]
    assert plain["ter"]["b"]["score"] == 40
    assert folded["ter"]["b"]["score"] == 20


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataError("a.tsv, line 3: no TAB"), 1, "error: a.tsv, line 3: no TAB\n"),
        (UsageError("--beam: the export has 5"), 2, "error: --beam: the export has 5\n"),
        (OSError(errno.ENOSPC, "No space left on device", "r/w.h5"), 1, "r/w.h5 cannot be used (No space left on"),
        (OSError("Unable to write (No space left on device)"), 1, "make room on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), 1, "runs cannot be used (Permission denied)"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, "(Broken pipe)"),
        (ValueError("odd\nsecond line"), 1, "error: unexpected ValueError: odd (ATTENTIF_DEBUG=1 shows"),
        (KeyboardInterrupt(), 130, "the same command goes on where the training stopped"),
    ],
)
def test_errors_become_one_line_and_an_exit_code(
    error: BaseException,
    code: int,
    words: str,
    fake: Fake,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("ATTENTIF_DEBUG", raising=False)
    fake("training.run", train=raising(error))
    assert main(["train"]) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_debug_shows_the_traceback(fake: Fake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ATTENTIF_DEBUG", "1")
    fake("training.run", train=raising(ValueError("odd")))
    assert main(["train"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_going_on_after_ctrl_c_means_without_overwrite(fake: Fake, capsys: pytest.CaptureFixture[str]):
    fake("training.run", train=raising(KeyboardInterrupt()))
    assert main(["train", "--overwrite"]) == 130
    assert "the same command without --overwrite goes on" in capsys.readouterr().err


def test_a_missing_file_is_named_before_the_model_is_loaded(fake: Fake, capsys: pytest.CaptureFixture[str]):
    fake("saved_models.loading", load_predictor=raising(AssertionError("loaded")))
    assert main(["predict", "model", "nowhere.txt"]) == 1
    assert "error: nowhere.txt cannot be used (No such file or directory)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CircumstanceError("no room"), 75),
        (MemoryShortError("no memory"), 137),
        (MemoryError(), 137),
        (OSError(errno.ENOSPC, "No space left on device"), 75),
        (TrainingError("diverges"), 1),
        (UsageError("impossible"), 2),
        (DataError("no pair is left"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_who_started_it_is_told_whether_the_settings_are_at_fault(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
):
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(compare, "run", fail)
    argv = ["compare", __file__, __file__, __file__]
    assert main(argv) == (2 if isinstance(error, UsageError) else 1)
    monkeypatch.setenv(CHILD, "1")
    assert main(argv) == code


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_messages_on_a_full_disk_do_not_change_the_code():
    missing = ["compare", "/missing/a", "/missing/b", "/missing/c"]
    with open("/dev/full", "w") as full:
        for environment, code in (({}, 1), ({CHILD: "1"}, 75)):
            done = subprocess.run(
                [sys.executable, "-m", "pipeline", *missing], cwd=ROOT, stderr=full, env={**os.environ, **environment}
            )
            assert done.returncode == code
