"""What is left to do, against a plain count of cells and images."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shapebias as sb
from shapebias.engine.identity import Recorder
from shapebias.engine.plan import evenly_spaced, plan_works
from shapebias.errors import DataError
from shapebias.images.first import FirstImages
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Sample
from shapebias.plugins.specs import DatasetSpec

MODEL = "cnn:num_classes=8,width=4"


@attrs.frozen
class Large:
    """As many black images as wanted, of any size, of which only the first is read."""

    images: int
    side: int = 8
    classes = ("one", "two")

    def __len__(self):
        return self.images

    def __getitem__(self, index):
        return Sample(np.zeros((self.side, self.side, 3), np.uint8), str(range(self.images)[index]), 0)


def works(study, stored=None):
    return list(plan_works(study, Recorder(study, "float32").cells(), stored or {}, FirstImages()))


def large(images, side=8):
    return Component(DatasetSpec("large", Large), Large(images, side))


@given(st.integers(1, 200), st.integers(1, 250))
def test_a_limit_spreads_evenly_over_a_sorted_data_set(count, limit):
    chosen = list(evenly_spaced(count, limit))
    assert len(chosen) == min(count, limit)
    assert chosen == sorted(set(chosen))
    steps = {later - earlier for earlier, later in itertools.pairwise(chosen)}
    assert len(steps) <= 2
    assert max(steps, default=0) - min(steps, default=0) <= 1
    assert set(chosen) <= set(range(count))


def test_every_cell_gets_every_image_once_in_parts_of_2048():
    study = sb.Study(large(5000), MODEL, ["clean", "saturate:p=8"])
    planned = works(study)
    assert [len(work.rows) for work in planned] == [2048, 2048, 904]
    for number in range(2):
        rows = [row for work in planned for row in work.tasks[number].rows]
        assert rows == list(range(5000))


def test_parts_of_large_images_fit_into_a_gibibyte_of_float32():
    planned = works(sb.Study(large(1000, 512), MODEL))
    assert max(len(work.rows) for work in planned) * 512 * 512 * 3 * 4 <= 2**30
    assert sum(len(work.rows) for work in planned) == 1000


def test_what_is_stored_is_not_planned_again():
    study = sb.Study(large(10), MODEL, ["clean", "saturate:p=8"])
    clean, saturated = (task.record.key for task in works(study)[0].tasks)
    (work,) = works(study, {clean: range(10), saturated: [0, 3]})
    (task,) = work.tasks
    assert (task.record.key, task.rows) == (saturated, (1, 2, 4, 5, 6, 7, 8, 9))
    assert works(study, {clean: range(10), saturated: range(10)}) == []


def test_only_images_that_a_cell_lacks_are_decoded():
    study = sb.Study(large(10), MODEL)
    (task,) = works(study)[0].tasks
    (work,) = works(study, {task.record.key: range(8)})
    assert work.rows == (8, 9)


def test_maps_are_made_of_fewer_images_where_asked():
    study = sb.Study(large(100), MODEL, "clean", "gradient", limit=50, saliency_limit=5)
    (work,) = works(study)
    answers, maps = work.tasks
    assert (len(answers.rows), len(maps.rows)) == (50, 5)
    assert set(maps.rows) < set(answers.rows)


def test_data_sets_have_works_of_their_own():
    study = sb.Study({"one": large(3), "two": large(4)}, MODEL)
    assert [(work.dataset.title, len(work.rows)) for work in works(study)] == [("one", 3), ("two", 4)]


def test_an_empty_data_set_is_refused():
    with pytest.raises(DataError, match="data set large:0 has no images"):
        works(sb.Study(large(0), MODEL))
