"""The house: which room may import which, without circles between files, and how much stands in a room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A room of `pipeline` imports from rows above its own only; what stands at the top is a room of its own.
ROWS = [
    {"errors", "version"},
    {"unicode", "process"},
    {"stores"},
    {"files", "cluster"},
    {"settings", "pictures"},
    {"text", "runs", "pairs"},
    {"plain_text", "prepared", "remote_runs"},
    {"answering", "defaults"},
    {"runtime", "data", "search", "model"},
    {"prediction", "serving"},
    {"saved_models"},
    {"portable"},
    {"evaluation"},
    {"monitoring", "trust"},
    {"training"},
    {"study", "tuning"},
    {"improvement"},
    {"options", "preparing", "shards", "suspects"},
    {"commands"},
    {"__init__", "__main__"},
]
# The same of `layers`.
LAYER_ROWS = [
    {"keras_backend", "precision", "registration"},
    {"compiling", "decoder_state", "emissions", "guest_layer", "masks", "products"},
    {"attention", "cells", "copying", "dropout", "plain_unroll"},
    {"fast"},
    {"decoder", "encoder", "monotonic_decoder"},
    {"__init__"},
]
MOST_FILES, MOST_LINES = 15, 300
LONGER = {"layers/decoder.py": 350}
ROW = {
    package: {room: row for row, rooms in enumerate(table) for room in rooms}
    for package, table in {"layers": LAYER_ROWS, "pipeline": ROWS}.items()
}


def modules(package: str) -> dict[str, Path]:
    """Every file of a package, by the name under which it is imported."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """What a file imports: files of this project by their names, of everything else the package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in whole}
    return found


def room(module: str) -> str:
    """The folder of a package in which a module stands; of what stands at the top, its own name."""
    return [*module.split("."), "__init__"][1]


def test_layers_know_only_keras_and_tensorflow():
    standard = {"collections", "contextlib", "functools", "inspect", "json", "logging", "math", "os", "pathlib", "sys"}
    allowed = {"keras", "tensorflow", "layers", "typing", *standard}
    for path in modules("layers").values():
        assert {name.split(".")[0] for name in imported(path, {})} <= allowed, path


@pytest.mark.parametrize("package", ["layers", "pipeline"])
def test_every_room_has_a_row(package: str):
    assert {room(name) for name in modules(package)} == set(ROW[package])


@pytest.mark.parametrize("package", ["layers", "pipeline"])
def test_every_room_is_a_package(package: str):
    """One without `__init__.py` is left out of what pip installs."""
    for folder in {path.parent for path in modules(package).values()}:
        assert (folder / "__init__.py").is_file(), folder


@pytest.mark.parametrize("package", ["layers", "pipeline"])
def test_rooms_import_one_way(package: str):
    known, row = modules(package), ROW[package]
    for name, path in known.items():
        for other in imported(path, known):
            if other.split(".")[0] == package and room(other) != room(name):
                assert row[room(other)] < row[room(name)], f"{name} imports {other}, whose room comes after it"


@pytest.mark.parametrize("package", ["layers", "pipeline"])
def test_files_import_without_circles(package: str):
    known = modules(package)
    graph = {name: imported(path, known) & set(known) for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"import circle: {' → '.join((*above, name))}"
        if name not in done:
            for other in graph[name]:
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_nothing_is_called_utils():
    banned = {"utils", "helpers", "common", "misc"}
    names = {path.stem for folder in ("layers", "pipeline", "tests") for path in (ROOT / folder).rglob("*")}
    assert not names & banned


@pytest.mark.parametrize("package", ["layers", "pipeline"])
def test_no_room_is_crowded(package: str):
    for folder in {path.parent for path in modules(package).values()}:
        files = [path for path in folder.iterdir() if path.is_file()]
        assert len(files) <= MOST_FILES, f"{folder}: {len(files)} files"


@pytest.mark.parametrize("package", ["layers", "pipeline"])
def test_no_file_is_long(package: str):
    for path in modules(package).values():
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= LONGER.get(name, MOST_LINES), f"{name}: {lines} lines"
