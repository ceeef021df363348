"""What a run says it was made on."""

import importlib.metadata
import os
import platform

from pipeline.process.environment import describe_environment, describe_other_versions


def test_versions_of_everything():
    found = describe_environment()
    assert found["versions"]["tensorflow"] == importlib.metadata.version("tensorflow")
    assert found["python"] == platform.python_version()
    assert found["processors"] == os.cpu_count()
    assert set(found["versions"]) >= {"keras", "tensorflow-text", "numpy", "keras-tuner", "sentencepiece"}


def test_only_what_results_depend_on_is_a_difference():
    now = describe_environment()
    assert describe_other_versions(now, now) == []
    assert describe_other_versions({**now, "processors": 999, "threads": {}, "platform": "another kernel"}, now) == []
    other = {**now, "attentif": "0.0.1", "machine": "m68k", "versions": {**now["versions"], "numpy": None}}
    assert [sentence.split(" was ")[0] for sentence in describe_other_versions(other, now)] == [
        *("attentif", "machine", "numpy")
    ]
    # An earlier version noted less.
    assert describe_other_versions({"attentif": now["attentif"]}, now) == []
