"""The index of a packed store says what its groups say, and nothing depends on it."""

from __future__ import annotations

import hashlib

import h5py
import pytest
import store_samples as samples

from shapebias.store import Store, Writer, verify
from shapebias.store.checked_file import open_file
from shapebias.store.index import INDEX, group_digests, index_text, read_index
from shapebias.store.listing import list_file
from shapebias.store.sealing import seal


def described(listing):
    """Return everything that a listing says, as plain values that can be compared."""
    return [
        [(each.record, each.record.title, each.record.provider, dict(each.attributes)) for each in listing.datasets],
        [
            (
                each.record,
                [component and component.title for component in each.record.components().values()],
                [(part.rows.tolist(), part.status, part.error, dict(part.attributes)) for part in each.parts],
            )
            for each in listing.cells
        ],
        [
            (each.source.path.name, each.source.group, each.source.rows.tolist(), sorted(each.source.names))
            for each in (*listing.datasets, *listing.cells)
        ],
    ]


def change_index(path, text):
    with h5py.File(path, "r+") as file:
        file.attrs[INDEX] = text
        seal(file)


def test_the_index_says_what_the_groups_say(packed):
    with open_file(packed) as file:
        assert INDEX in file.attrs
        by_index, by_groups = (list_file(file, keep_open=False, by_index=choice) for choice in (True, False))
    assert described(by_index) == described(by_groups)
    assert by_index.header == by_groups.header


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda text: text.replace("done", "gone"),
        lambda text: text[:200],
        lambda text: text.partition(" ")[2],
    ],
)
def test_a_damaged_index_is_not_used(packed, change):
    with open_file(packed) as file:
        wanted = described(list_file(file, keep_open=False))
        text = file.attrs[INDEX]
    change_index(packed, change(text))
    with open_file(packed) as file:
        assert described(list_file(file, keep_open=False)) == wanted
    assert verify(packed)


def test_an_index_that_contradicts_its_file_is_found(packed):
    with open_file(packed) as file:
        listing = list_file(file, keep_open=False)
        digests = group_digests(file)
    change_index(packed, index_text(listing.datasets, listing.cells[:-1], digests))
    assert "index does not match its groups" in "\n".join(verify(packed))


def test_an_index_of_a_later_version_or_another_form_is_not_used(packed):
    for text in ('{"version":2}', '{"version":1}', "[]", '{"version":1,"values":[],"datasets":[[7]],"cells":[]}'):
        change_index(packed, f"{hashlib.sha256(text.encode()).hexdigest()} {text}")
        with Store(packed) as store:
            assert len(store.cells()) == len(samples.CELLS)


def test_an_index_is_not_used_where_a_later_version_changed_a_group(packed):
    with h5py.File(packed, "r+") as file:
        file["cells/0000"].attrs["temperature"] = 0.5
        seal(file["cells/0000"])
    with Store(packed) as store:
        assert "index does not" not in "".join(verify(packed))
        assert len(store.cells()) == len(samples.CELLS)
    with open_file(packed) as file:
        assert read_index(file, keep_open=False) is None


def test_a_writer_remembers_what_its_parts_say(tmp_path):
    path = tmp_path / "run.h5"
    with Writer(path, samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(samples.PARTS[0]))
        writer.write(samples.part(samples.PREDICTION, [1, 3, 7]))
        writer.write(samples.part(samples.ATTACKED, samples.PARTS[0]))
        writer.write(samples.failed(samples.PROBE, samples.PARTS[0], error="NUL: \0"))
        remembered = [described(listing) for listing in writer.store.listings]
        with Store(path) as read:
            assert [described(listing) for listing in read.listings] == remembered
        writer.pack()
    with Store(path) as store:
        assert [cell.rows.tolist() for cell in store.cells()] == [[1, 3, 7], [], [*range(8)]]
    assert verify(path) == []
