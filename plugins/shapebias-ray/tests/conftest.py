"""A cluster of two nodes with one CPU core each, on this machine; Ray gives a worker the whole of a node."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
_NODE = {"num_cpus": 1, "object_store_memory": 120 * 2**20}


@pytest.fixture(scope="session")
def cluster():
    """Ray's own cluster for tests; ``add_node`` and ``remove_node`` change it."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={**_NODE, "include_dashboard": False})
    found.add_node(**_NODE)
    found.wait_for_nodes()
    yield found
    found.shutdown()


@pytest.fixture
def address(cluster):
    """The text that names the cluster, with its two workers."""
    return f"'{cluster.address}'"
