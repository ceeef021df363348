"""A folder's command in one file: the same answers, messages and exit codes as `predict`."""

import gzip
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import evaluate
from pipeline.commands.main import main
from pipeline.runtime.model import Model
from pipeline.runtime.single_file import join_runtime
from tests.runtime import fake_litert

ROOT = Path(__file__).parents[2]
Said = tuple[int, str, str]
ODD = [
    "\ufeffab",
    "ß東é",
    "",
    "abc\tx",
    "ABBA",
    "a" * 14,
    "e\u0301" * 5 + "\r",
    "b\rc",
    "x\ud800y",
    "a" * 9,
    "0 1",
    "",
]
LINES = "".join(f"{line}\n" for line in ODD).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    path = tmp_path_factory.mktemp("joined") / "attentif_runtime.py"
    path.write_text(join_runtime(), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("attentif_runtime", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["attentif_runtime"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def call(command: Callable[[list[str]], int], *argv: str | Path) -> Said:
        code = command([str(argument) for argument in argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def both(runtime: ModuleType, engine: None, say: Callable[..., Said]) -> Callable[..., Said]:
    """What both commands say, if it is the same."""

    def compare(*argv: str | Path) -> Said:
        said = say(runtime.main, *argv)
        assert say(main, "predict", *argv) == said
        return said

    return compare


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--n-best", "2"],
        ["--n-best", "3"],
        ["--json"],
        ["--json", "--n-best", "3"],
        ["--prefixes"],
        ["--prefixes", "--json"],
    ],
)
def test_the_same_lines_have_the_same_answers_and_messages(
    options: list[str], both: Callable[..., Said], folder: Path, tmp_path: Path
):
    (tmp_path / "lines").write_bytes(LINES)
    code, answers, messages = both(folder, tmp_path / "lines", *options)
    assert code == 0
    assert len(answers.splitlines()) == LINES.count(b"\n")
    assert "line 3: the line is empty; it gets no prediction" in messages
    assert "give them in lower case" in messages
    if options == []:
        assert answers.splitlines()[:2] == ["ba", "é東ß"]


def test_a_compressed_file_and_alignments(both: Callable[..., Said], folder: Path, tmp_path: Path):
    with gzip.open(tmp_path / "lines.gz", "wb") as file:
        file.write(LINES)
    assert both(folder, tmp_path / "lines.gz", "--alignments", tmp_path / "links")[0] == 0
    assert (tmp_path / "links").read_text().splitlines()[:3] == ["0-0 0-1", "0-0 0-1 0-2", ""]


def test_faults_are_told_alike(both: Callable[..., Said], folder: Path, tmp_path: Path):
    lines = tmp_path / "lines"
    lines.write_text("ab\n")
    assert both(folder, tmp_path / "none")[0] == 1
    assert both(folder, lines, "--n-best", "4")[:2] == (2, "")
    assert both(folder, lines, "--alignments", tmp_path)[:2] == (2, "")
    (tmp_path / "table").write_text("a\tb\n" * 30)
    code, _, message = both(folder, tmp_path / "table")
    assert (code, "all columns would be read as one source" in message) == (1, True)
    (tmp_path / "page").write_text("<!doctype html>\n")
    assert both(folder, tmp_path / "page")[0] == 1
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"ab\n" * 9000)[:40])
    assert both(folder, tmp_path / "broken.gz")[0] == 1
    (folder / "model.tflite").write_bytes(b"another")
    code, _, message = both(folder, lines)
    assert (code, "SHA-256" in message) == (1, True)


def test_help_and_usage(runtime: ModuleType, say: Callable[..., Said], folder: Path):
    code, shown, _ = say(runtime.main, "--help")
    assert (code, "--prefixes" in shown) == (0, True)
    code, _, message = say(runtime.main, folder, "--beam", "3")
    assert (code, message.startswith("error: unrecognized arguments: --beam")) == (2, True)
    assert say(runtime.main)[0] == 2
    assert say(runtime.main, folder, "--n-best", "0")[0] == 2


def test_as_a_module(runtime: ModuleType, engine: None, folder: Path):
    model = runtime.Model(folder)
    [prediction] = model.predict("ab", n_best=2)
    assert prediction.texts == ["ba", "ab"]
    assert prediction.attention.shape == (3, 3)
    with pytest.raises(ImportError, match="no part of this file"):
        prediction.plot()
    assert model.predict(["ab", "é"]).to_dicts()[0]["output"] == "ba"
    with pytest.raises(runtime.UsageError, match="no such folder"):
        runtime.Model(folder / "none")


# Everything but the standard library, NumPy and the engine is forbidden, and the engine is the fake.
ALONE = """
import importlib.util, os, runpy, sys
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in {*sys.stdlib_module_names, "numpy", "ai_edge_litert"}:
            raise ImportError(f"{name} is forbidden", name=name)
sys.meta_path.insert(0, Forbid())
fake, file, *argv = sys.argv[1:]
sys.path.insert(0, fake)
sys.argv = [file, *argv]
runpy.run_path(file, run_name="__main__")
"""


def test_the_file_needs_numpy_and_the_engine_alone(runtime: ModuleType, folder: Path, tmp_path: Path):
    package = tmp_path / "packages" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "interpreter.py").write_text(Path(fake_litert.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    assert runtime.__file__
    command = [sys.executable, "-I", "-c", ALONE, str(package.parent), runtime.__file__, str(folder), "-", "--json"]
    said = subprocess.run(command, input="ab\nß\n".encode(), capture_output=True, check=True)
    assert said.stderr == b""
    assert [json.loads(line)["predictions"][0]["text"] for line in said.stdout.splitlines()] == ["ba", "ß"]


def test_without_the_engine_it_says_what_to_install(runtime: ModuleType, folder: Path, tmp_path: Path):
    assert runtime.__file__
    forbidden = tmp_path / "packages"
    forbidden.mkdir()
    (forbidden / "ai_edge_litert.py").write_text("raise ImportError('no', name='ai_edge_litert')")
    command = [sys.executable, "-I", "-c", ALONE, str(forbidden), runtime.__file__, str(folder)]
    said = subprocess.run(command, input=b"ab\n", capture_output=True, check=False)
    wanted = "error: ai-edge-litert, which runs this model, is not installed: python -m pip install ai-edge-litert\n"
    assert (said.returncode, said.stderr.decode()) == (2, wanted)


WITHOUT_TENSORFLOW = """
import sys
from types import ModuleType
from tests.runtime import fake_litert
sys.modules["ai_edge_litert"] = ModuleType("ai_edge_litert")
sys.modules["ai_edge_litert.interpreter"] = fake_litert
from pipeline.commands.main import main
code = main(sys.argv[1:])
loaded = {name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "tensorflow_text"}
assert not loaded, loaded
raise SystemExit(code)
"""


def alone(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, argv)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_predict_and_evaluate_take_a_folder_without_tensorflow(folder: Path, tmp_path: Path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("ab\tba\né東\té東\nßx\ta\n", encoding="utf-8")
    said = alone("evaluate", folder, pairs)
    assert said.returncode == 0, said.stderr
    figures = json.loads(said.stdout)
    assert (figures["n"], round(figures["wer"], 2)) == (3, 66.67)
    assert "symbols that training lacks ('x')" in said.stderr
    (tmp_path / "lines").write_text("ab\n")
    said = alone("predict", folder, tmp_path / "lines", "--attention", tmp_path / "page.html")
    assert (said.returncode, said.stdout) == (0, "ba\n")
    assert (tmp_path / "page.html").is_file()


def test_what_a_folder_cannot_do_is_refused(folder: Path, tmp_path: Path, engine: None, say: Callable[..., Said]):
    lines, pairs = tmp_path / "lines", tmp_path / "pairs"
    lines.write_text("ab\n")
    pairs.write_text("ab\tba\n")
    code, _, message = say(main, "predict", folder, lines, "--beam", "4")
    assert (code, "exported with --beam 3, which is fixed" in message) == (2, True)
    code, _, message = say(main, "predict", folder, lines, "--search.length_penalty", "1")
    assert (code, "exported with --search.length_penalty 0.0, which is fixed" in message) == (2, True)
    assert say(main, "predict", folder, lines, "--beam", "3", "--n-best", "2")[:2] == (0, "ba\tab\n")
    code, _, message = say(main, "evaluate", folder, pairs, "--average", "2")
    assert (code, "exported with its weights, which are fixed" in message) == (2, True)
    code, _, message = say(main, "evaluate", folder, "dev")
    assert (code, "is no run" in message) == (2, True)
    assert say(main, "score", folder, pairs)[:2] == (0, "-0.500000\n")
    code, _, message = say(main, "score", folder, pairs, "--average", "2")
    assert (code, "exported with its weights, which are fixed" in message) == (2, True)
    code, _, message = say(main, "export", folder, tmp_path / "export")
    assert (code, "not a run directory" in message) == (2, True)


def test_a_folder_is_compared_and_measured_from_python(
    folder: Path, tmp_path: Path, engine: None, say: Callable[..., Said]
):
    pairs, outputs = tmp_path / "pairs.tsv", tmp_path / "outputs"
    pairs.write_text("ab\tba\né東\té東\nßb\ta\n", encoding="utf-8")
    outputs.write_text("ab\né東\na\n", encoding="utf-8")
    assert evaluate(folder, str(pairs))["n"] == evaluate(Model(folder), str(pairs))["n"] == 3
    code, shown, _ = say(main, "compare", pairs, folder, outputs, "--samples", "100")
    assert (code, json.loads(shown.splitlines()[-1])["n"]) == (0, 3)
