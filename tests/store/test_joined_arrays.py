"""Joining arrays of several sources: against a plain loop."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.errors import StoreError
from shapebias.store.checked_file import open_file
from shapebias.store.group_writer import GroupWriter
from shapebias.store.joined_arrays import ArraySource, JoinedArrays
from shapebias.store.sealing import described

rows_of_a_part = st.lists(st.integers(0, 12), min_size=1, max_size=8, unique=True).map(sorted)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    with h5py.File(tmp_path_factory.mktemp("table") / "x.h5", "w") as file:
        yield file


def table_of(file, parts):
    """Put the number of the part and the row into every entry."""
    sources = []
    for number, rows in enumerate(parts):
        group = file.create_group(f"{len(file)}")
        GroupWriter(group).write_array("rows", np.array(rows, dtype=np.int64))
        GroupWriter(group).write_array("values/x", np.array([[100 * number + row, -row] for row in rows]))
        file.flush()
        sources.append(ArraySource.of(described(group), keep_open=True))
    return JoinedArrays("table", sources)


@settings(max_examples=80, deadline=None)
@given(st.lists(rows_of_a_part, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_last_part_that_has_an_image_counts(file, parts, random):
    table = table_of(file, parts)
    expected = {row: 100 * number + row for number, rows in enumerate(parts) for row in rows}
    assert table.rows.tolist() == sorted(expected)
    assert table.array("values/x").tolist() == [[expected[row], -row] for row in sorted(expected)]
    some = random.choices(sorted(expected), k=5)
    assert table.array("values/x", some).tolist() == [[expected[row], -row] for row in some]
    assert table.array("values/x", some, eps_index=1).tolist() == [-row for row in some]
    assert table.array("values/x", []).shape == (0, 2)


def test_what_is_not_there_is_an_error_and_no_fill_value(file):
    table = table_of(file, [[0, 1], [4]])
    with pytest.raises(StoreError, match=r"table holds no image 2 \(2 of 3 are missing\)"):
        table.array("values/x", [1, 2, 3])
    with pytest.raises(StoreError, match="table holds no 'logits'; it holds values/x"):
        table.array("logits")
    with pytest.raises(StoreError, match="it holds nothing yet"):
        JoinedArrays("table", []).array("logits")


def test_parts_with_other_arrays_do_not_join(file):
    table = table_of(file, [[0], [1]])
    GroupWriter(file[table.sources[1].group]).write_array("logits", np.zeros((1, 3)))
    file.flush()
    table = JoinedArrays(
        "table", [ArraySource.of(described(file[source.group]), keep_open=True) for source in table.sources]
    )
    with pytest.raises(StoreError, match="some of its parts have logits and others do not"):
        table.array("values/x")


def test_a_file_that_is_none_says_what_to_do(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(StoreError, match=r"notes.txt is not an HDF5 file, or it is damaged .*choose another file"):
        open_file(tmp_path / "notes.txt")
    part = tmp_path / "run.h5.parts" / "ab" / "abc-0-1.h5"
    part.parent.mkdir(parents=True)
    part.write_text("hello")
    with pytest.raises(StoreError, match="delete this part and run the same command again"):
        open_file(part)
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "nothing.h5")
