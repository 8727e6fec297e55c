"""A run of the version before is read and continued: nothing is computed again, and the numbers are the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import shapebias as sb
from shapebias.store import verify

OLD = Path(__file__).parent / "old/run.h5"
STUDY = sb.Study(
    "stimuli:cue=conflict,images=6,size=24,seed=3",
    {"small": "cnn:num_classes=8,width=2,depth=2"},
    ["clean", "patch-shuffle:k=4+saturate:p=8", "strong=pgd:eps=2/255,8/255,steps=2,step_size=0.5,keep=last"],
    "mean=smoothgrad:samples=2",
    ["insertion:steps=4", "gradient-spectrum"],
    seed=5,
)


@pytest.fixture
def run(tmp_path):
    """Return a copy, which a test may continue."""
    return Path(shutil.copy(OLD, tmp_path))


def contents(file):
    """Return every group and array of a store by its path, with what describes it.

    The header is left out: it has the study as this version spells it, which calls ``step`` ``step_size``.
    """
    found = {}

    def collect(name, item):
        attributes = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}
        found[name] = (attributes, item[()].tobytes() if isinstance(item, h5py.Dataset) else None)

    file.visititems(collect)
    return found


def test_nothing_is_computed_again(run):
    reports = []
    with sb.run(STUDY, run, progress=reports.append) as results:
        assert reports == []
        assert len(results.cells()) == len(list(STUDY.cells()))
    assert verify(run) == []
    with h5py.File(run) as now, h5py.File(OLD) as before:
        assert contents(now) == contents(before)


def test_only_a_new_condition_is_computed(run):
    reports = []
    study = sb.Study(STUDY.datasets, STUDY.models, [*STUDY.conditions, "gray=grayscale"], seed=5)
    sb.run(study, run, progress=reports.append).close()
    assert {report.cell for report in reports} == {f"{STUDY.datasets[0].title} | small | gray"}


def test_the_numbers_are_those_of_a_new_run(tmp_path):
    new = sb.run(STUDY, tmp_path / "run.h5")
    assert not new.failures
    with sb.open(OLD) as old:
        for before, now in zip(old.answers(), new.answers(), strict=True):
            np.testing.assert_allclose(before.logits, now.logits, atol=1e-4)
        for before, now in zip(old.maps(), new.maps(), strict=True):
            np.testing.assert_allclose(before.maps, now.maps, rtol=2e-3, atol=1e-5)
        for before, now in zip(old.values(), new.values(), strict=True):
            for name, values in before.values.items():
                np.testing.assert_allclose(values, now.values[name], rtol=2e-3, atol=1e-4)
