"""Commands killed at moments that are spread over the whole of them, packing included, and run again."""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import signal
import tarfile
import textwrap

import h5py
import numpy as np
import pytest
from amounts import SOAK, amount
from safetensors.numpy import load_file
from servers import serving

from shapebias.errors import StoreError
from shapebias.store import Store, merge, verify

CONDITIONS = [f"saturate:p={p}" for p in (1, 4, 8, 64)]
CONDITIONS += ["patch-shuffle", "patch-shuffle:k=2", "grayscale", "invert"]
RUN = ["run", "-d", "stimuli:cue=conflict,images=8,size=32", "-q", "-o", "run.h5"]
RUN += [word for seed in (0, 1) for word in ("-m", f"cnn:num_classes=8,width=4,seed={seed}")]
RUN += [word for text in CONDITIONS for word in ("-t", text)]
RUN += ["-a", "fgsm:eps=2/255,4/255", "-s", "gradient"]
CELLS = 2 * 2 * (len(CONDITIONS) + 2)
TRAIN = ["train", "-m", "cnn:num_classes=8,width=4", "-d", "stimuli:images=56,size=32", "--epochs", "3", "-q"]
TRAIN += ["-o", "x.safetensors"]
MERGE = ["merge", "a.h5", "b.h5", "-o", "merged.h5"]
MAKE = ["make", "stimuli:images=12,size=32", "-t", "patch-shuffle", "-o", "made", "--batch-size", "3", "-q"]
PROFILE = ["profile", "cnn:num_classes=8,width=4", "--suite", "quick:images=8,size=32", "-q", "-o", "profile.h5"]
INTERRUPTED = "interrupted; everything finished is in run.h5: run the same command again to continue"
TIMES = "seconds"


def content(path):
    """Read every cell: its numbers, and how long each part took, which is another number where it is computed again."""
    try:
        with Store(path) as store:
            return {
                cell.record.key: ({name: cell.array(name) for name in cell.names}, cell.attributes.get(TIMES))
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
    """Return moments in the middle of equal shares of a run."""
    return sorted({math.ceil((share + 0.5) * touches / count) for share in range(count)})


@pytest.fixture
def whole(forked, memory_disk):
    """Give a function that runs a command undisturbed; it returns its folder and how often it touched its files."""

    def run(command):
        folder = memory_disk / "whole"
        folder.mkdir()
        status, touches = forked(command, folder)
        assert status == 0, (folder / "stderr").read_text()
        return folder, touches

    return run


def resume(forked, command, folder, name, expected):
    """Take up what ended early; what was finished is there, is not computed again, and the end is the expected."""
    for path in folder.rglob("*.h5"):
        with h5py.File(path) as file:  # plain h5py opens it at every moment
            assert file.attrs["format"] == "shapebias"
    kept = content(folder / name)
    assert_equal(kept, expected)
    assert forked(command, folder)[0] == 0
    after = content(folder / name)
    assert after.keys() == expected.keys()
    assert_equal(after, expected)
    assert all(after[key][1] == seconds for key, (_, seconds) in kept.items())  # not computed again
    if SOAK or len(kept) in (0, len(expected)):
        assert verify(folder / name) == []
    assert {path.name for path in folder.iterdir()} == {name, f".{name}.lock", "stderr"}
    return len(kept)


def test_a_killed_study_loses_nothing_and_ends_the_same(forked, memory_disk, whole):
    folder, touches = whole(RUN)
    expected = content(folder / "run.h5")
    assert len(expected) == CELLS == 40
    finished = []
    for moment in spread(touches, amount(12, 200)):
        folder = memory_disk / str(moment)
        folder.mkdir()
        assert forked(RUN, folder, kill_before=moment) == [-signal.SIGKILL, moment]
        finished.append(resume(forked, RUN, folder, "run.h5", expected))
    assert finished == sorted(finished)
    assert finished[-1] == len(expected)


SHORT = ["run", "-d", "stimuli:cue=conflict,images=8,size=32", "-m", "cnn:num_classes=8,width=4", "-q", "-o", "run.h5"]
SHORT += ["-t", "grayscale", "-t", "invert"]


def test_a_study_that_is_told_to_end_loses_nothing(forked, memory_disk, whole):
    folder, touches = whole(SHORT)
    expected = content(folder / "run.h5")
    for moment in spread(touches, amount(2, touches)):
        folder = memory_disk / str(moment)
        folder.mkdir()
        assert forked(SHORT, folder, signals={moment: signal.SIGTERM})[0] == -signal.SIGTERM
        resume(forked, SHORT, folder, "run.h5", expected)


def test_ctrl_c_twice_at_any_two_moments_is_a_message_and_loses_nothing(forked, memory_disk, whole):
    folder, touches = whole(SHORT)
    expected = content(folder / "run.h5")
    pairs = itertools.product(spread(touches, amount(3, 12)), range(1, 30, 2) if SOAK else (9,))
    for number, (first, later) in enumerate(pairs):
        folder = memory_disk / str(number)
        folder.mkdir()
        status, _ = forked(SHORT, folder, signals={first: signal.SIGINT, first + later: signal.SIGINT})
        said = (folder / "stderr").read_text()
        assert status in (0, 1, 130)  # 0: it had finished; 1: click's, before the first cell was begun
        assert said.strip() in {0: ("",), 1: ("Aborted!",), 130: (INTERRUPTED,)}[status]
        resume(forked, SHORT, folder, "run.h5", expected)


def test_a_killed_training_continues_to_the_same_weights(forked, memory_disk, whole):
    folder, touches = whole(TRAIN)
    expected = load_file(folder / "x.safetensors")
    for moment in spread(touches, amount(2, touches)):
        folder = memory_disk / str(moment)
        folder.mkdir()
        assert forked(TRAIN, folder, kill_before=moment) == [-signal.SIGKILL, moment]
        assert forked(TRAIN, folder)[0] == 0
        found = load_file(folder / "x.safetensors")
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
        assert {path.name for path in folder.iterdir()} == {"x.safetensors", ".x.safetensors.lock", "stderr"}


def test_a_killed_merge_leaves_nothing_half_made(forked, memory_disk):
    for name, seed in (("a.h5", 0), ("b.h5", 1)):
        command = ["run", "-d", "stimuli:images=8,size=32", "-m", f"cnn:num_classes=8,width=4,seed={seed}", "-q"]
        assert forked([*command, "-o", name], memory_disk)[0] == 0
    merge([memory_disk / "a.h5", memory_disk / "b.h5"], memory_disk / "expected.h5")
    expected = content(memory_disk / "expected.h5")
    _, touches = forked(MERGE, memory_disk)
    for moment in spread(touches, amount(2, touches)):
        for path in memory_disk.glob("*merged.h5*"):
            path.unlink()
        assert forked(MERGE, memory_disk, kill_before=moment) == [-signal.SIGKILL, moment]
        if not (memory_disk / "merged.h5").exists():
            assert forked(MERGE, memory_disk)[0] == 0
        assert content(memory_disk / "merged.h5").keys() == expected.keys()
        assert_equal(content(memory_disk / "merged.h5"), expected)
        assert verify(memory_disk / "merged.h5") == []
        assert not list(memory_disk.glob("merged*.tmp"))


def files_in(folder):
    """Return the content of every file below a folder, without locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_killed_copy_of_a_data_set_continues_to_the_same_files(forked, memory_disk, whole):
    folder, touches = whole(MAKE)
    expected = files_in(folder / "made")
    assert len(expected) == 12 + 1
    for moment in spread(touches, amount(2, touches)):
        folder = memory_disk / str(moment)
        folder.mkdir()
        assert forked(MAKE, folder, kill_before=moment)[0] == -signal.SIGKILL
        for name, finished in files_in(folder / "made").items():
            if name.endswith(".png"):
                assert finished == expected[name]  # at every moment there is no image or the whole one
        assert forked(MAKE, folder)[0] == 0, (folder / "stderr").read_text()
        assert files_in(folder / "made") == expected


def test_a_killed_profile_continues_to_the_same_answers(forked, memory_disk, whole):
    folder, touches = whole(PROFILE)
    expected = content(folder / "profile.h5")
    assert expected
    for moment in spread(touches, amount(2, touches)):
        folder = memory_disk / str(moment)
        folder.mkdir()
        assert forked(PROFILE, folder, kill_before=moment)[0] == -signal.SIGKILL
        resume(forked, PROFILE, folder, "profile.h5", expected)


PLUGIN = """
    import attrs

    from shapebias import plugin
    from shapebias.fetching import Archive, Source

    @attrs.frozen
    class Pictures:
        classes = ("cat",)

        def __len__(self):
            return 0

    @plugin.hookimpl
    def shapebias_datasets():
        source = Source("pictures", "a few", images=6, archives=[Archive({address!r}, {checksum!r})])
        yield plugin.DatasetSpec("pictures", Pictures, sources=[source])
"""


def archive(images):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for number in range(images):
            member = tarfile.TarInfo(f"set/cat/{number}.png")
            member.size = 600_000
            file.addfile(member, io.BytesIO(np.random.default_rng(number).bytes(member.size)))
    return buffer.getvalue()


def test_a_killed_fetch_ends_with_what_was_published(forked, memory_disk):
    published = archive(6)
    with serving() as host:
        checksum = f"sha256:{hashlib.sha256(published).hexdigest()}"
        address = host.put("/set.tar", published)
        folder = memory_disk / "plugins"
        folder.mkdir()
        (folder / "pictures.py").write_text(textwrap.dedent(PLUGIN).format(address=address, checksum=checksum))
        environment = {"SHAPEBIAS_PLUGINS_DIR": str(folder), "NO_PROXY": "127.0.0.1"}
        command = ["fetch", "pictures", "--to", "data"]
        (memory_disk / "whole").mkdir()
        status, touches = forked(command, memory_disk / "whole", environment=environment)
        assert status == 0, (memory_disk / "whole" / "stderr").read_text()
        expected = files_in(memory_disk / "whole" / "data")
        assert len([name for name in expected if name.endswith(".png")]) == 6
        for moment in spread(touches, amount(2, touches)):
            folder = memory_disk / str(moment)
            folder.mkdir()
            killed = forked(command, folder, kill_before=moment, environment=environment)
            assert killed == [-signal.SIGKILL, moment]
            assert forked(command, folder, environment=environment)[0] == 0
            assert files_in(folder / "data") == expected
