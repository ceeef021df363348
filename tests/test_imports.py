"""The direction of imports: `layers` knows only Keras and TensorFlow; `pipeline` goes one way."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent

# A module may import modules of lower rank, and of its own.
RANKS = [
    {"__init__", "errors", "files", "symbols", "interruption", "white_space", "normal_forms", "write_failures"},
    {"configuration", "bad_lines", "text_file", "settings_file", "space", "tokenizers", "subwords", "text"},
    {"cmudict", "corpus", "pair_filter", "tokenized_corpus", "batches", "metrics", "significance"},
    {
        "model",
        "network",
        "losses",
        "search",
        "constraints",
        "penalties",
        "position_loop",
        "row_chunks",
        "sampling",
        "schedule",
    },
    {
        "run_directory",
        "string_model",
        "predictor",
        "saved_graph",
        "export_info",
        "loading",
        "evaluation",
        "scoring",
        "alignments",
        "attention_plot",
        "averaging",
        "parameters",
        "unknowns",
        "checkpoints",
        "curves",
        "board",
        "best_epoch",
        "run_lock",
        "weights",
        "members",
        "optimization",
    },
    {
        "callbacks",
        "checkpointing",
        "divergence",
        "epoch_clock",
        "preparation",
        "projector",
        "attention_page",
        "dev_report",
    },
    {"epochs", "export", "training", "inspection"},
    {"oracles", "trial", "trial_report", "search_directory", "search_processes", "tuning"},
    {"study_directory", "study_processes", "length_figures", "length_report", "study"},
    {"configuration_options", "parsing", "streaming", "command_line", "__main__"},
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names} if module == "pipeline" else {module}
    return found


def test_layers_know_only_keras_and_tensorflow():
    allowed = {"keras", "tensorflow", "layers", "logging", "collections", "functools", "typing", "math"}
    for path in (ROOT / "layers").glob("*.py"):
        assert {name.split(".")[0] for name in imported(path)} <= allowed, path


def test_every_module_of_pipeline_has_a_rank():
    assert {path.stem for path in (ROOT / "pipeline").glob("*.py")} == set(RANK)


def test_pipeline_imports_go_one_way():
    for path in (ROOT / "pipeline").glob("*.py"):
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "pipeline" and parts[-1] in RANK:
                assert RANK[parts[-1]] <= RANK[path.stem], f"{path.stem} imports {parts[-1]}, which comes after it"


def test_pipeline_has_no_import_cycle():
    graph = {
        path.stem: {name.split(".")[1] for name in imported(path) if name.startswith("pipeline.")} & set(RANK)
        for path in (ROOT / "pipeline").glob("*.py")
    }
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"import cycle: {' → '.join((*above, name))}"
        if name not in done:
            for other in graph[name] - {"__init__"}:
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_nothing_is_called_utils():
    banned = {"utils", "helpers", "common", "misc"}
    names = {path.stem for folder in ("layers", "pipeline", "tests") for path in (ROOT / folder).rglob("*")}
    assert not names & banned
