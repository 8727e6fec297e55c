"""The index of a packed store says what its groups say, and nothing depends on it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Store, Writer, verify
from shapebias.store.checked_file import open_file
from shapebias.store.index import INDEX, group_digests, index_text, read_index
from shapebias.store.listing import list_file
from shapebias.store.sealing import seal


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "run.h5"
    samples.write_all(path, pack=True)
    return path


@pytest.fixture
def packed(whole, tmp_path):
    """The path of a packed store."""
    return Path(shutil.copy(whole, tmp_path))


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


def forged(packed, change):
    """Change what the index says, with right checksums and digests, as somebody would who knows the format."""
    with h5py.File(packed, "r+") as file:
        contents = json.loads(file.attrs[INDEX].partition(" ")[2])
        change(contents)
        text = json.dumps(contents, sort_keys=True, separators=(",", ":"))
        file.attrs[INDEX] = f"{hashlib.sha256(text.encode()).hexdigest()} {text}"
        seal(file)


def add_value(contents, value):
    contents["values"].append(value)
    return len(contents["values"]) - 1


def put(kind, position, value):
    """Replace one item of the first entry of a kind."""

    def change(contents):
        contents[kind][0][position] = add_value(contents, value)

    return change


def swap_groups(contents):
    first, second, *_ = contents["cells"]
    first[3], second[3] = second[3], first[3]


def swap_contents(contents):
    """The first cell's answers under the second cell's name."""
    first, second, *_ = contents["cells"]
    first[0], second[0] = second[0], first[0]


def read_all(path):
    with Store(path) as store:
        for table in (*store.datasets(), *store.cells()):
            for name in table.names:
                table.array(name)


@pytest.mark.parametrize(
    "change",
    [
        swap_contents,
        put("cells", 1, {"seed": 8}),
        put("cells", 4, [1, 41]),
        put("cells", 4, [0, 39]),
        put("cells", 4, [[*range(39), 50]]),
        put("cells", 5, ["logits", "prediction"]),
        put("datasets", 0, ["folder:other", "photos", "", {}]),
        put("datasets", 0, ["folder:path=photos,size=64", "another title", "shapebias 0.1.0", {"photos": "a" * 64}]),
        put("datasets", 3, [0, 1]),
    ],
)
def test_numbers_are_not_read_where_a_forged_index_says_something_else(packed, change):
    forged(packed, change)
    with open_file(packed) as file:
        assert read_index(file, keep_open=False) is not None
    with pytest.raises(StoreError, match=r"damaged \(its index does not match the group /(cells|datasets)/000"):
        read_all(packed)
    assert verify(packed) == [f"{packed}: its index does not match its groups: restore the file from a copy"]


@pytest.mark.parametrize(
    "change",
    [
        swap_groups,
        lambda contents: contents["cells"].pop(),
        lambda contents: contents["cells"].append(contents["cells"][0]),
        put("cells", 3, "/datasets/0000"),
        put("cells", 4, [0, 10**12]),
        lambda contents: (put("datasets", 3, [10**12, 0])(contents), put("cells", 4, [0, 10**12])(contents)),
        put("cells", 4, [-1, 39]),
        put("cells", 4, [[3, 2, 1]]),
        put("cells", 4, [["a"]]),
        put("cells", 4, "rows"),
        put("cells", 1, [1, 2]),
        put("cells", 1, {"seed": {"deep": 1}}),
        put("datasets", 0, [7, "photos", "", {}]),
        put("datasets", 0, ["folder", "photos", "", {"a": 1}]),
        put("datasets", 0, ["folder", "photos", "", 7]),
        lambda contents: contents["datasets"][0][1].update(classes=add_value(contents, "{}")),
        lambda contents: contents["cells"][0][2][0].__setitem__(1, "perhaps"),
        lambda contents: contents["cells"][0][2][0].__setitem__(2, 7),
        lambda contents: contents["cells"][0][2][0][3].update(seconds=add_value(contents, "long")),
        lambda contents: contents["cells"][0][2][0][3].update(eps=add_value(contents, '"far"')),
        lambda contents: contents.update(values=7),
        lambda contents: contents.update(cells=7),
    ],
)
def test_a_forged_index_that_cannot_be_true_is_not_used(packed, change):
    with open_file(packed) as file:
        wanted = described(list_file(file, keep_open=False))
    forged(packed, change)
    with open_file(packed) as file:
        assert read_index(file, keep_open=False) is None
        assert described(list_file(file, keep_open=False)) == wanted
    read_all(packed)
    assert verify(packed) == [f"{packed}: its index does not match its groups: restore the file from a copy"]


def test_a_changed_text_is_noticed_when_its_cell_is_read_by_the_index(packed):
    with h5py.File(packed, "r+") as file:
        file["cells/0000"].attrs["model_title"] = "another"
        file["cells/0001/parts/0003"].attrs["device"] = "another"
    with Store(packed) as store:
        first, second, third, _ = sorted(store.cells(), key=lambda cell: cell.sources[0].group)
        assert first.record.model.title == "timm:resnet50"
        for cell, group in ((first, "/cells/0000"), (second, "/cells/0001/parts/0003")):
            with pytest.raises(StoreError, match=f"is damaged .the digest of {group} does not match"):
                cell.array(cell.names[0])
        assert len(third.array(third.names[0])) == samples.IMAGES


def test_a_group_that_lies_in_another_file_is_not_followed(packed, tmp_path):
    shutil.copy(packed, tmp_path / "other.h5")
    with h5py.File(packed, "r+") as file:
        del file["cells/0000"]
        file["cells/0000"] = h5py.ExternalLink("other.h5", "cells/0000")
    with pytest.raises(StoreError, match="0000 is a link to another file, so it is not read"):
        Store(packed)


def test_a_damaged_index_that_the_root_does_not_vouch_for_is_refused(packed):
    with h5py.File(packed, "r+") as file:
        file.attrs[INDEX] = file.attrs[INDEX].replace("done", "gone")
    with pytest.raises(StoreError, match="the digest of / does not match"):
        Store(packed)
