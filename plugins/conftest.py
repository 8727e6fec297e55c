"""What the tests of all packages share."""

import numpy as np
import pytest
import torch
from hypothesis import settings

# As in tests/conftest.py.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _same_random_numbers_in_every_run() -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries draw from it
