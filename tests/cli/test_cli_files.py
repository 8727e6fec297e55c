"""The commands about the file itself; what they promise of the store is tested with the store."""

from __future__ import annotations

import shutil

import h5py
import pytest

import shapebias
from shapebias.store.results import open_store


@pytest.fixture
def copy(run_file, tmp_path):
    return shutil.copy(run_file, tmp_path / "run.h5")


def test_verify_says_that_a_file_is_whole(cli, copy):
    result = cli("verify", copy)
    assert (result.exit_code, result.stdout) == (0, f"{copy} is intact.\n")


def test_verify_names_what_is_damaged_and_its_status_is_1(cli, copy):
    with h5py.File(copy, "r") as file:
        positions = {}
        file.visititems(lambda name, item: positions.update({name: item}) if name.endswith("/logits") else None)
        name, dataset = next(iter(positions.items()))
        chunked = dataset.chunks is not None
        offset = dataset.id.get_chunk_info(0).byte_offset if chunked else dataset.id.get_offset()
    with copy.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0xFF]))
    result = cli("verify", copy)
    assert result.exit_code == 1
    assert name.rpartition("/")[0] in result.stdout
    assert "is intact" not in result.stdout


def test_pack_of_a_packed_file_changes_nothing_that_is_read(cli, copy):
    with open_store(copy) as results:
        before = results.metric("accuracy")
    result = cli("pack", copy)
    assert (result.exit_code, result.output) == (0, "")
    with open_store(copy) as results:
        assert results.metric("accuracy").equals(before)


def test_merge_joins_studies(cli, tmp_path):
    common = ["-d", "stimuli:images=16,size=32", "-m", "cnn:num_classes=8,width=4", "-q"]
    assert cli("run", *common, "-o", "a.h5").exit_code == 0
    assert cli("run", *common, "--no-clean", "-t", "grayscale", "-o", "b.h5").exit_code == 0
    result = cli("merge", "a.h5", "b.h5", "-o", "both.h5")
    assert (result.exit_code, result.stdout) == (0, "Results are in both.h5.\n")
    with open_store(tmp_path / "both.h5") as results:
        assert {answers.condition for answers in results.answers()} == {"clean", "grayscale"}
    again = cli("merge", "a.h5", "b.h5", "-o", "both.h5")
    assert again.exit_code == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize("command", [["verify"], ["pack"], ["merge", "-o", "out.h5"]])
def test_a_file_that_is_not_there_is_status_2(cli, command):
    result = cli(*command, "nothing.h5")
    assert result.exit_code == 2
    assert "nothing.h5" in result.stderr


def test_drop_says_what_it_removes(cli, tmp_path):
    dataset = "stimuli:cue=conflict,images=8,size=32"
    study = shapebias.Study(dataset, {"small": "cnn:num_classes=8,width=4"}, ["clean", "saturate:p=8"])
    shapebias.run(study, tmp_path / "run.h5")
    tried = cli("drop", "run.h5", "-c", "saturate", "--dry-run")
    assert tried.stdout == f"{dataset} | small | saturate:p=8\n1 cell would be removed from run.h5.\n"
    assert cli("drop", "run.h5", "-c", "saturate:p=8").stdout.endswith("1 cell removed from run.h5.\n")
    with shapebias.open(tmp_path / "run.h5") as results:
        assert results.cells().condition.tolist() == ["clean"]
    assert cli("drop", "run.h5").exit_code == 2
    missing = cli("drop", "run.h5", "-m", "smal")
    assert (missing.exit_code, "did you mean 'small'?" in missing.stderr) == (2, True)
