"""Files that earlier versions wrote can always be read: one of each format version is kept and never rewritten."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import store_samples as samples

from shapebias.store import Store, Writer, verify
from shapebias.store.layout import FORMAT_VERSION

OLD = sorted((Path(__file__).parent / "old").glob("version-*.h5"))


def test_a_file_of_every_version_is_kept():
    assert [path.stem for path in OLD] == [f"version-{version}" for version in range(1, FORMAT_VERSION + 1)]


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.stem)
def test_it_is_whole_and_every_number_is_read(old):
    assert verify(old) == []
    rows = np.arange(samples.IMAGES)
    with Store(old) as store:
        assert store.header == samples.HEADER
        (dataset,) = store.datasets()
        assert dataset.ids == samples.ids(rows)
        np.testing.assert_array_equal(dataset.thumbnails, samples.dataset_part(rows).thumbnails)
        cells = {cell.record.key: cell for cell in store.cells()}
        assert cells.keys() == {cell.key for cell in samples.CELLS}
        for record in samples.CELLS:
            for name, expected in samples.arrays(record, rows).items():
                np.testing.assert_array_equal(cells[record.key].array(name), expected)


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.stem)
def test_it_can_be_continued(old, tmp_path):
    path = Path(shutil.copy(old, tmp_path / "run.h5"))
    with Writer(path, samples.HEADER) as writer:
        writer.write(samples.failed(samples.PREDICTION, [samples.IMAGES]))
        assert writer.pack()
        assert len(writer.store.failures()) == 1
    assert verify(path) == []
