"""Studies on a cluster of two nodes: the same results as here, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import shapebias as sb
from shapebias.testing import conformance
from torch import nn

NETWORK = "cnn:num_classes=8,width=2,depth=2"
STUDY = sb.Study(
    "stimuli:cue=conflict,images=24,size=32",
    {"one": NETWORK, "two": f"{NETWORK},seed=1"},
    ["clean", "patch-shuffle:k=2", "grayscale+pgd:eps=4/255,steps=2"],
    "gradient",
)


def same(found, wanted):
    """Check that two stores have equal cells and equal answers."""
    assert [cell.record for cell in found.store.cells()] == [cell.record for cell in wanted.store.cells()]
    for cell, other in zip(found.store.cells(), wanted.store.cells(), strict=True):
        assert (cell.status, cell.names) == (other.status, other.names)
        np.testing.assert_array_equal(cell.rows, other.rows)
        for name in cell.names:
            np.testing.assert_allclose(cell.array(name), other.array(name), atol=1e-5)


@pytest.fixture(scope="session")
def wanted(tmp_path_factory):
    return sb.run(STUDY, tmp_path_factory.mktemp("local") / "run.h5", device="cpu")


@pytest.fixture
def executor(cluster):
    return f"ray:address='{cluster.address}',patience=60"


def test_a_study_is_the_same_as_here(cluster, executor, wanted, tmp_path):
    seen = []
    found = sb.run(STUDY, tmp_path / "run.h5", device="cpu", executor=executor, progress=seen.append)
    same(found, wanted)
    assert found.store.header.device.startswith("Ray 2")
    assert "2 workers of 1 CPU on 2 nodes" in found.store.header.device
    assert (seen[-1].done, seen[-1].cells_done) == (seen[-1].total, seen[-1].cells)
    assert {each.workers for each in seen} == {2}


def test_a_worker_that_is_killed_in_a_cell_is_replaced(cluster, executor, wanted, tmp_path):
    plugins = write_plugin(tmp_path, KILLED_ONCE)
