"""What is not installed, or in a version that cannot work, is said in a sentence before anything is imported."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from pipeline.process import installation
from pipeline.process.installation import (
    find_problem,
    installed_versions,
    needed_versions,
    other_versions,
    own_command,
    own_environment,
    platform_problem,
)

ROOT = Path(__file__).parents[2]


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str | None) -> None:
    """These versions in the place of the installed ones; None is not installed."""
    changed = {name.replace("_", "-"): version for name, version in versions.items()}
    found = {name: version for name, version in {**needed_versions(), **changed}.items() if version}
    monkeypatch.setattr(installation, "installed_versions", lambda names: found)


def test_pins_are_those_of_the_requirements_file():
    needed = needed_versions()
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert len(needed) == sum("==" in line for line in lines)
    assert needed["jsonargparse"].count(".") == 2
    assert installed_versions(needed) == needed


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ({"tensorflow": None}, "tensorflow is not installed for "),
        ({"rapidfuzz": None, "tqdm": None}, "rapidfuzz, tqdm are not installed for "),
        ({"keras": "3.16.0"}, "keras is 3.16.0, "),
        ({"tensorflow_text": "2.21.0"}, "tensorflow-text is 2.21.0, "),
    ],
)
def test_what_is_missing_or_of_another_version_is_named(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str | None], words: str
):
    pretend(monkeypatch, **versions)
    problem = find_problem()
    assert problem is not None
    assert problem.startswith(words)
    assert "pip install -r " in problem


def test_an_other_patch_release_elsewhere_is_no_problem_but_told_with_a_failure(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, tqdm="4.1.0")
    assert find_problem() is None
    assert other_versions() == [f"tqdm 4.1.0 in the place of {needed_versions()['tqdm']}"]


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0), (3, 8, 1)])
def test_other_pythons_are_refused(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]):
    monkeypatch.setattr(sys, "version_info", version)
    assert f"this is {'.'.join(map(str, version))}" in (find_problem() or "")


@pytest.mark.parametrize(
    ("system", "machine", "words"),
    [
        ("win32", "AMD64", "WSL"),
        ("darwin", "x86_64", "Intel"),
        ("linux", "riscv64", "none for riscv64"),
        ("linux", "aarch64", ""),
        ("darwin", "arm64", ""),
    ],
)
def test_systems_without_wheels_are_told_what_to_do(system: str, machine: str, words: str):
    problem = platform_problem(system, machine)
    assert words in problem
    assert bool(problem) == bool(words)


def test_a_python_without_the_environment_says_what_to_do():
    # -I -S: as a system's Python, which has none of the packages.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ['train']\n"
    code += "from pipeline.__main__ import main; sys.exit(main())"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, cwd="/")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: tensorflow, tensorflow-text, keras and ")
    assert "pip install -r " in result.stderr
    assert result.stderr.count("\n") == 1


def test_version_needs_nothing():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ['--version']\n"
    code += "from pipeline.__main__ import main; sys.exit(main())"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert result.returncode == 0
    assert "tensorflow missing" in result.stdout


def test_completion_has_one_pin():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (pin,) = settings["project"]["optional-dependencies"]["completion"]
    assert pin in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")


def test_what_serves_has_one_pin():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "requirements-serve.txt").read_text(encoding="utf-8").splitlines()
    pins = {line.split()[0] for line in lines if "==" in line}
    # How settings are read is among what the project needs anyway.
    assert {*settings["project"]["optional-dependencies"]["serve"], f"PyYAML=={needed_versions()['pyyaml']}"} == pins


def test_own_processes_find_this_program_before_anything_of_that_name(tmp_path: Path):
    for name in ("pipeline", "layers"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else s')")
    command = [*own_command(), "predict", "--help"]
    result = subprocess.run(command, env=own_environment(), cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: ")


@pytest.mark.slow
def test_pip_installs_the_command_with_everything_it_needs(tmp_path: Path):
    source, elsewhere = tmp_path / "source", tmp_path / "elsewhere"
    for name in ("pipeline", "layers", "benchmarks", "notebooks", "tests"):  # as in a checkout
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    elsewhere.mkdir()
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    install = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*install, str(source)], check=True, cwd=elsewhere)
    (installed,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    pages = ("answering/attention_page.html", "trust/review_page.html", "evaluation/report/page.html")
    for name in ("presets/cmudict.yaml", "presets/default.space.yaml", *pages):
        assert (installed / "pipeline" / name).read_bytes() == (ROOT / "pipeline" / name).read_bytes()

    def attentif(*argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | changes
        command = [programs / "attentif", *argv]
        return subprocess.run(command, env=environment, cwd=elsewhere, capture_output=True, text=True)

    alone = attentif("train")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert f"pip install 'tensorflow=={needed_versions()['tensorflow']}' " in alone.stderr
    assert "'jsonargparse[signatures]==" in alone.stderr
    packages = sysconfig.get_path("purelib")
    assert attentif("--help", PYTHONPATH=packages).stdout.startswith("usage: attentif ")
    (elsewhere / "layers.py").write_text("raise ImportError('somebody else s')")
    (elsewhere / "pairs.tsv").write_text("".join(f"{'ab' * n}\t{'ba' * n}\n" for n in range(1, 40)))
    settings = ["--model.units=8", "--train.epochs=1", "--train.min_epoch_tokens=100", "--text.target_tokenizer=char"]
    trained = attentif("train", "--data.train=pairs.tsv", "--run=run", *settings, PYTHONPATH=packages)
    assert trained.returncode == 0, trained.stderr
    assert (elsewhere / "run" / "export").is_dir()
