"""``shapebias run`` against what ends it: SIGKILL at any moment, a full disk, another run, a later format."""

from __future__ import annotations

import errno
import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from forked_runs import forked_runs

from shapebias import files
from shapebias.cli import main
from shapebias.errors import StoreError
from shapebias.store import Results, verify

CONDITIONS = ["clean", "saturate:p=8", "patch-shuffle:k=4", "grayscale"]
COMMAND = ["run", "-d", "stimuli:cue=conflict,images=56,size=32", "-m", "cnn:num_classes=8,width=8", "-o", "run.h5"]
COMMAND += ["-q", *(word for condition in CONDITIONS[1:] for word in ("-t", condition))]


@pytest.fixture(scope="module")
def run():
    """Run the command in a folder: returns its status and how often it touched its files."""
    with forked_runs() as one:
        yield functools.partial(one, COMMAND)


@attrs.frozen
class Undisturbed:
    """A run that nothing befell: its folder, its answers, and how often it touched its files."""

    folder: Path
    logits: dict[str, np.ndarray]
    touches: int


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    status, touches = run(folder)
    assert (status, verify(folder / "run.h5")) == (0, [])
    return Undisturbed(folder, logits_in(folder), touches)


def logits_in(folder):
    """Return what is finished, by condition."""
    with Results(folder / "run.h5") as results:
        answers = results.answers()
        assert all((one.logits.argmax(axis=1) == one.prediction).all() for one in answers)
        return {one.condition: one.logits for one in answers}


def seconds_in(folder):
    """Return how long each finished cell took: another number where it was computed again."""
    try:
        with Results(folder / "run.h5") as results:
            return {one.condition: one.cell.attributes["seconds"] for one in results.answers()}
    except StoreError as error:
        assert "there is no store" in str(error)  # killed before there was anything
        return {}


def assert_same_answers(found, expected):
    for condition, logits in found.items():
        np.testing.assert_array_equal(logits, expected[condition])


def assert_killed_runs_lose_nothing(run, undisturbed, folder, moments):
    finished = []
    for moment in sorted(moments):
        folder_of_run = folder / str(moment)
        folder_of_run.mkdir()
        assert run(folder_of_run, kill_before=moment) == [-signal.SIGKILL, moment]
        kept = seconds_in(folder_of_run)
        finished.append(len(kept))
        if kept:
            assert_same_answers(logits_in(folder_of_run), undisturbed.logits)
            assert all("left by a writer that was killed" in problem for problem in verify(folder_of_run / "run.h5"))
        assert run(folder_of_run)[0] == 0
        assert verify(folder_of_run / "run.h5") == []
        assert {path.name for path in folder_of_run.iterdir()} == {"run.h5", ".run.h5.lock", "stderr"}
        assert list(logits_in(folder_of_run)) == CONDITIONS
        assert_same_answers(logits_in(folder_of_run), undisturbed.logits)
        assert kept.items() <= seconds_in(folder_of_run).items()  # what was finished is not computed again
    assert finished == sorted(finished)  # who was killed later has as much or more


def test_killed_runs_lose_nothing_and_go_on_to_the_same_answers(run, undisturbed, tmp_path):
    assert list(undisturbed.logits) == CONDITIONS
    moments = 1 + np.random.default_rng(0).choice(undisturbed.touches, 4, replace=False)
    assert_killed_runs_lose_nothing(run, undisturbed, tmp_path, moments.tolist())


@pytest.mark.slow
def test_runs_killed_at_any_moment_lose_nothing(run, undisturbed, tmp_path):
    assert undisturbed.touches > 50
    assert_killed_runs_lose_nothing(run, undisturbed, tmp_path, range(1, undisturbed.touches + 1))


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_answers(run, undisturbed, tmp_path):
    for moment in (5, 14, 14, 20, 30, 40):
        assert run(tmp_path, kill_before=moment)[0] == -signal.SIGKILL
    assert run(tmp_path)[0] == 0
    assert_same_answers(logits_in(tmp_path), undisturbed.logits)
    assert verify(tmp_path / "run.h5") == []


STOPPING = """
import os, signal
from shapebias import plugin

@plugin.hookimpl
def shapebias_cell_finished():
    os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_while_a_run_is_going_on_a_second_one_is_refused_and_after_its_death_it_is_not(
    undisturbed, tmp_path, monkeypatch
):
    """Here it is the real command, killed from outside; it stops after its first cell, so that it cannot end before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "stopping.py").write_text(STOPPING)
    environment = {**os.environ, "SHAPEBIAS_PLUGINS_DIR": str(tmp_path / "plugins")}
    with subprocess.Popen([sys.executable, "-m", "shapebias", *COMMAND], env=environment) as first:
        try:
            assert os.WIFSTOPPED(os.waitpid(first.pid, os.WUNTRACED)[1])
            second = CliRunner().invoke(main, COMMAND)
        finally:
            first.kill()
    assert first.returncode == -signal.SIGKILL
    assert second.exit_code == 2
    assert f"run.h5 is being written by another process (process {first.pid} on " in second.stderr
    assert "wait for it or stop it, or choose another output" in second.stderr
    assert CliRunner().invoke(main, COMMAND).exit_code == 0
    assert_same_answers(logits_in(tmp_path), undisturbed.logits)
    assert verify("run.h5") == []


def test_a_disk_without_room_for_the_packed_file_ends_in_a_message_and_keeps_the_parts(run, undisturbed, tmp_path):
    """The operating system's own refusal: no file may be as large as the packed one."""
    packed = (undisturbed.folder / "run.h5").stat().st_size
    assert run(tmp_path, most_bytes=packed - 1)[0] == 2
    said = (tmp_path / "stderr").read_text()
    assert "run.h5 cannot be written: File too large; every finished part is kept: free some space and run the" in said
    assert "Traceback" not in said
    assert list(logits_in(tmp_path)) == CONDITIONS
    before = seconds_in(tmp_path)
    assert run(tmp_path)[0] == 0
    assert seconds_in(tmp_path) == before
    assert_same_answers(logits_in(tmp_path), undisturbed.logits)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (
            errno.ENOSPC,
            "No space left on device; every finished part is kept: free some space and run the same command",
        ),
        (errno.EROFS, "Read-only file system; choose another output, or get permission to write there"),
    ],
)
def test_a_disk_that_refuses_in_the_middle_keeps_what_is_finished(undisturbed, tmp_path, monkeypatch, number, message):
    monkeypatch.chdir(tmp_path)
    sync, calls = files._sync, []

    def refuses(path):
        calls.append(path)
        if len(calls) > 8:  # after the header, the data set and two cells, each a file and a folder
            raise OSError(number, os.strerror(number))
        sync(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_sync", refuses)
        result = CliRunner().invoke(main, COMMAND)
    assert result.exit_code == 2
    assert f".h5 cannot be written: {message}" in result.stderr
    assert list(logits_in(tmp_path)) == CONDITIONS[:2]
    assert verify("run.h5") == []
    assert CliRunner().invoke(main, COMMAND).exit_code == 0
    assert_same_answers(logits_in(tmp_path), undisturbed.logits)


def test_a_file_of_a_later_version_is_refused_and_left_alone(undisturbed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run.h5"
    path.write_bytes((undisturbed.folder / "run.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 2
    before = path.read_bytes()
    result = CliRunner().invoke(main, COMMAND)
    assert result.exit_code == 2
    assert "run.h5 has format version 2; this shapebias reads up to version 1: upgrade shapebias, or" in result.stderr
    assert path.read_bytes() == before
