"""The manifest for Kubernetes: what its shell makes of a pod's number is what a worker reads."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.cluster.members import find_members

MANIFEST = Path(__file__).parents[2] / "docs" / "examples" / "jobset.yaml"


def test_every_pod_finds_itself_among_all():
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    name, subdomain = manifest["metadata"]["name"], manifest["spec"]["network"]["subdomain"]
    [jobs] = manifest["spec"]["replicatedJobs"]
    job = jobs["template"]["spec"]
    [container] = job["template"]["spec"]["containers"]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    assert int(variables["WORKERS"]) == job["completions"] == job["parallelism"]
    script, exec_, _ = container["args"][0].partition("exec ")
    assert exec_
    for index in range(job["completions"]):
        environment = {**os.environ, **variables, "JOB_COMPLETION_INDEX": str(index)}
        command = [*container["command"], script + 'printf %s "$TF_CONFIG"']
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        found = find_members({"TF_CONFIG": said})
        assert found is not None
        assert found.rank == index
        port = container["ports"][0]["containerPort"]
        hosts = [f"{name}-{jobs['name']}-0-{pod}.{subdomain}:{port}" for pod in range(job["completions"])]
        assert list(found.addresses) == hosts


JOBSET_FIELDS = {
    "network": {"enableDNSHostnames": bool, "publishNotReadyAddresses": bool, "subdomain": str},
    "failurePolicy": {"maxRestarts": int, "restartStrategy": str, "rules": list},
    "replicatedJobs": {"name": str, "replicas": int, "template": dict},
}
"""What jobset.x-k8s.io/v1alpha2 calls the parts that the manifest uses."""


def test_its_fields_are_those_of_a_jobset():
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert (manifest["apiVersion"], manifest["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(manifest["spec"]) <= set(JOBSET_FIELDS)
    for part, fields in JOBSET_FIELDS.items():
        found = manifest["spec"][part]
        for entry in found if isinstance(found, list) else [found]:
            assert {name: type(value) for name, value in entry.items()}.items() <= fields.items()


def test_its_job_is_one_by_the_schema_of_kubernetes():
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate: requirements-dev.txt has it")
    [jobs] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["spec"]["replicatedJobs"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": jobs["name"]}, **jobs["template"]}
    validate.validate(job, validate.latest_version(), strict=True)
    job["spec"]["template"]["spec"]["containers"][0]["image_"] = "mistyped"
    with pytest.raises(validate.ValidationError):
        validate.validate(job, validate.latest_version(), strict=True)
