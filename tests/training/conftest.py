"""What the tests of training share."""

from __future__ import annotations

import pytest

from shapebias.training.loop import train


@pytest.fixture
def trained(tmp_path):
    """Train a recipe into a separate file, and return the result."""
    made = []

    def run(recipe, **how):
        made.append(recipe)
        return train(recipe, tmp_path / f"{len(made)}.safetensors", **how)

    return run
