"""Which processes train together, and which of them this one is: what a cluster's software says, without TensorFlow."""

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.errors import UsageError

logger = logging.getLogger(__name__)

TF_CONFIG = "TF_CONFIG"
"""As Kubernetes' TFJob, Vertex AI and Ray Train set it; an Indexed Job's or JobSet's manifest can set it."""
SLURM_TASKS = "SLURM_STEP_NUM_TASKS"
"""Only in what `srun` starts: a batch script alone has the tasks' number too, but is one process."""
SLURM_PORT = 20_717


class Members(NamedTuple):
    """The processes of a training."""

    rank: int
    """Which of them this one is; 0 leads, and alone writes the run."""
    addresses: tuple[str, ...]
    """`host:port` of all, by rank."""
    said_by: str
    """Where this was found, for messages."""


def find_members(environment: Mapping[str, str]) -> Members | None:
    """What the environment says; None where this process is to train alone.

    Args:
        environment: `os.environ`.

    Raises:
        UsageError: It cannot be read, or has roles that this training has not.

    Example:
        >>> tasks = {"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "task": {"type": "worker", "index": 1}}
        >>> find_members({"TF_CONFIG": json.dumps(tasks)})
        Members(rank=2, addresses=('a:1', 'b:1', 'c:1'), said_by='TF_CONFIG')
        >>> find_members({"SLURM_NTASKS": "2"}) is None
        True
    """
    found = None
    if environment.get(TF_CONFIG, "").strip():
        found = _of_tf_config(environment[TF_CONFIG])
    elif environment.get(SLURM_TASKS, "1") not in ("", "1"):
        found = _of_slurm(environment)
    if found is None or len(found.addresses) < 2:
        return None
    if len(set(found.addresses)) < len(found.addresses):
        raise UsageError(f"{found.said_by}: two workers have the same address, {', '.join(found.addresses)}")
    return found


def _of_tf_config(text: str) -> Members | None:
    try:
        said = json.loads(text)
        cluster: dict[str, Any] = said.get("cluster") or {}
        task: dict[str, Any] = said.get("task") or {}
        role, index = str(task.get("type", "")), int(task.get("index", 0))
        roles = {name: [str(address) for address in addresses] for name, addresses in cluster.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f'{TF_CONFIG}: cannot be read ({error}); it looks like {{"cluster": {{"worker": ["host:port", …]}}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from None
    if not roles:
        return None
    for name in roles:
        if name not in ("chief", "master", "worker", "evaluator"):
            raise UsageError(
                f"{TF_CONFIG}: {name} is impossible; workers exchange gradients among themselves: chief, worker"
            )
    if role == "evaluator":
        raise UsageError(
            f"{TF_CONFIG}: this process is the evaluator, whose work the training does itself; leave it out"
        )
    leaders = [name for name in ("chief", "master") if name in roles]
    order = [(name, place) for name in (*leaders, "worker") for place in range(len(roles.get(name, [])))]
    if (role, index) not in order:
        raise UsageError(f"{TF_CONFIG}: task {role or 'without a type'} {index} is not in its cluster")
    return Members(order.index((role, index)), tuple(roles[name][place] for name, place in order), TF_CONFIG)


def _of_slurm(environment: Mapping[str, str]) -> Members:
    """By TensorFlow's own reader of SLURM's variables, whose looks for GPUs are not needed and fail without them."""
    import tensorflow as tf

    try:
        each = environment["SLURM_STEP_TASKS_PER_NODE"].partition("(")[0].partition(",")[0]
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=SLURM_PORT, gpus_per_node=int(each), gpus_per_task=1, auto_set_gpu=False, rpc_layer="grpc"
        )
        addresses = resolver.cluster_spec().as_dict()["worker"]
        rank = int(environment["SLURM_PROCID"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"SLURM's variables of this step cannot be read ({error}); start the workers with srun, as "
            "many on every node"
        ) from None
    return Members(rank, tuple(addresses), "SLURM")
