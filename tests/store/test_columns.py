"""Optional arrays: parts with and without one are read, packed and checked as one, with the documented fill."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Store, Writer, verify
from shapebias.store.columns import CELL_COLUMNS, DATASET_COLUMNS, column
from shapebias.store.results import Results

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
OLDER, NEWER = np.arange(8), np.arange(8, 16)
ADDED = {
    "gradient_failed": (NEWER % 3 == 0, np.zeros(8, bool)),
    "values/area": (NEWER / 4, np.full(8, np.nan)),
    "values/steps": (NEWER, np.full(8, np.nan)),
    "values/found": (NEWER % 2 == 0, np.full(8, np.nan)),
    "extras/curve": (NEWER[:, None] + np.arange(3.0), np.full((8, 3), np.nan)),
    "extras/word": (samples.words(NEWER), np.full(8, "", object)),
    "of_a_later_version": (NEWER / 8, np.full(8, np.nan)),
}


@pytest.fixture(params=["parts", "packed", "both"])
def stored(request, tmp_path):
    """Write parts with and without an array, as parts, packed, or the first packed and the second a part."""

    def write(*parts):
        path = tmp_path / "run.h5"
        with Writer(path, samples.HEADER) as writer:
            writer.write_dataset(samples.dataset_part(np.arange(16)))
            for number, part in enumerate(parts):
                samples.put(writer, part)
                if request.param == "packed" or (request.param == "both" and number == 0):
                    writer.pack()
        assert verify(path) == []
        return path

    return write


def with_array(cell, rows, name, values):
    part = samples.part(cell, rows)
    return attrs.evolve(part, arrays={**part.arrays, name: values})


@pytest.mark.parametrize("newer_first", [False, True])
@pytest.mark.parametrize("name", ADDED)
def test_images_of_a_part_without_an_optional_array_have_its_fill(stored, name, newer_first):
    values, fill = ADDED[name]
    parts = [samples.part(samples.PROBE, OLDER), with_array(samples.PROBE, NEWER, name, values)]
    path = stored(*(reversed(parts) if newer_first else parts))
    with Store(path) as store:
        (cell,) = store.cells()
        np.testing.assert_array_equal(cell.array(name), np.concatenate([fill, values]))
        np.testing.assert_array_equal(cell.array(name, OLDER[:2]), fill[:2])
        np.testing.assert_array_equal(cell.array(name, [9, 1]), np.stack([values[1], fill[1]]))
        np.testing.assert_array_equal(cell.array("values/auc"), np.arange(16) / 64)
        assert cell.array(name, []).shape == (0, *values.shape[1:])


def test_fill_has_the_axis_of_eps(stored):
    failed = np.arange(24).reshape(8, 3) % 2 == 0
    path = stored(samples.part(samples.ATTACKED, OLDER), with_array(samples.ATTACKED, NEWER, "gradient_failed", failed))
    with Results(path) as results:
        views = results.answers()
        assert [view.eps for view in views] == list(samples.EPS)
        for index, view in enumerate(views):
            np.testing.assert_array_equal(view.gradient_failed, np.concatenate([np.zeros(8, bool), failed[:, index]]))


def test_an_array_of_superseded_images_alone_is_gone(stored):
    """The later part counts for each of its images, also where the earlier one had more to say."""
    path = stored(
        with_array(samples.PROBE, OLDER, "values/area", OLDER / 4), samples.part(samples.PROBE, np.arange(-1, 8)[1:])
    )
    with Store(path) as store:
        assert "values/area" not in store.cells()[0].names


@pytest.mark.parametrize("name", ["masks", "thumbnails"])
def test_pictures_that_a_part_of_a_data_set_lacks(tmp_path, name):
    path = tmp_path / "run.h5"
    masks = (np.arange(8 * 4 * 5).reshape(8, 4, 5) % 3 == 0).astype(np.int8)
    full = attrs.evolve(samples.dataset_part(OLDER), masks=masks)
    with Writer(path, samples.HEADER) as writer:
        writer.write_dataset(full)
        writer.write_dataset(attrs.evolve(samples.dataset_part(NEWER), **({"masks": masks} | {name: None})))
        for packed in (False, True):
            if packed:
                writer.pack()
            (dataset,) = writer.store.datasets()
            np.testing.assert_array_equal(dataset.array(name, OLDER), getattr(full, name))
            assert (dataset.array(name, NEWER) == {"masks": -1, "thumbnails": 0}[name]).all()
            assert (dataset.masks(NEWER) is None) == (name == "masks")
    assert verify(path) == []


def test_an_array_that_is_not_optional_may_not_differ(tmp_path):
    part = samples.part(samples.PREDICTION, OLDER)
    with Writer(tmp_path / "run.h5", samples.HEADER) as writer:
        writer.write(attrs.evolve(part, arrays={"prediction": part.arrays["prediction"]}))
        writer.write(samples.part(samples.PREDICTION, NEWER))
        with pytest.raises(StoreError, match="some of its parts have images, logits and others do not"):
            writer.pack()


def test_the_page_has_every_column_with_its_type_and_fill():
    datasets, cells = PAGE.split("### /datasets/NNNN")[1].split("### /cells/NNNN")
    for text, columns in ((datasets, DATASET_COLUMNS), (cells.split("## Encodings")[0], CELL_COLUMNS)):
        lines = [line for line in text.splitlines() if line.startswith("| `")]
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
        described = {name: row for row in rows for name in re.findall(r"`([\w/]+)`", row[0])}
        for each in columns:
            row = described[each.name.replace("*", "NAME")]
            assert (each.dtype or "") in row[1], each
            fill = "NaN" if each.fill is None else str(each.fill).lower()
            assert (fill in row[2]) if each.optional else not row[2], each


def test_one_declaration_for_a_name():
    """Labels are both of data sets and of cells, and stored alike."""
    for each in (*DATASET_COLUMNS, *CELL_COLUMNS):
        assert column(each.name.replace("*", "x")) == each
