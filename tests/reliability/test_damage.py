"""A store or a part in which some bytes changed: reading says so or gives the same, and never hangs or crashes."""

from __future__ import annotations

import os
import resource

import h5py
import numpy as np
import pytest
import store_samples as samples
from amounts import amount

from shapebias.errors import StoreError
from shapebias.store import Store, Writer, verify

ROWS = np.arange(samples.IMAGES)
CPU_SECONDS = 120


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("damage") / "run.h5"
    with Writer(path, samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(range(4)))
        for cell in samples.CELLS:
            writer.write(samples.part(cell, range(4)))
        writer.pack()
    return path


def content(path):
    """Read all that a user can see: texts, facts and numbers."""
    found = {}
    with Store(path) as store:
        found["header"] = store.header
        for table in (*store.datasets(), *store.cells()):
            found[table.record.key] = (table.record, table.name, dict(table.attributes), getattr(table, "error", None))
            found[table.record.key, "titles"] = str(table.record)
            for name in ("rows", *table.names):
                array = table.rows if name == "rows" else table.array(name)
                found[table.record.key, name] = (array.dtype, array.shape, array.tolist())
    return found


def flipped(whole, rng):
    position = rng.integers(len(whole))
    return [(position, bytes([whole[position] ^ (1 << rng.integers(8))]))]


def zeroed(whole, rng):
    size = int(rng.choice([16, 64, 512, 4096]))
    start = rng.integers(len(whole) // size + 1) * size
    return [(start, bytes(len(whole[start : start + size])))]


def noise(whole, rng):
    start = rng.integers(len(whole))
    return [(start, rng.bytes(min(32, len(whole) - start)))]


def changed(whole, edits):
    copy = bytearray(whole)
    for start, values in edits:
        copy[start : start + len(values)] = values
    return bytes(copy)


def in_a_process_of_its_own(task):
    """Run a task that may crash or hang; returns the status of its process."""
    if (child := os.fork()) == 0:
        status = 70
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            status = task()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("damage", [flipped, zeroed, noise])
def test_reading_a_damaged_store_is_refused_or_gives_the_same(store, tmp_path, damage):
    whole, expected = store.read_bytes(), content(store)
    rng, copy, report = np.random.default_rng(0), tmp_path / "copy.h5", tmp_path / "report"

    def task():
        refused = 0
        for number in range(amount(25, 1500)):
            edits = damage(whole, rng)
            copy.write_bytes(changed(whole, edits))
            report.write_text(f"case {number} at byte {edits[0][0]}")
            try:
                if content(copy) != expected:
                    return 71
            except StoreError:
                refused += 1
                if not verify(copy):
                    return 72
            copy.unlink()
        report.write_text(str(refused))
        return 0

    assert in_a_process_of_its_own(task) == 0, report.read_text()
    assert int(report.read_text()) > amount(25, 1500) / 10


def test_a_store_cut_short_at_any_length_is_refused(store, tmp_path):
    whole, copy = store.read_bytes(), tmp_path / "copy.h5"
    for size in np.linspace(0, len(whole) - 1, amount(15, 300), dtype=int).tolist():
        copy.write_bytes(whole[:size])
        with pytest.raises(StoreError, match="not an HDF5 file, or it is damaged"):
            content(copy)


def test_every_flip_of_a_text_is_noticed(store, tmp_path):
    """Texts of attributes lie outside the checksums of HDF5; only the digest covers them."""
    whole, expected, copy = store.read_bytes(), content(store), tmp_path / "copy.h5"
    with h5py.File(store) as file:
        texts = sorted({text for group in (file, *file["cells"].values()) for text in group.attrs.values()}, key=str)
    texts = [text.encode() for text in texts if isinstance(text, str) and len(text) > 4]
    for text in texts[: amount(20, len(texts))]:
        start = whole.index(text)
        copy.write_bytes(changed(whole, [(start + len(text) // 2, bytes([whole[start + len(text) // 2] ^ 1]))]))
        with pytest.raises(StoreError, match=r"damaged|digest"):
            assert content(copy) == expected


def test_a_damaged_part_is_refused_and_computed_again(tmp_path):
    path = tmp_path / "run.h5"
    samples.write_all(path)
    expected = content(path)
    part = next(file for file in sorted(tmp_path.glob("run.h5.parts/??/*.h5")) if b"smoothgrad" in file.read_bytes())
    whole = part.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(amount(8, 300)):
        part.write_bytes(changed(whole, zeroed(whole, rng)))
        try:
            assert content(path) == expected
        except StoreError as error:
            refused += 1
            assert part.name in str(error)
    assert refused
