"""The writer: what it writes, what it refuses, and with which words."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import attrs
import h5py
import numpy as np
import pytest
import store_samples as samples

from shapebias import files
from shapebias.errors import StoreError
from shapebias.store import Store, Writer, pack, verify
from shapebias.store import writer as writer_module

FIRST, SECOND = samples.PARTS[:2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def writer(path):
    with Writer(path, samples.HEADER) as writer:
        yield writer


def status(writer):
    return {(cell.status, len(cell.rows), len(cell.failed)) for cell in writer.store.cells()}


def test_a_failed_part_is_kept_until_it_is_done(writer):
    writer.write(samples.part(samples.PREDICTION, FIRST))
    writer.write(samples.failed(samples.PREDICTION, SECOND))
    assert status(writer) == {("failed", samples.PART, 1)}
    (failure,) = writer.store.failures()
    assert failure.record == samples.PREDICTION
    assert failure.rows.tolist() == SECOND.tolist()
    assert failure.error.endswith("ZeroDivisionError: on purpose\n")
    writer.pack()
    assert status(writer) == {("failed", samples.PART, 1)}
    writer.write(samples.part(samples.PREDICTION, SECOND))
    assert status(writer) == {("done", 2 * samples.PART, 0)}
    writer.pack()
    assert status(writer) == {("done", 2 * samples.PART, 0)}


def test_a_failure_never_replaces_what_is_done(writer):
    writer.write(samples.part(samples.PREDICTION, FIRST))
    writer.write(samples.failed(samples.PREDICTION, FIRST))
    assert status(writer) == {("done", samples.PART, 0)}
    writer.write(samples.failed(samples.PREDICTION, FIRST[:3]))
    assert status(writer) == {("done", samples.PART, 0)}


def test_a_cell_that_failed_for_all_images_is_stored(writer):
    writer.write(samples.failed(samples.PREDICTION, FIRST, error="NUL: \0"))
    writer.pack()
    (cell,) = writer.store.cells()
    assert (cell.status, cell.error, cell.names) == ("failed", "NUL: \\0", ())


def test_parts_with_gaps_do_not_overwrite_each_other(writer):
    for rows in ([0, 2, 5], [0, 3, 5], [0, 1, 2, 3, 4, 5]):
        writer.write(samples.part(samples.PREDICTION, rows))
    assert len(list(Path(writer.path.parent).rglob("*-0-5*.h5"))) == 3
    (cell,) = writer.store.cells()
    assert cell.rows.tolist() == [0, 1, 2, 3, 4, 5]


def test_packing_again_joins_the_file_and_the_parts_and_leaves_one_file(writer, path):
    writer.write(samples.part(samples.PREDICTION, FIRST))
    assert writer.pack()
    writer.write(samples.part(samples.PREDICTION, SECOND))
    assert writer.pack()
    assert [found.name for found in path.parent.iterdir() if not found.name.startswith(".")] == ["run.h5"]
    (cell,) = writer.store.cells()
    assert cell.rows.tolist() == [*FIRST, *SECOND]
    assert cell.attributes["seconds"] == 1


def test_nothing_to_pack_changes_nothing(packed):
    before = packed.stat()
    with Writer(packed, samples.HEADER) as writer:
        assert writer.pack()
    assert (packed.stat().st_ino, packed.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not packed.with_name("run.h5.parts").exists()


def test_another_header_replaces_the_old_one(packed):
    header = attrs.evolve(samples.HEADER, study="seed = 8\n", seed=8)
    with Writer(packed, header) as writer:
        assert writer.store.header == header
        writer.pack()
        assert writer.store.header == header
        assert len(writer.store.cells()) == 4


def test_large_stores_are_packed_only_on_request(monkeypatch, path):
    samples.write_all(path)
    monkeypatch.setattr(writer_module, "PACK_BYTES", 1000)
    with Writer(path, samples.HEADER) as writer:
        assert not writer.pack()
    assert not path.exists()
    with pytest.raises(StoreError, match=r"run.h5 would have more than .* GB.*--force"):
        pack(path)
    pack(path, force=True)
    assert path.exists()
    assert len(Store(path).cells()) == 4


def test_discarding_forgets_cells_and_data_sets_without_cells(packed):
    other = samples.component("stimuli")
    cell = attrs.evolve(samples.PREDICTION, dataset=other)
    with Writer(packed, samples.HEADER) as writer:
        writer.write_dataset(samples.dataset_part(FIRST, other))
        writer.write(attrs.evolve(samples.part(samples.PREDICTION, FIRST), cell=cell))
        writer.write(samples.part(samples.ATTACKED, FIRST))
        writer.discard([cell, samples.PREDICTION])
        assert {cell.record.key for cell in writer.store.cells()} == {
            each.key for each in (samples.ATTACKED, samples.SALIENCY, samples.PROBE)
        }
        assert [dataset.record for dataset in writer.store.datasets()] == [samples.DATASET]
    assert verify(packed) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": np.array([], int), "arrays": {}}, "ascending indices of images"),
        ({"rows": np.array([1, 0]), "arrays": {}}, "ascending indices of images"),
        ({"rows": np.array([0, 1]), "arrays": {"logits": np.zeros((3, 2))}}, "logits has 3 entries for 2 images"),
        ({"attributes": {"status": "fine", "seconds": 1}}, "attributes status of a part.*rename them"),
    ],
)
def test_parts_that_make_no_sense_are_refused(writer, change, message):
    with pytest.raises(StoreError, match=message):
        writer.write(attrs.evolve(samples.part(samples.PREDICTION, FIRST), **change))
    assert writer.store.cells() == []


def test_left_over_temporary_files_are_removed_and_those_of_others_are_not(path):
    samples.write_all(path)
    stray = [
        path.with_name("run.h5.0123456789ab.tmp"),
        *(path.with_name("run.h5.parts") / name for name in ("header.h5.0123456789ab.tmp", "x.h5.0123456789ab.tmp")),
        path.with_name("run.h5.parts.0123456789ab.tmp"),
    ]
    for each in stray[:3]:
        each.write_text("half")
    stray[3].mkdir()
    (stray[3] / "header.h5").write_text("old")
    kept = [path.with_name("run.h5.old.0123456789ab.tmp"), path.with_name("run.h5.tmp")]
    for each in kept:
        each.write_text("other")
    assert sum("left by a writer that was killed" in problem for problem in verify(path)) == 4
    Writer(path, samples.HEADER).close()
    assert not any(each.exists() for each in stray)
    assert all(each.exists() for each in kept)
    assert verify(path) == []


def test_a_folder_that_does_not_exist_is_made(tmp_path):
    Writer(tmp_path / "a" / "b" / "run.h5", samples.HEADER).close()
    assert Store(tmp_path / "a" / "b" / "run.h5").cells() == []


# What cannot be: each message names the thing, the value and the way out.


def test_a_file_that_is_no_store_is_refused_and_left_alone(path):
    path.write_text("my thesis")
    with pytest.raises(StoreError, match=r"run.h5 is not an HDF5 file, or it is damaged \(.*\); choose another file"):
        Writer(path, samples.HEADER)
    assert path.read_text() == "my thesis"


def test_another_programs_hdf5_file_is_refused(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(StoreError, match=r"run.h5 is an HDF5 file, but not a shapebias store; choose another file"):
        Writer(path, samples.HEADER)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"is a folder; give the name of a file, for example .*run.h5"):
        Writer(tmp_path, samples.HEADER)


@pytest.mark.parametrize("packed_too", [True, False])
def test_a_later_format_version_asks_for_an_upgrade(path, packed_too):
    samples.write_all(path, pack=packed_too)
    newer = path if packed_too else path.with_name("run.h5.parts") / "header.h5"
    with h5py.File(newer, "r+") as file:
        file.attrs["format_version"] = 2
    message = r"has format version 2; this shapebias reads up to version 1: upgrade shapebias, or choose another file"
    with pytest.raises(StoreError, match=message):
        Writer(path, samples.HEADER)
    with pytest.raises(StoreError, match=message):
        Store(path)


def test_a_second_writer_is_told_who_the_first_is(path):
    first = subprocess.Popen(
        [sys.executable, "-c", f"{_HOLD}hold({str(path)!r})"], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout.readline() == "ready\n"
        expected = rf"run.h5 is being written by another process \(process {first.pid} on {socket.gethostname()} since "
        # Asking must not wipe out the answer, as it does with filelock before version 4, which truncates the file.
        for _ in range(2 if int(metadata.version("filelock").split(".")[0]) >= 4 else 1):
            with pytest.raises(StoreError, match=expected + r".*wait for it or stop it, or choose another output"):
                Writer(path, samples.HEADER)
        with Store(path) as store:  # readers are welcome
            assert store.cells() == []
    finally:
        first.kill()
        first.wait()
    Writer(path, samples.HEADER).close()  # the lock died with its process


_HOLD = """
import sys
from shapebias.store import Header, Writer
def hold(path):
    with Writer(path, Header("", 0)):
        print("ready", flush=True)
        sys.stdin.readline()
"""


def test_a_second_writer_in_the_same_process_is_refused_too(writer, path):
    with pytest.raises(StoreError, match="is being written by another process"):
        Writer(path, samples.HEADER)


def test_a_refused_writer_gives_the_lock_back(path):
    path.write_text("my thesis")
    with pytest.raises(StoreError):
        Writer(path, samples.HEADER)
    path.unlink()
    Writer(path, samples.HEADER).close()


def test_a_folder_without_the_right_to_write():
    code = """
import os, sys
from shapebias.errors import StoreError
from shapebias.store import Header, Writer
if os.geteuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    Writer(sys.argv[1], Header("", 0))
except StoreError as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to everybody else
        Path(folder).chmod(0o555)
        command = [sys.executable, "-c", code, f"{folder}/run.h5"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    advice = "choose another output, or get permission to write there"
    assert f"run.h5 cannot be written: Permission denied; {advice}" in said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_or_read_only_disk_loses_nothing_that_was_finished(writer, path, monkeypatch, number):
    writer.write_dataset(samples.dataset_part([*FIRST, *SECOND]))
    writer.write(samples.part(samples.PREDICTION, FIRST))

    def fails(_path):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(files, "_sync", fails)
        way_out = "choose another output" if number == errno.EROFS else "free some space and run the same command again"
        with pytest.raises(StoreError, match=rf"\.h5 cannot be written: {os.strerror(number)}; .*{way_out}"):
            writer.write(samples.part(samples.PREDICTION, SECOND))
        with pytest.raises(StoreError, match=way_out):
            writer.pack()
    assert verify(path) == []
    assert status(writer) == {("done", samples.PART, 0)}
    writer.write(samples.part(samples.PREDICTION, SECOND))
    assert writer.pack()
    assert status(writer) == {("done", 2 * samples.PART, 0)}
