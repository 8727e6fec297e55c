"""Readers while a store is written, writers beside each other, and many studies in one process."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
import traceback
import warnings

import numpy as np
import store_samples as samples
import torch
from amounts import amount

import shapebias
from shapebias.errors import StoreError
from shapebias.store import Results, Store, Writer, verify
from shapebias.study import Study


def read(path):
    """Read all of a store as it is now; every number is a formula of its row."""
    with Store(path) as store:
        for cell in store.cells():
            record = next(record for record in samples.CELLS if record == cell.record)
            for name, expected in samples.arrays(record, cell.rows).items():
                np.testing.assert_array_equal(cell.array(name), expected)
        return len(store.cells())


def fork(task):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child uses no thread of this process
        child = os.fork()
    if child == 0:
        status = 1
        try:
            task()
            status = 0
        except BaseException:  # noqa: BLE001 - a fork must not go on as another pytest
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def test_readers_during_a_write_see_right_numbers_or_packed_parts(tmp_path):
    path, done = tmp_path / "run.h5", tmp_path / "done"
    with Writer(path, samples.HEADER) as writer:
        samples.put(writer, samples.everything()[0])

    def reader():
        while not done.exists():
            time.sleep(0.05)
            try:
                read(path)
                assert verify(path) == []
            except StoreError as error:
                assert "has been packed since" in str(error)
        read(path)

    readers = [fork(reader) for _ in range(amount(2, 8))]
    try:
        for _ in range(amount(1, 20)):
            with Writer(path, samples.HEADER) as writer:
                for one in samples.everything():
                    samples.put(writer, one)
                writer.pack()
    finally:
        done.touch()
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in readers]
    assert set(statuses) == {0}
    assert read(path) == len(samples.CELLS)


def test_four_runs_into_four_files_on_one_data_set(forked, memory_disk):
    make = ["make", "stimuli:images=56,size=32", "-o", "images", "-q"]
    assert forked(make, memory_disk)[0] == 0
    command = ["run", "-d", "folder:images", "-m", "cnn:num_classes=8,width=4", "-t", "grayscale", "-q", "-o"]
    assert forked([*command, "alone.h5"], memory_disk)[0] == 0, (memory_disk / "stderr").read_text()
    names = [f"{number}.h5" for number in range(4)]
    jobs = [forked.job([*command, name], memory_disk) for name in names]
    assert [status for status, _ in forked.at_once(jobs)] == [0, 0, 0, 0]
    with Results(memory_disk / "alone.h5") as results:
        expected = results.logits(condition="grayscale")
    for name in names:
        assert verify(memory_disk / name) == []
        with Results(memory_disk / name) as results:
            np.testing.assert_array_equal(results.logits(condition="grayscale"), expected)


def test_of_four_runs_into_one_file_one_writes_and_the_others_are_refused(forked, memory_disk):
    command = ["run", "-d", "stimuli:images=16,size=32", "-m", "cnn:num_classes=8,width=4", "-q", "-o", "run.h5"]
    command += [word for p in (1, 2, 4, 8, 16, 32) for word in ("-t", f"saturate:p={p}")]
    folders = [memory_disk / str(number) for number in range(4)]
    for folder in folders:  # each has a folder for what it says, and a link to the one file
        folder.mkdir()
        (folder / "run.h5").symlink_to(memory_disk / "run.h5")
    statuses = [status for status, _ in forked.at_once([forked.job(command, folder) for folder in folders])]
    refused = [(folder / "stderr").read_text() for folder, status in zip(folders, statuses, strict=True) if status]
    assert 0 in statuses
    assert set(statuses) <= {0, 2}
    assert all("is being written by another process" in said for said in refused)
    assert verify(memory_disk / "run.h5") == []
    with Results(memory_disk / "run.h5") as results:
        assert len(results.answers()) == 7


def memory():
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def join_decoders():
    """Wait for threads that have been told to end; one that has not is still there afterwards, and is counted."""
    for thread in threading.enumerate():
        if thread.name.startswith("decode"):
            thread.join(timeout=10)


def hooks():
    module = torch.nn.modules.module
    names = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
    return sum(len(getattr(module, name)) for name in names)


def test_many_studies_in_one_process_leave_nothing_behind(tmp_path, monkeypatch):
    """In the soak about 20 minutes of them on an idle core."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    conditions = ["clean", "grayscale"]
    study = Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4", conditions, saliency="gradient")
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 8))
    used = []
    for number in range(amount(8, 3600)):
        if number % 4:
            shapebias.run(study, tmp_path / "run.h5", workers=1).store.close()
            (tmp_path / "run.h5").unlink()
        else:
            shapebias.evaluate(network, "stimuli:images=8,size=32", conditions, saliency="gradient", workers=1)
        gc.collect()
        join_decoders()
        assert not list(temporary.iterdir())
        used.append((memory(), handles(), threading.active_count(), hooks(), len(network._forward_hooks)))
        if number >= 4:
            assert used[-1][1:] == used[4][1:]  # after what is opened once
    assert {path.name for path in tmp_path.iterdir()} == {".run.h5.lock", "temporary"}
    settled = np.array([megabytes for megabytes, *_ in used[len(used) // 2 :]])
    slope = np.polyfit(np.arange(len(settled)), settled, 1)[0]
    print(f"{len(used)} studies: {settled[0]:.1f} MB to {settled[-1]:.1f} MB, {slope:.4f} MB a study")
    assert slope < amount(500, 5) / 1000
