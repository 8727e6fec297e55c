"""Stored rank correlations, stage by stage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shapebias.metrics.sanity import Sanity
from shapebias.plugins.in_memory import InMemoryResults, InMemoryValues


def test_one_row_for_each_stage():
    similar = np.random.default_rng(0).uniform(-1, 1, (30, 4)).astype(np.float32)
    cell = InMemoryValues({"spearman": similar}, tuple(map(str, range(30))), probe="randomization")
    other = InMemoryValues({"auc": np.ones(3)}, tuple("abc"))
    results = InMemoryResults(values=[cell, other])
    table = Sanity()(results)
    assert table["randomized"].tolist() == [0.25, 0.5, 0.75, 1]
    assert table["value"].tolist() == pytest.approx(similar.mean(axis=0).tolist(), abs=1e-6)
    assert (table["n"] == 30).all()
    pd.testing.assert_frame_equal(table, Sanity()(results.shuffled(1)))
    assert "randomization" in Sanity()(InMemoryResults()).attrs["note"]
