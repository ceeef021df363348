import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import hostile_strings, soak


@pytest.mark.slow
def test_hostile_strings_find_nothing(tiny_export: Path, capsys: Any):
    with pytest.raises(SystemExit) as ended:
        hostile_strings.main([str(tiny_export), "--inputs", "60", "--largest", "260"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (ended.value.code, result["findings"]) == (0, [])
    assert result["inputs"] > 300
    assert len(result["calls"]) == 6


def test_hostile_strings_find_what_is_wrong(tiny_export: Path):
    examiner = hostile_strings.Examiner(tiny_export, 60)
    signatures = dict(examiner.loaded.signatures)
    examiner.loaded = SimpleNamespace(signatures=signatures)

    def wrong(source: tf.Tensor) -> dict[str, tf.Tensor]:
        found = signatures["n_best"](source=source)
        return {**found, "scores": found["scores"] - float(len(source)), "invalid": ~found["invalid"]}

    signatures["wrong"] = wrong
    examiner.examine("wrong", [b"ab", b"b\xff"], [b"", b""], [1])
    assert [finding.split(" is ")[0] for finding in examiner.findings] == [
        "wrong: invalid of b'ab' (2 bytes)",
        "wrong: invalid of b'b\\xff' (2 bytes)",
        "wrong, b'b\\xff': scores",
    ]


@pytest.mark.slow
def test_soak(tiny_export: Path):
    result = soak.soak(tiny_export, requests=20, threads=4, seed=1, pool=4)
    assert (result["different"], result["errors"]) == (0, [])
    assert result["requests"] >= 20
    assert len(result["memory_mib"]) == 10


def test_soak_sees_other_answers():
    answer = {"text": np.array([b"a"], object), "score": np.array([-1.0], np.float32)}
    assert soak.is_same({**answer}, answer)
    assert not soak.is_same({**answer, "text": np.array([b"b"], object)}, answer)
    assert not soak.is_same({**answer, "score": np.array([-1.01], np.float32)}, answer)
    request = soak.Request("n_best", tf.constant(["a"]), answer)
    soaking = soak.Soak(lambda signature, sources: {**answer, "score": np.array([0.0], np.float32)}, [request], 20)
    soaking.run(2, seed=1)
    assert soaking.different >= 20
