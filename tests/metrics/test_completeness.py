"""Completeness: a ratio of means, its interval, and what it says of quadrature with more steps."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import shapebias as sb
from shapebias.metrics.completeness import Completeness
from shapebias.plugins.in_memory import InMemoryMaps, InMemoryResults


def maps(extras, **cell):
    """Maps of one pixel with these extras."""
    empty = np.zeros((len(extras["difference"]) if "difference" in extras else 0, 1, 1), np.float32)
    return InMemoryMaps(empty, extras=extras, **({"saliency": "integrated-gradients"} | cell))


def stored(n=80, **cell):
    rng = np.random.default_rng(0)
    difference = rng.normal(5, 2, n).astype(np.float32)
    extras = {"completeness_error": 0.1 * rng.normal(0, 1, n), "difference": difference}
    return maps(extras, **cell)


def sizes(cell):
    return [np.abs(cell.extras[name].astype(np.float64)) for name in ("completeness_error", "difference")]


def test_ratio_and_interval():
    cell = stored()
    errors, differences = sizes(cell)
    (row,) = Completeness()(InMemoryResults(maps=[cell])).to_dict("records")
    assert row["value"] == pytest.approx(errors.mean() / differences.mean())

    def ratio(errors, differences, axis):
        return errors.mean(axis) / differences.mean(axis)

    options = {"paired": True, "vectorized": True, "method": "percentile", "rng": np.random.default_rng(1)}
    wanted = stats.bootstrap((errors, differences), ratio, **options).confidence_interval
    assert (row["low"], row["high"]) == pytest.approx(tuple(wanted), rel=0.03)
    assert (row["n"], row["saliency"], row["metric"]) == (80, "integrated-gradients", "completeness")


def test_methods_without_an_error_have_no_row():
    results = InMemoryResults(maps=[maps({}, saliency="gradient"), stored(eps=0.1, condition="pgd")])
    assert Completeness()(results)[["saliency", "eps"]].to_numpy().tolist() == [["integrated-gradients", 0.1]]
    assert "completeness error" in Completeness()(InMemoryResults(maps=[maps({})])).attrs["note"]


def test_the_order_of_the_images_does_not_matter():
    cell, order = stored(), np.random.default_rng(1).permutation(80)
    other = attrs.evolve(cell, extras={name: array[order] for name, array in cell.extras.items()})
    pd.testing.assert_frame_equal(
        Completeness()(InMemoryResults(maps=[cell])), Completeness()(InMemoryResults(maps=[other]))
    )


def test_where_nothing_is_shared_out_there_is_no_ratio():
    nothing = maps({"completeness_error": np.zeros(3), "difference": np.zeros(3)})
    (row,) = Completeness()(InMemoryResults(maps=[nothing])).to_dict("records")
    assert np.isnan(row["value"])


def test_more_steps_are_more_complete(tmp_path):
    methods = {f"{steps} steps": f"integrated-gradients:steps={steps}" for steps in (1, 64)}
    study = sb.Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4,depth=2", saliency=methods)
    with sb.run(study, tmp_path / "run.h5", device="cpu") as results:
        few, many = results.metric("completeness").value
    assert few > 5 * many
    assert many < 0.05


def test_no_difference_to_attribute_is_undefined_and_noted():
    table = Completeness()(InMemoryResults(maps=[maps({"completeness_error": np.zeros(2), "difference": np.zeros(2)})]))
    assert np.isnan(table["value"].item())
    assert table["n"].item() == 0
    assert "nothing to attribute" in table.attrs["note"]


def test_images_without_a_map_are_left_out():
    extras = {"completeness_error": np.array([0.5, np.nan]), "difference": np.array([2.0, np.nan])}
    table = Completeness()(InMemoryResults(maps=[maps(extras)]))
    assert (table["value"].item(), table["n"].item()) == (0.25, 1)
