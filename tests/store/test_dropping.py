"""Cells are removed, others are not changed, packed or not; and the message if nothing matches."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Part, Results, Writer, drop, rename, verify


@pytest.fixture(params=[True, False], ids=["packed", "in parts"])
def run(request, tmp_path):
    """Two models on clean images, one of them also under a transform, and one that only ever failed."""
    path, rows = tmp_path / "run.h5", samples.PARTS[0]
    with Writer(path, samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(rows, samples.PREDICTION.dataset))
        for model, condition in (("net", "clean"), ("net", "saturate:p=8"), ("other:width=4,seed=1", "clean")):
            cell = attrs.evolve(
                samples.PREDICTION, model=samples.component(model), condition=samples.component(condition)
            )
            writer.write(attrs.evolve(samples.part(samples.PREDICTION, rows), cell=cell))
        mistyped = attrs.evolve(samples.PREDICTION, model=samples.component("timm:resnet5"))
        writer.write(Part(mistyped, np.asarray(rows), status="failed", error="no such model"))
        if request.param:
            writer.pack()
    return path


def left(path):
    assert verify(path) == []
    with Results(path) as results:
        return list(results.cells()[["model", "condition"]].itertuples(index=False, name=None))


NET, SATURATED, OTHER, MISTYPED = (
    ("net", "clean"),
    ("net", "saturate:p=8"),
    ("other:width=4,seed=1", "clean"),
    ("timm:resnet5", "clean"),
)


@pytest.mark.parametrize(
    ("what", "stays"),
    [
        ({"model": "timm:resnet5"}, {NET, SATURATED, OTHER}),
        ({"model": ["timm:resnet5", "other:seed=1"]}, {NET, SATURATED}),
        ({"model": "net", "condition": "saturate"}, {NET, OTHER, MISTYPED}),
        ({"condition": "clean"}, {SATURATED}),
    ],
)
def test_what_fits_is_removed_and_the_rest_stays(run, what, stays):
    everything = {NET, SATURATED, OTHER, MISTYPED}
    with Results(run) as results:
        before = {one.name: one.prediction for one in results.answers()}
    listed = drop(run, **what, dry_run=True)
    assert set(left(run)) == everything
    removed = drop(run, **what)
    assert removed.equals(listed)
    assert set(removed[["model", "condition"]].itertuples(index=False, name=None)) == everything - stays
    assert set(left(run)) == stays
    with Results(run) as results:
        for one in results.answers():
            np.testing.assert_array_equal(one.prediction, before[one.name])


def test_nothing_may_be_left(run):
    drop(run, model=["net", "other", "timm:resnet5"])
    assert left(run) == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({}, r"name what to remove"),
        ({"model": "timm:resnet55"}, r"no model is called 'timm:resnet55'; did you mean 'timm:resnet5'\?; there are:"),
        ({"saliency": "gradient"}, r"no saliency is called 'gradient'; there are:\n  none at all"),
        ({"model": "timm:resnet5", "condition": "saturate"}, r"no cell has model 'timm:resnet5' and condition"),
    ],
)
def test_what_fits_nothing_removes_nothing(run, what, said):
    with pytest.raises(StoreError, match=said):
        drop(run, **what)
    assert len(left(run)) == 4


def test_a_renamed_model_keeps_its_answers_and_its_identity(run):
    with Results(run) as results:
        before = {view.cell.record.key: view.prediction.tolist() for view in results.answers()}
        keys = {view.cell.record.key for view in results.answers() if view.model == "net"}
    assert rename(run, "model", "net", "new") == 2
    with Results(run) as results:
        assert {view.cell.record.key: view.prediction.tolist() for view in results.answers()} == before
        assert {view.cell.record.key for view in results.answers() if view.model == "new"} == keys
        assert len(results.failures) == 1
    assert verify(run) == []


def test_what_cannot_be_renamed_is_said(run):
    with pytest.raises(StoreError, match="another model is called 'other:width=4,seed=1'"):
        rename(run, "model", "net", "other:width=4,seed=1")
    with pytest.raises(StoreError, match="no model is called 'nte'; did you mean 'net'"):
        rename(run, "model", "nte", "new")
    with pytest.raises(StoreError, match="no role is called 'modle'"):
        rename(run, "modle", "net", "new")
