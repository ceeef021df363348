"""TensorFlow's C++ session under the load of `benchmarks.server_load`: compiles `session_load.c`, and runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.load_clients import Load, quantiles, requests_of

CODE = Path(__file__).with_name("session_load.c")
FLAGS = ("-O2", "-D_GNU_SOURCE", "-pthread")


def arguments_of(export: Path) -> list[str]:
    """The export, the libraries that it needs, and the names of `serving_default` in its graph."""
    from benchmarks.c_answers import libraries_named, signatures_of

    signature = signatures_of(export)["serving_default"]
    outputs = [signature.outputs[name].name for name in ("text", "score")]
    return [str(export), ",".join(libraries_named(export)), signature.inputs["source"].name, *outputs]


def measure_session(run: Path, answers: Mapping[str, bytes], loads: Sequence[Load], scratch: Path) -> dict[str, Any]:
    """What the clients of the server would have seen of it.

    Args:
        run: Is exported as a SavedModel.
        answers: What the server says of each word.
        loads: Of each client, a thread here.
        scratch: An empty directory.
    """
    from benchmarks.c_answers import compile_program

    export = scratch / "saved_model"
    command = [sys.executable, "-m", "pipeline", "export", str(run), str(export)]
    subprocess.run(command, check=True, capture_output=True)
    words = list(answers)
    asked = [request for load in loads for request in requests_of(load, words)]
    lines = "".join("\t".join(request) + "\n" for request in asked)
    program = [str(compile_program(scratch, CODE, FLAGS)), *arguments_of(export), str(len(loads))]
    told, said = scratch / "told", scratch / "said"
    told.write_text(lines, encoding="utf-8")
    with open(told, "rb") as given, open(said, "wb") as found:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.Popen(program, stdin=given, stdout=found, stderr=subprocess.PIPE, env=environment)
        assert process.stderr
        errors = process.stderr.read().decode()
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the session failed: {errors[-500:]}")
    texts = {word: json.loads(answer)["predictions"][0]["text"] for word, answer in answers.items()}
    taken, others = [], 0
    for request, line in zip(asked, said.read_text(encoding="utf-8").splitlines(), strict=True):
        first, *shown = line.split("\t")
        taken.append(float(first))
        others += sum(text != texts[word] for word, text in zip(request, shown, strict=True))
    seconds, strings = float(errors.split()[-1]), sum(map(len, asked))
    return {
        "requests": len(asked),
        "strings": strings,
        "seconds": round(seconds, 1),
        **quantiles(taken),
        "requests/s": round(len(asked) / seconds, 1),
        "strings/s": round(strings / seconds, 1),
        "other strings": others,
        "ms/string": round(1000 * (used.ru_utime + used.ru_stime) / strings, 3),
        "MiB at most": round(used.ru_maxrss / 1024, 1),
    }
