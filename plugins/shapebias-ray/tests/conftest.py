"""A cluster of two nodes with one CPU core each, on this machine; this process is connected to it."""

from __future__ import annotations

import os

import pytest

from shapebias.plugin import default_catalog

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
_NODE = {"num_cpus": 1, "object_store_memory": 120 * 2**20}


@pytest.fixture(scope="session")
def cluster():
    """Ray's own cluster for tests; ``add_node`` and ``remove_node`` change it."""
    import ray
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={**_NODE, "include_dashboard": False})
    found.add_node(**_NODE)
    found.wait_for_nodes()
    ray.init(found.address, log_to_driver=False, logging_level="ERROR")
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def executor(cluster):
    """The executor of this cluster."""
    return f"ray:address='{cluster.address}',patience=600"


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """A function that writes a one-file plugin, which the catalog then has."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", str(folder))

    def write(name, code):
        (folder / f"{name}.py").write_text(code)
        default_catalog.cache_clear()

    yield write
    monkeypatch.delenv("SHAPEBIAS_PLUGINS_DIR")
    default_catalog.cache_clear()


@pytest.fixture
def add_node(cluster):
    """A function that adds a node to the cluster."""
    return lambda: cluster.add_node(**_NODE)
