"""What runs a model file: LiteRT or ONNX Runtime, behind one call from ids to arrays.

Both compute what the file says with operations of their own, and load no code for it: no library of operations, no
delegate from elsewhere.
"""

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from pipeline.errors import DataError, UsageError
from pipeline.process.standard_streams import divert_stderr

SOURCE, PREFIX = "source", "prefix"
LITERT, ONNX_RUNTIME = "ai-edge-litert", "onnxruntime"
OUTPUTS = ("tokens", "scores", "rank_scores", "lengths", "limited", "attention")
Arrays = Mapping[str, np.ndarray]


class Engine(Protocol):
    """A search for the outputs of one source."""

    def run(self, source: np.ndarray, prefix: np.ndarray) -> Arrays:
        """Ids to outputs.

        Args:
            source: `[1, S]` int32, closed by the end symbol.
            prefix: `[1, P]` int32, what the outputs begin with, padded by 0; `[[0]]` leaves them free.

        Returns:
            Of K outputs, best first: tokens `[K, T]`, scores, rank_scores, lengths and limited `[K]`, attention
            `[K, T, S]`; where the file has them, also attention_heads `[heads, T, S]` of the best.
        """


class LiteRT:
    """A `.tflite` file.

    Args:
        path: The file.
        threads: Of one run.

    Raises:
        UsageError: The package is not installed.
        DataError: The file is none, or needs what LiteRT has not.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        interpreter = _import_package("ai_edge_litert.interpreter", LITERT)
        # A run holds its tensors in the interpreter: one at a time.
        self._turn = threading.Lock()
        try:
            # Without the note that its compiled code writes when it begins; an error is raised besides.
            with divert_stderr(lambda: os.open(os.devnull, os.O_WRONLY)):
                self._interpreter = interpreter.Interpreter(str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
            [name] = self._interpreter.get_signature_list()
            self._search = self._interpreter.get_signature_runner(name)
            names = set(self._search.get_input_details()), set(self._search.get_output_details())
        except (ValueError, RuntimeError) as error:
            raise _damaged(path, error) from error
        _require_names(path, *names)

    def run(self, source: np.ndarray, prefix: np.ndarray) -> Arrays:
        """See `Engine`."""
        with self._turn:
            return self._search(source=source, prefix=prefix)


class OnnxRuntime:
    """An `.onnx` file.

    Args:
        path: The file.
        threads: Of one run.

    Raises:
        UsageError: The package is not installed.
        DataError: The file is none, or needs what ONNX Runtime has not.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        runtime = _import_package("onnxruntime", ONNX_RUNTIME)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 4  # what it cannot do, it raises
        # Memory is taken as it is needed: sources differ in length.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no class in common but this
            raise _damaged(path, error) from error
        self._names = [output.name for output in self._session.get_outputs()]
        _require_names(path, {given.name for given in self._session.get_inputs()}, set(self._names))

    def run(self, source: np.ndarray, prefix: np.ndarray) -> Arrays:
        """See `Engine`."""
        try:
            found = self._session.run(self._names, {SOURCE: source, PREFIX: prefix})
        except Exception as error:
            raise RuntimeError(str(error)) from error
        return dict(zip(self._names, found, strict=True))


class EngineKind(NamedTuple):
    """A row of the table."""

    file: str
    """The model's name in a folder."""
    package: str
    """What pip installs for it."""
    precisions: tuple[str, ...]
    """Of the weights that its files may have; the first is the usual one."""
    open: Callable[[Path, int], Engine]
    """From the file and a number of threads."""


ENGINES = {
    "litert": EngineKind("model.tflite", LITERT, ("float32", "float16", "int8"), LiteRT),
    "onnx": EngineKind("model.onnx", ONNX_RUNTIME, ("float32",), OnnxRuntime),
}


def _import_package(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or "").split(".")[0] == module.split(".")[0]
        wrong = "is not installed" if missing else f"cannot be imported ({error})"
        raise UsageError(f"{package}, which runs this model, {wrong}: python -m pip install {package}") from error


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:300]
    return DataError(f"{path}: no model that can be run here ({reason}); export it again")


def _require_names(path: Path, inputs: set[str], outputs: set[str]) -> None:
    missing = [name for name in OUTPUTS if name not in outputs]
    if inputs != {SOURCE, PREFIX} or missing:
        wrong = f"its inputs are {sorted(inputs)}" if inputs != {SOURCE, PREFIX} else f"it lacks {missing[0]}"
        raise DataError(f"{path}: no model of an export ({wrong}); export it again")
