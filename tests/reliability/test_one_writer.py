"""One writer for each output, whatever its name; what a killed writer leaves is removed; a full disk is a message."""

from __future__ import annotations

import errno
import os

import pytest
import store_samples as samples

from shapebias import files
from shapebias.engine import runner
from shapebias.errors import DataError, PluginError, StoreError, TrainingError
from shapebias.files import read_text
from shapebias.interop import export_decisions
from shapebias.plugins.discovery import discover
from shapebias.runtime.progress import Interrupted
from shapebias.store import Results, Store, Writer, merge, verify
from shapebias.store.locking import WriterLock
from shapebias.study import Study
from shapebias.training.loop import train
from shapebias.training.recipe import Recipe

RECIPE = Recipe("cnn:num_classes=8,width=4", "stimuli:images=56,size=32", epochs=1)
STRAY = "0123456789ab.tmp"


def test_a_link_and_its_target_are_one_store(tmp_path):
    (tmp_path / "link.h5").symlink_to("run.h5")
    refused = pytest.raises(StoreError, match=r"run\.h5 is being written by another process")
    with Writer(tmp_path / "run.h5", samples.HEADER), refused:
        Writer(tmp_path / "link.h5", samples.HEADER)
    samples.write_all(tmp_path / "link.h5", pack=True)
    assert (tmp_path / "link.h5").is_symlink()
    assert verify(tmp_path / "run.h5") == []
    with Store(tmp_path / "link.h5") as store:
        assert len(store.cells()) == len(samples.CELLS)


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "run.h5").symlink_to("run.h5")
    for use in (Store, verify, lambda path: Writer(path, samples.HEADER)):
        with pytest.raises(StoreError, match=r"run\.h5 is a link to itself; choose another file"):
            use(tmp_path / "run.h5")


def test_two_trainings_into_one_output_are_refused(tmp_path):
    refused = pytest.raises(TrainingError, match=r"x\.safetensors is being written by another process")
    with WriterLock(tmp_path / "x.safetensors"), refused:
        train(RECIPE, tmp_path / "x.safetensors")


def test_training_removes_what_a_killed_one_left(tmp_path):
    strays = [tmp_path / f"x.safetensors.{STRAY}", tmp_path / f"x.safetensors.unfinished.{STRAY}"]
    others = tmp_path / f"y.safetensors.{STRAY}"
    for path in (*strays, others):
        path.write_bytes(b"half")
    train(RECIPE, tmp_path / "x.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {"x.safetensors", ".x.safetensors.lock", others.name}


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_training_on_a_full_disk_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(TrainingError, match="cannot be written: No space left on device; finished epochs are kept"):
        train(RECIPE, tmp_path / "x.safetensors")


def test_export_on_a_full_disk_says_what_to_do(tmp_path, monkeypatch):
    samples.write_all(tmp_path / "run.h5", pack=True)
    monkeypatch.setattr(files, "_sync", full)
    refused = pytest.raises(StoreError, match="cannot be written: No space left on device")
    with Results(tmp_path / "run.h5") as results, refused:
        export_decisions(results, tmp_path / "exported")


def test_merging_removes_what_a_killed_one_left(tmp_path):
    samples.write_all(tmp_path / "run.h5", pack=True)
    (tmp_path / f"merged.h5.{STRAY}").write_bytes(b"half")
    merge([tmp_path / "run.h5"], tmp_path / "merged.h5")
    assert {path.name for path in tmp_path.glob("merged*")} == {"merged.h5"}


@pytest.mark.parametrize("interrupted_in", ["the run", "packing"])
def test_a_second_interrupt_while_packing_ends_in_a_message(tmp_path, monkeypatch, interrupted_in):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    study = Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4")
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "pack", interrupt)
        if interrupted_in == "the run":
            patch.setattr(runner, "_execute", interrupt)
        with pytest.raises(Interrupted, match="run the same command again to continue"):
            runner.run(study, tmp_path / "run.h5")
    assert len(runner.run(study, tmp_path / "run.h5").answers()) == 1
    assert verify(tmp_path / "run.h5") == []


def test_a_pipe_in_place_of_a_text_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "study.toml")
    with pytest.raises(DataError, match=r"study\.toml is a pipe, socket or device; give a file"):
        read_text(tmp_path / "study.toml")


def test_a_text_of_many_megabytes_is_refused(tmp_path):
    with (tmp_path / "study.toml").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(DataError, match="has more than 16 MB"):
        read_text(tmp_path / "study.toml")


def test_plugins_that_everybody_may_write_are_not_run(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text("raise SystemExit(3)")
    plugin.chmod(0o666)
    with pytest.raises(PluginError, match=r"every user of this machine can write to .*mine\.py"):
        discover([tmp_path])
    plugin.chmod(0o644)
    folder = tmp_path / "open" / "plugins"
    folder.mkdir(parents=True)
    (folder / "mine.py").symlink_to(plugin)
    folder.parent.chmod(0o777)
    with pytest.raises(PluginError, match=r"every user of this machine can write to .*open, so"):
        discover([folder])
    tmp_path.chmod(0o777)
    with pytest.raises(PluginError, match=r"every user of this machine can write to .*, so the code in .* is not run"):
        discover([tmp_path])
