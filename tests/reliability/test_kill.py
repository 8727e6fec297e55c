"""A study of 40 cells killed at moments that are spread over the whole run, packing included, and taken up again."""

from __future__ import annotations

import signal

import h5py
import numpy as np
import pytest
from amounts import amount
from forked_runs import forked_runs
from safetensors.numpy import load_file

from shapebias.errors import StoreError
from shapebias.store import Store, merge, verify

CONDITIONS = [f"saturate:p={p}" for p in (1, 4, 8, 64)] + ["patch-shuffle", "grayscale", "invert", "low-pass"]
RUN = ["run", "-d", "stimuli:cue=conflict,images=8,size=32", "-q", "-o", "run.h5"]
RUN += [word for seed in (0, 1) for word in ("-m", f"cnn:num_classes=8,width=4,seed={seed}")]
RUN += [word for text in CONDITIONS for word in ("-t", text)]
RUN += ["-a", "fgsm:eps=2/255,4/255", "-s", "gradient"]
TRAIN = ["train", "-m", "cnn:num_classes=8,width=4", "-d", "stimuli:images=56,size=32", "--epochs", "3", "-q"]
TRAIN += ["-o", "x.safetensors"]
MERGE = ["merge", "a.h5", "b.h5", "-o", "merged.h5"]
TIMES = "seconds"


@pytest.fixture(scope="module")
def forked():
    with forked_runs() as one:
        yield one


def content(path):
    """Read every cell: its numbers, and how long each part took, which is another number where it is computed again."""
    try:
        with Store(path) as store:
            return {
                cell.record.key: ({name: cell.array(name) for name in cell.names}, cell.attributes[TIMES])
                for cell in store.cells()
                if len(cell.rows)
            }
    except StoreError as error:
        assert "there is no store" in str(error)
        return {}


def assert_equal(found, expected):
    for key, (arrays, _) in found.items():
        assert arrays.keys() == expected[key][0].keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, expected[key][0][name])


def spread(touches, count):
    return sorted(set(np.linspace(1, touches, count).round().astype(int).tolist()))


def test_a_killed_study_loses_nothing_and_ends_the_same(forked, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    status, touches = forked(RUN, whole)
    expected = content(whole / "run.h5")
    assert (status, len(expected)) == (0, 2 * 2 * (len(CONDITIONS) + 2))
    finished = []
    for moment in spread(touches, amount(3, 200)):
        folder = tmp_path / str(moment)
        folder.mkdir()
        assert forked(RUN, folder, kill_before=moment) == [-signal.SIGKILL, moment]
        for path in folder.rglob("*.h5"):
            with h5py.File(path) as file:  # plain h5py opens it at every moment
                assert file.attrs["format"] == "shapebias"
        kept = content(folder / "run.h5")
        finished.append(len(kept))
        assert_equal(kept, expected)
        assert forked(RUN, folder)[0] == 0
        after = content(folder / "run.h5")
        assert after.keys() == expected.keys()
        assert_equal(after, expected)
        assert all(after[key][1] == seconds for key, (_, seconds) in kept.items())  # not computed again
        assert verify(folder / "run.h5") == []
        assert {path.name for path in folder.iterdir()} == {"run.h5", ".run.h5.lock", "stderr"}
    assert finished == sorted(finished)
    assert finished[-1] == len(expected)


def test_a_killed_training_continues_to_the_same_weights(forked, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    status, touches = forked(TRAIN, whole)
    assert status == 0
    expected = load_file(whole / "x.safetensors")
    for moment in spread(touches, amount(4, touches)):
        folder = tmp_path / str(moment)
        folder.mkdir()
        assert forked(TRAIN, folder, kill_before=moment) == [-signal.SIGKILL, moment]
        assert forked(TRAIN, folder)[0] == 0
        found = load_file(folder / "x.safetensors")
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
        assert {path.name for path in folder.iterdir()} == {"x.safetensors", ".x.safetensors.lock", "stderr"}


def test_a_killed_merge_leaves_nothing_half_made(forked, tmp_path):
    for name, seed in (("a.h5", 0), ("b.h5", 1)):
        command = ["run", "-d", "stimuli:images=8,size=32", "-m", f"cnn:num_classes=8,width=4,seed={seed}", "-q"]
        assert forked([*command, "-o", name], tmp_path)[0] == 0
    merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "expected.h5")
    expected = content(tmp_path / "expected.h5")
    _, touches = forked(MERGE, tmp_path)
    for moment in spread(touches, amount(4, touches)):
        (tmp_path / "merged.h5").unlink(missing_ok=True)
        assert forked(MERGE, tmp_path, kill_before=moment) == [-signal.SIGKILL, moment]
        if not (tmp_path / "merged.h5").exists():
            assert forked(MERGE, tmp_path)[0] == 0
        assert content(tmp_path / "merged.h5").keys() == expected.keys()
        assert_equal(content(tmp_path / "merged.h5"), expected)
        assert verify(tmp_path / "merged.h5") == []
        assert not list(tmp_path.glob("merged*.tmp"))
