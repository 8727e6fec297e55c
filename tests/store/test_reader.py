"""The reading view: the same whether packed or in parts, and while it grows."""

from __future__ import annotations

import attrs
import h5py
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Results, Store, Writer

ROWS = np.arange(samples.IMAGES)


def test_every_array_of_every_cell_is_there(any_store):
    assert [cell.record for cell in any_store.cells()] == sorted(
        samples.CELLS,
        key=lambda cell: [component.canonical if component else "" for component in cell.components().values()],
    )
    for cell in any_store.cells():
        record = next(record for record in samples.CELLS if record == cell.record)
        expected = samples.arrays(record, ROWS)
        assert cell.names == tuple(sorted(expected))
        assert cell.rows.tolist() == ROWS.tolist()
        for name, array in expected.items():
            np.testing.assert_array_equal(cell.array(name), array)
            np.testing.assert_array_equal(cell.array(name, rows=[25, 3, 4]), array[[25, 3, 4]])


def test_facts_are_what_the_parts_agree_on_and_seconds_add_up(any_store):
    for cell in any_store.cells():
        eps = samples.EPS if cell.record.condition == samples.ATTACK else None
        assert cell.eps == eps
        assert cell.status == "done"
        facts = {name: value for name, value in cell.attributes.items() if name != "eps"}
        assert facts == {"seconds": 0.5 * len(samples.PARTS), "device": "cpu", "tta": False}


def test_the_data_set_is_there(any_store):
    (dataset,) = any_store.datasets()
    whole = samples.dataset_part(ROWS)
    assert (dataset.record, dataset.classes, dataset.size) == (samples.DATASET, samples.CLASSES, (64, 64))
    assert dataset.record.title == "photos"
    assert dataset.record.provider == "shapebias 0.1.0"
    assert dataset.ids == whole.ids
    for name in ("labels", "shape_labels", "texture_labels", "thumbnails"):
        np.testing.assert_array_equal(getattr(dataset, name), getattr(whole, name))
    np.testing.assert_array_equal(dataset.array("thumbnails", rows=[39, 0]), whole.thumbnails[[39, 0]])


def test_one_eps_is_read_without_the_others(any_store):
    cell = next(cell for cell in any_store.cells() if cell.record == samples.SALIENCY)
    np.testing.assert_array_equal(cell.array("maps", eps_index=2), samples.arrays(samples.SALIENCY, ROWS)["maps"][:, 2])


def test_the_header_is_there(any_store):
    assert any_store.header == samples.HEADER


def test_a_reader_follows_a_store_that_grows_and_is_packed(tmp_path):
    path = tmp_path / "run.h5"
    with Writer(path, samples.HEADER) as writer, Results(path) as results:
        assert results.answers() == []
        for number, rows in enumerate(samples.PARTS[:3], start=1):
            writer.write_dataset(samples.dataset_part(rows))
            writer.write(samples.part(samples.PREDICTION, rows))
            results.refresh()
            assert len(results.prediction()) == number * samples.PART
        before = results.answers()
        writer.pack()
        with pytest.raises(StoreError, match=r"has been packed since; call refresh\(\)"):
            _ = before[0].prediction
        results.refresh()
        np.testing.assert_array_equal(results.prediction(), samples.arrays(samples.PREDICTION, ROWS[:24])["prediction"])
        (cell,) = results.store.cells()
        writer.write(samples.part(samples.PREDICTION, samples.PARTS[3]))
        results.refresh()
        assert len(results.prediction()) == 32
        assert len(cell.array("prediction")) == 24  # what was seen before still reads


def test_a_packed_file_that_is_replaced_still_reads_for_whom_it_was_open(packed):
    with Store(packed) as store:
        cell = store.cells()[-1]
        with Writer(packed, samples.HEADER) as writer:
            other = attrs.evolve(samples.PREDICTION, dataset=samples.component("a-first"))
            writer.write(samples.part(samples.PREDICTION, [0]))
            writer.write_dataset(samples.dataset_part([0], samples.component("a-first")))
            writer.write(attrs.evolve(samples.part(samples.PREDICTION, [0]), cell=other))
            writer.pack()
        np.testing.assert_array_equal(cell.array(cell.names[0], rows=[9]), _expected(cell, cell.names[0])[[9]])
        store.refresh()
        assert len(store.cells()) == 5
        assert store.cells()[0].record == other


def _expected(cell, name):
    return samples.arrays(next(record for record in samples.CELLS if record == cell.record), ROWS)[name]


def test_a_store_that_was_closed_says_so(packed):
    with Store(packed) as store:
        (cell, *_) = store.cells()
    with pytest.raises(StoreError, match="was closed; open the store again"):
        cell.array(cell.names[0])


def test_no_store_is_a_message(tmp_path):
    with pytest.raises(StoreError, match=r"run.h5: there is no store, neither this file nor run.h5.parts beside it"):
        Store(tmp_path / "run.h5")


def test_a_link_that_leads_nowhere_is_no_part(tmp_path):
    samples.write_all(tmp_path / "run.h5")
    (tmp_path / "run.h5.parts" / "header.h5").with_name("00").mkdir(exist_ok=True)
    (tmp_path / "run.h5.parts" / "00" / "x.h5").symlink_to("nowhere")
    with Store(tmp_path / "run.h5") as store:
        assert len(store.cells()) == 4


@pytest.mark.parametrize("attribute", ["format_version", "kind", "seed"])
def test_a_store_whose_root_lacks_something_is_damaged(packed, attribute):
    with h5py.File(packed, "r+") as file:
        del file.attrs[attribute]
    with pytest.raises(StoreError, match=r"run.h5 is damaged \(.*; see 'shapebias verify'"):
        Store(packed)
