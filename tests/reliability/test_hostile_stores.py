"""Stores that somebody made to mislead their reader: nothing outside the file is read, and nothing runs for ever."""

from __future__ import annotations

import contextlib
import os
import shutil

import h5py
import numpy as np
import pytest
import store_samples as samples

from shapebias.errors import StoreError
from shapebias.store import Store, merge, verify
from shapebias.store.sealing import seal

SECRET = b"root:x:0:0:not for others"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A packed store, another one, and an unrelated file."""
    folder = tmp_path_factory.mktemp("hostile")
    samples.write_all(folder / "run.h5", pack=True)
    shutil.copy(folder / "run.h5", folder / "other.h5")
    (folder / "secret").write_bytes(SECRET * 100)
    return folder


@pytest.fixture
def here(material, tmp_path):
    return shutil.copytree(material, tmp_path / "here")


def replace(cell, name, **options):
    """Put a data set of other storage in place of one, with its attributes."""
    facts = dict(cell[name].attrs)
    shape, dtype = options.pop("shape", cell[name].shape), options.pop("dtype", cell[name].dtype)
    del cell[name]
    cell.create_dataset(name, shape, dtype, **options).attrs.update(facts)


def link(name, target):
    def change(file, folder):
        del file[name]
        file[name] = target

    return change


def raw_storage(path, dtype="S25"):
    def change(file, folder):
        raw = [(str(folder / path), 0, h5py.h5f.UNLIMITED)]
        replace(file["datasets/0000"], "ids", dtype=dtype, external=raw)

    return change


def virtual(file, folder):
    dataset = file["cells/0000"]
    facts = dict(dataset["logits"].attrs)
    layout = h5py.VirtualLayout(dataset["logits"].shape, "f4")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "cells/0000/logits", dataset["logits"].shape)
    del dataset["logits"]
    dataset.create_virtual_dataset("logits", layout).attrs.update(facts)


def cycle(file, folder):
    file["cells/0000/extras"] = file["cells/0000"]


def huge(**options):
    def change(file, folder):
        replace(file["cells/0000"], "logits", shape=(samples.IMAGES, 10**12), **options)

    return change


def rows_of(**options):
    def change(file, folder):
        replace(file["cells/0000"], "rows", **options)

    return change


HOSTILE = {
    "a link to another file": (link("cells/0000/logits", h5py.ExternalLink("other.h5", "cells/0000/logits")), "logits"),
    "a link to a group of another file": (link("cells/0001", h5py.ExternalLink("other.h5", "cells/0001")), "0001"),
    "all cells in another file": (link("cells", h5py.ExternalLink("other.h5", "cells")), "cells"),
    "a symbolic link": (link("cells/0000/logits", h5py.SoftLink("/cells/0001/logits")), "logits"),
    "raw bytes of a file": (raw_storage("secret"), "ids takes its numbers from another file"),
    "raw bytes without end": (raw_storage("/dev/zero"), "ids takes its numbers from another file"),
    "raw bytes of a pipe": (raw_storage("pipe"), "ids takes its numbers from another file"),
    "virtual": (virtual, "logits takes its numbers from other data sets"),
    "a cycle": (cycle, "names in the file"),
    "a huge shape": (huge(), "logits declares 160000000000000 bytes in a file of"),
    "a huge shape in chunks": (huge(chunks=(1, 1000)), "logits declares 160000000000000 bytes in a file of"),
    "a huge shape, compressed": (huge(chunks=(1, 1000), compression="gzip"), "logits declares 160000000000000 bytes"),
    "an unknown filter": (rows_of(compression="lzf"), "rows needs filters that no store has"),
    "texts as rows": (rows_of(dtype="S8"), "rows has type"),
    "texts without end as rows": (rows_of(dtype=h5py.string_dtype()), "rows has type object and"),
    "rows of two axes": (rows_of(shape=(samples.IMAGES, 2)), "rows"),
    "an empty space as rows": (link("cells/0000/rows", h5py.Empty("f4")), "rows has type float32 and shape None"),
    "a type as rows": (link("cells/0000/rows", np.dtype("f4")), "rows is neither a group nor a data set"),
}


def hostile(folder, change):
    path = folder / "run.h5"
    os.mkfifo(folder / "pipe")
    with h5py.File(path, "r+") as file:
        change(file, folder)
        for name in ("datasets/0000", "cells/0000"):
            if isinstance(file.get(name, getlink=True), h5py.HardLink) and name in file:
                file[name].attrs["digest"] = ""
    reseal(path)
    return path


def reseal(path):
    """Give every group the right digest, as somebody would who knows the format."""
    with h5py.File(path, "r+") as file:
        for kind in ("datasets", "cells"):
            if not isinstance(file.get(kind, getlink=True), h5py.HardLink):
                continue
            for name in file[kind]:
                if isinstance(file[kind].get(name, getlink=True), h5py.HardLink):
                    with contextlib.suppress(RecursionError, AttributeError):  # a cycle and a type have no digest
                        seal(file[kind][name])


def read_all(path):
    with Store(path) as store:
        for table in (*store.datasets(), *store.cells()):
            for name in table.names:
                table.array(name)


@pytest.mark.parametrize(("change", "words"), HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused_by_name_and_verify_says_so(here, change, words):
    path = hostile(here, change)
    with pytest.raises(StoreError, match=words) as refused:
        read_all(path)
    assert "run.h5" in str(refused.value)
    assert any(words in problem for problem in verify(path))


def test_it_is_not_merged(here):
    hostile(here, raw_storage("secret"))
    with pytest.raises(StoreError, match="ids takes its numbers from another file"):
        merge([here / "run.h5", here / "other.h5"], here / "merged.h5")
    assert not (here / "merged.h5").exists()


def test_an_array_that_lacks_chunks_is_not_filled_with_zeros(here):
    with h5py.File(here / "run.h5", "r+") as file:
        replace(file["cells/0000"], "logits", chunks=(1, 3))
        file["cells/0000/logits"][0] = 1
        seal(file["cells/0000"])
    with pytest.raises(StoreError, match="logits has 1 of 40 chunks of numbers"):
        read_all(here / "run.h5")
    assert any("logits has 1 of 40 chunks of numbers" in problem for problem in verify(here / "run.h5"))


@pytest.mark.parametrize(
    ("group", "attribute", "value"),
    [
        ("cells/0000", "settings", "[1, 2]"),
        ("cells/0000", "settings", '{"seed": {"deep": 1}}'),
        ("cells/0000", "model_files", '"all"'),
        ("cells/0000", "model_files", '{"a": 1}'),
        ("cells/0000", "settings", "[" * 100_000),
        ("cells/0000/parts/0000", "status", "perhaps"),
        ("cells/0000/parts/0000", "seconds", "long"),
        ("cells/0001/parts/0000", "eps", '"far"'),
        ("datasets/0000", "classes", "{}"),
        ("datasets/0000", "classes", "[1, 2, 3]"),
        ("/", "versions", "7"),
        ("/", "kind", "stnre"),
        ("/", "seed", "seven"),
    ],
)
def test_attributes_of_another_type_are_damage(here, group, attribute, value):
    path = here / "run.h5"
    with h5py.File(path, "r+") as file:
        file[group].attrs[attribute] = value
        seal(file[group])
    with pytest.raises(StoreError, match=r"run\.h5.* damaged"):
        read_all(path)
    assert verify(path)


def test_attributes_that_are_arrays_are_refused(here):
    path = here / "run.h5"
    with h5py.File(path, "r+") as file:
        file["cells/0000"].attrs["note"] = np.arange(3)
    with pytest.raises(StoreError, match="the attribute note of /cells/0000 is neither text nor a number"):
        read_all(path)
    assert verify(path)


def test_a_pipe_in_place_of_a_store_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "run.h5")
    with pytest.raises(StoreError, match=r"run.h5 is a pipe, socket or device; choose another file"):
        Store(tmp_path / "run.h5")
