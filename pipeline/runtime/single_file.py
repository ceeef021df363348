"""`attentif_runtime.py`: the modules that the command of a folder is made of, joined into one file.

What the modules import of each other is left out, and what they import of others stands at the top, once. Names are
those of the modules: one that two modules have in different meanings is an error.
"""

import ast
import functools
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "pipeline"
COMMAND = "pipeline.runtime.command"
HEADER = '''"""Answers strings by a model that Attentif exported; needs Python 3.11, NumPy and the model's engine.

As a command, lines in and answers out:

    python attentif_runtime.py FOLDER [FILE|-] [--n-best K] [--json] [--prefixes] [--alignments FILE] [--threads N]

As a module:

    from attentif_runtime import Model
    [prediction] = Model("FOLDER").predict(["word"], n_best=3)
    prediction.texts, prediction.scores, prediction.attention

Made of Attentif's own modules by `pipeline.runtime.single_file`; change those.
"""

'''
# Before NumPy is imported, which has nothing to compute here for which its threads would be worth their start.
FIRST = """import os

if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""
FOOTER = """

if __name__ == "__main__":
    raise SystemExit(main())
"""


class JoiningError(Exception):
    """The modules cannot stand in one file: a matter of this project's code, not of its users."""


class _Module(NamedTuple):
    """A module as it goes into the file."""

    name: str
    body: str
    """Its code without what it imports at the top."""
    needed: list[str]
    """The modules that it imports when it is imported."""
    others: list[str]
    """What it imports of others, as statements."""
    for_types: list[str]
    """The same that only types need."""
    defined: dict[str, str]
    """The code of what it defines, by name."""


@functools.cache
def join_runtime() -> str:
    """The file's content.

    Raises:
        JoiningError: Two modules use a name differently, or one imports in a way that cannot be joined.
    """
    modules = _in_order(COMMAND)
    known = {module.name for module in modules}
    _require_distinct(modules)
    others = {statement for module in modules for statement in module.others}
    statements = sorted(others - {"import os"}, key=_import_order)
    for_types = {statement for module in modules for statement in module.for_types} - others
    parts = [HEADER, FIRST, *(f"{statement}\n" for statement in statements)]
    if for_types:
        parts += ["\nif TYPE_CHECKING:\n", *(f"    {statement}\n" for statement in sorted(for_types))]
    said: set[str] = set()
    for module in modules:
        parts.append(f"\n\n# {module.name}\n{_without_repeated(_resolve_inner(module, known), said)}")
    return "".join(parts).rstrip() + "\n" + FOOTER


def _in_order(first: str) -> list[_Module]:
    """A module and all that it needs, those first that others need."""
    found: dict[str, _Module] = {}

    def visit(name: str) -> None:
        module = _read(name)
        for other in module.needed:
            if other not in found:
                visit(other)
        found[name] = module

    visit(first)
    return list(found.values())


def _read(name: str) -> _Module:
    source = (ROOT / Path(*name.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines = source.splitlines()
    needed: list[str] = []
    others: list[str] = []
    for_types: list[str] = []
    dropped: set[int] = set()
    for node in tree.body:
        block = node.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" else None
        is_docstring = node is tree.body[0] and ast.get_docstring(tree) is not None
        if block or is_docstring or isinstance(node, ast.Import | ast.ImportFrom):
            dropped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        for statement in block or [node]:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                own = _own(statement, name)
                if own and not block:
                    needed.append(own)
                elif not own:
                    (for_types if block else others).extend(_single(statement))
    body = "\n".join(line for number, line in enumerate(lines, 1) if number not in dropped).strip("\n") + "\n"
    return _Module(name, body, needed, others, for_types, _defined(tree, source))


def _own(statement: ast.Import | ast.ImportFrom, module: str) -> str | None:
    """The module of this project that is imported, if it is one."""
    whole = [alias.name for alias in statement.names]
    names = whole if isinstance(statement, ast.Import) else [statement.module or ""]
    if not any(name.split(".")[0] == PACKAGE for name in names):
        return None
    if isinstance(statement, ast.Import) or any(alias.asname for alias in statement.names):
        raise JoiningError(f"{module}:{statement.lineno}: only `from … import name` can be joined")
    return names[0]


def _single(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """An import of one name a statement."""
    shown = [alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in statement.names]
    if isinstance(statement, ast.Import):
        return [f"import {name}" for name in shown]
    return [f"from {statement.module} import {name}" for name in shown]


def _import_order(statement: str) -> tuple[bool, str]:
    return statement.startswith("from "), statement


def _defined(tree: ast.Module, source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.body:
        code = ast.get_source_segment(source, node) or ""
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = code
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                found |= {part.id: code for part in ast.walk(target) if isinstance(part, ast.Name)}
    return found


def _require_distinct(modules: list[_Module]) -> None:
    meanings: dict[str, dict[str, str]] = defaultdict(dict)
    for module in modules:
        for name, code in module.defined.items():
            meanings[name].setdefault(code, module.name)
        for statement in module.others:
            meanings[statement.split()[-1].split(".")[0]].setdefault(statement, module.name)
    for name, places in meanings.items():
        # `import os` and `import os.path` mean the same.
        if len({code.split(".")[0] if code.startswith("import ") else code for code in places}) > 1:
            raise JoiningError(f"{name} means something else in each of {', '.join(places.values())}: rename it")


def _resolve_inner(module: _Module, known: set[str]) -> str:
    """The code, without what functions import of this project: it is there, or no part of the file.

    A function that needs more than the file has ends there with an error.
    """
    lines = module.body.splitlines()
    for function in [node for node in ast.walk(ast.parse(module.body)) if isinstance(node, ast.FunctionDef)]:
        for node in function.body:
            if isinstance(node, ast.Import | ast.ImportFrom) and (own := _own(node, module.name)):
                end = node if own in known else function.body[-1]
                wrong = f'raise ImportError("{own} is no part of this file: install Attentif for it")'
                shown = [] if own in known else [" " * node.col_offset + wrong]
                number = (end.end_lineno or end.lineno) - node.lineno + 1
                lines[node.lineno - 1 : node.lineno - 1 + number] = shown + [""] * (number - len(shown))
                break
    return "\n".join(lines) + "\n"


def _without_repeated(body: str, said: set[str]) -> str:
    """The code without assignments that stand in the file already, as those of loggers."""
    lines, dropped = body.splitlines(), set[int]()
    for node in ast.parse(body).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            code = ast.get_source_segment(body, node) or ""
            if code in said:
                dropped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            said.add(code)
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in dropped).strip("\n") + "\n"
