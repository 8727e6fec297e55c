"""Readers while a store is written, writers beside each other, and many studies in one process."""

from __future__ import annotations

import gc
import os
import threading
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import store_samples as samples
from amounts import amount

import shapebias
from shapebias.errors import StoreError
from shapebias.store import Store, Writer, verify
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

    readers = [fork(reader) for _ in range(amount(3, 8))]
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


def test_four_runs_into_four_files(tmp_path):
    study = Study("stimuli:images=16,size=32", "cnn:num_classes=8,width=4", ["clean", "grayscale"])

    def one(number):
        return shapebias.run(study, tmp_path / f"{number}.h5", workers=1).logits(condition="grayscale")

    expected = one("alone")
    with ThreadPoolExecutor(1) as pool:  # torch's global modes belong to the process, so runs in it take turns
        for found in pool.map(one, range(4)):
            np.testing.assert_array_equal(found, expected)


def memory():
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_many_studies_in_one_process_leave_nothing_behind(tmp_path):
    study = Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4", ["clean", "grayscale"], saliency="gradient")
    used = []
    for number in range(amount(6, 400)):
        shapebias.run(study, tmp_path / "run.h5", workers=1).store.close()
        (tmp_path / "run.h5").unlink()
        gc.collect()
        used.append((memory(), handles(), threading.active_count()))
        if number >= 3:
            assert used[-1][1:] == used[3][1:]  # after what is opened once
    assert {path.name for path in tmp_path.iterdir()} == {".run.h5.lock"}
    settled = np.array([megabytes for megabytes, *_ in used[len(used) // 4 :]])
    slope = np.polyfit(np.arange(len(settled)), settled, 1)[0]
    print(f"{len(used)} studies: {settled[0]:.1f} MB to {settled[-1]:.1f} MB, {slope:.4f} MB a study")
    assert slope < amount(2, 1) * 0.25
