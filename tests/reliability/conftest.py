"""What several tests of this folder share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from forked_runs import forked_runs


@pytest.fixture(scope="package")
def forked():
    """Run commands in forks of one warm process."""
    with forked_runs() as runs:
        yield runs


@pytest.fixture
def memory_disk():
    """A folder in memory where the system has one: what is killed needs no disk, and to sync one takes long."""
    in_memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    usable = in_memory.is_dir() and os.access(in_memory, os.W_OK)
    with tempfile.TemporaryDirectory(dir=in_memory if usable else None) as folder:
        yield Path(folder)
