"""What exports answer a program in C, `answer.c`, which is compiled with the libraries of TensorFlow's package."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf import saved_model_pb2

from pipeline.saved_models.export_info import EXPORT_INFO, GRAPH

SOURCE = Path(__file__).with_name("answer.c")
# What the program prints as it is.
PLAIN = {chr(byte) for byte in range(32, 127)} - {"\\"}


def compile_program(folder: Path, source: Path = SOURCE, flags: Sequence[str] = ()) -> Path:
    """Compile a program into a folder; needs gcc."""
    libraries, program = tf.sysconfig.get_lib(), folder / source.stem
    linking = [f"-L{libraries}", f"-Wl,-rpath,{libraries}"]
    linking += [f"-l:{name}" for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")]
    command = ["gcc", "-Wall", "-Werror", *flags, f"-I{tf.sysconfig.get_include()}", str(source), *linking]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def signatures_of(export: Path) -> Mapping[str, Any]:
    """What the graph of an export calls its inputs and outputs, by signature."""
    saved = saved_model_pb2.SavedModel.FromString((export / GRAPH).read_bytes())
    signatures: Mapping[str, Any] = saved.meta_graphs[0].signature_def
    return signatures


def libraries_named(export: Path) -> list[str]:
    """Those of tensorflow-text's libraries that an export says it needs."""
    folder = Path(tensorflow_text.__file__).parent / "python" / "ops"
    named = json.loads((export / EXPORT_INFO).read_text(encoding="utf-8"))["custom_operations"]
    return [str(folder / name) for name in named]


def answer(
    program: Path, export: Path, given: Mapping[str, str], libraries: Iterable[str], fast: bool = False
) -> dict[str, dict[str, str]]:
    """By signature and output, the first element as the program prints it.

    Args:
        program: From `compile_program`.
        export: Its folder.
        given: A string for every input of the signatures, by name.
        libraries: That it loads before.
        fast: Leave graphs as they are.

    Raises:
        subprocess.CalledProcessError: The program failed; `stderr` says why.
    """
    signatures = {name: of for name, of in signatures_of(export).items() if not name.startswith("__")}
    outputs = {name: sorted(of.outputs) for name, of in signatures.items()}
    calls = [_call(signatures[name], given, names) for name, names in outputs.items()]
    arguments = [part for call in calls for part in ("--", *call)][1:]
    command = [str(program), str(export), ",".join(libraries), *arguments]
    environment = {**os.environ, **({"ANSWER_FAST": "1"} if fast else {})}
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    lines = iter(found.stdout.splitlines())
    return {name: {key: next(lines) for key in names} for name, names in outputs.items()}


def _call(signature: Any, given: Mapping[str, str], outputs: Sequence[str]) -> list[str]:
    inputs = [f"{'+' * (len(of.tensor_shape.dim) - 1)}{of.name}={given[name]}" for name, of in signature.inputs.items()]
    return [*inputs, *(signature.outputs[name].name for name in outputs)]


def difference(expected: Any, line: str) -> float:
    """Of what was printed from a value; infinite if strings, counts or flags are others."""
    if isinstance(expected, bytes):
        same = line == "".join(chr(byte) if chr(byte) in PLAIN else f"\\x{byte:02x}" for byte in expected)
        return 0.0 if same else float("inf")
    if isinstance(expected, float):
        return 0.0 if float(line) == expected else abs(float(line) - expected)
    return 0.0 if int(line) == int(expected) else float("inf")
