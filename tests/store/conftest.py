"""Stores made of the formulas in ``store_samples``."""

from __future__ import annotations

import pytest
import store_samples as samples

from shapebias.store import Store


@pytest.fixture(params=["parts", "packed", "both"])
def any_store(request, tmp_path):
    """The same store: as parts, as one file, and half of each."""
    path = tmp_path / "run.h5"
    parts = samples.everything()
    half = len(parts) // 2
    with samples.Writer(path, samples.HEADER) as writer:
        for one in parts[:half]:
            samples.put(writer, one)
        if request.param == "both":
            writer.pack()
        for one in parts[half:]:
            samples.put(writer, one)
        if request.param == "packed":
            writer.pack()
    with Store(path) as store:
        yield store


@pytest.fixture
def packed(tmp_path):
    """The path of a packed store."""
    samples.write_all(tmp_path / "run.h5", pack=True)
    return tmp_path / "run.h5"
