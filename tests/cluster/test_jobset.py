"""The manifest for Kubernetes: what its shell makes of a pod's number is what a worker reads."""

import os
import subprocess
from pathlib import Path

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
