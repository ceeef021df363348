"""How this process joins the others of its training; to be done before anything else is asked of TensorFlow."""

import logging
import os

from pipeline.cluster.cluster import ALONE, Cluster, Workers
from pipeline.cluster.members import find_members

logger = logging.getLogger(__name__)


def join_cluster() -> Cluster:
    """The cluster that the environment names, when all of it is there; alone where it names none.

    Raises:
        UsageError: What it says cannot be used.
    """
    members = find_members(os.environ)
    if members is None:
        return ALONE
    logger.info(
        "%s: worker %d of %d; waiting for all of them (%s)",
        members.said_by,
        members.rank,
        len(members.addresses),
        ", ".join(members.addresses),
    )
    cluster = Workers(members)
    if cluster.rank:
        # What there is to say of the training the leader says.
        logging.getLogger("pipeline").setLevel(logging.WARNING)
    return cluster
