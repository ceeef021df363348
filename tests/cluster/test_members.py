"""Who trains together: TF_CONFIG and SLURM's variables, as the software of clusters sets them."""

import json

import pytest

from pipeline.cluster.members import Members, find_members
from pipeline.errors import UsageError


def config(cluster: object, role: str = "worker", index: int = 0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})}


def test_a_process_without_any_word_trains_alone():
    assert find_members({}) is None
    assert find_members({"TF_CONFIG": ""}) is None
    assert find_members({"TF_CONFIG": "{}"}) is None
    assert find_members(config({"worker": ["a:1"]})) is None


def test_workers_have_their_index_as_rank():
    found = find_members(config({"worker": ["a:1", "b:1"]}, index=1))
    assert found == Members(1, ("a:1", "b:1"), "TF_CONFIG")


@pytest.mark.parametrize("leader", ["chief", "master"])
def test_a_chief_leads(leader: str):
    cluster = {"worker": ["b:1"], leader: ["a:1"]}
    assert find_members(config(cluster, leader)) == Members(0, ("a:1", "b:1"), "TF_CONFIG")
    assert find_members(config(cluster)) == Members(1, ("a:1", "b:1"), "TF_CONFIG")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TF_CONFIG": "worker"}, "TF_CONFIG: cannot be read"),
        ({"TF_CONFIG": "[1]"}, "TF_CONFIG: cannot be read"),
        (config({"worker": 5}), "TF_CONFIG: cannot be read"),
        (config({"worker": ["a:1", "b:1"], "ps": ["c:1"]}), "ps is impossible"),
        (config({"worker": ["a:1", "b:1"], "evaluator": ["c:1"]}, "evaluator"), "leave it out"),
        (config({"worker": ["a:1", "b:1"]}, index=2), "task worker 2 is not in its cluster"),
        (config({"worker": ["a:1", "b:1"]}, role=""), "task without a type 0 is not in its cluster"),
        (config({"worker": ["a:1", "a:1"]}), "same address"),
    ],
)
def test_what_cannot_be_is_refused(environment: dict[str, str], message: str):
    with pytest.raises(UsageError, match=message):
        find_members(environment)


SLURM = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "n[1-2]",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
}


def test_a_step_of_slurm(monkeypatch: pytest.MonkeyPatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    found = find_members(SLURM)
    assert found is not None
    assert (found.rank, len(found.addresses), found.said_by) == (3, 4, "SLURM")
    assert [address.partition(":")[0] for address in found.addresses] == ["n1", "n1", "n2", "n2"]
    assert len(set(found.addresses)) == 4


def test_a_batch_script_of_slurm_is_one_process():
    assert find_members({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None


def test_a_step_of_slurm_that_cannot_be_read():
    with pytest.raises(UsageError, match="srun"):
        find_members({"SLURM_STEP_NUM_TASKS": "4"})
