"""What several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real images and weights; skip the test where it is absent."""
    folder = Path(os.environ.get("SHAPEBIAS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test data at {folder}: set SHAPEBIAS_TEST_DATA to the folder that has them")
    return folder
