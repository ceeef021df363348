"""The direction of imports: `layers` knows only Keras and TensorFlow; `pipeline` goes one way."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent

# A module may import modules of lower rank, and of its own.
RANKS = [
    {
        "__init__",
        "environment",
        "version",
        "errors",
        "symbol_names",
        "symbol_tally",
        "file_kinds",
        "failures",
        "files",
        "installation",
        "interruption",
        "messages",
        "normal_forms",
        "quiet_tensorflow",
        "recorded_files",
        "standard_streams",
        "sudden_end",
        "symbols",
        "white_space",
        "visible",
        "fonts",
        "markdown",
        "write_failures",
    },
    {
        "bad_lines",
        "configuration",
        "settings_file",
        "space",
        "subwords",
        "text",
        "text_file",
        "tokenizers",
    },
    {"file_shape", "odd_columns", "odd_files", "odd_pairs", "odd_shapes", "pair_file"},
    {
        "batches",
        "cmudict",
        "corpus",
        "data_files",
        "length_limits",
        "metrics",
        "pair_filter",
        "significance",
        "source_subset",
        "output_files",
        "differences",
        "tokenized_corpus",
    },
    {
        "constraints",
        "losses",
        "model",
        "network",
        "penalties",
        "position_loop",
        "row_chunks",
        "sampling",
        "schedule",
        "search",
    },
    {
        "alignments",
        "attention_plot",
        "averaging",
        "best_epoch",
        "board",
        "checkpoints",
        "curves",
        "evaluation",
        "export_info",
        "loading",
        "members",
        "optimization",
        "parameters",
        "predictor",
        "own_splits",
        "pair_check",
        "known_symbols",
        "given_strings",
        "run_data",
        "run_directory",
        "run_lock",
        "saved_graph",
        "scoring",
        "string_model",
        "unknowns",
        "weights",
    },
    {
        "attention_page",
        "callbacks",
        "checkpointing",
        "odd_settings",
        "training_end",
        "dev_report",
        "divergence",
        "epoch_clock",
        "data_warnings",
        "preparation",
        "projector",
    },
    {
        "epochs",
        "export",
        "inspection",
        "training",
    },
    {
        "live_trials",
        "oracles",
        "range_edges",
        "search_result",
        "trial_tuner",
        "search_directory",
        "search_processes",
        "trial",
        "trial_report",
        "tuning",
    },
    {
        "length_figures",
        "length_report",
        "study",
        "study_directory",
        "study_processes",
    },
    {
        "__main__",
        "command_line",
        "configuration_options",
        "completion",
        "model_options",
        "settings_help",
        "suggestions",
        "parsing",
        "streaming",
        "answer_lines",
        "comparison",
        "input_check",
        "line_progress",
        "line_report",
    },
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
    standard = {"collections", "functools", "inspect", "json", "logging", "math", "os", "pathlib", "sys", "typing"}
    allowed = {"keras", "tensorflow", "layers", *standard}
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
