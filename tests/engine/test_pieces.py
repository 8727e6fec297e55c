"""Pieces and shards have every image of every cell once, and few models each."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shapebias as sb
from shapebias.engine import pieces as cutting
from shapebias.engine.identity import Recorder
from shapebias.engine.pieces import Sender, Shard, pieces
from shapebias.engine.plan import plan_works
from shapebias.errors import StoreError, StudyError
from shapebias.images.first import FirstImages

MODEL = "cnn:num_classes=8,width=2,depth=2"
STUDY = sb.Study(
    {"one": "stimuli:images=24,size=32", "two": "stimuli:images=16,size=32"},
    {f"net-{seed}": f"{MODEL},seed={seed}" for seed in range(3)},
    ["clean", "grayscale", "patch-shuffle:k=2"],
    "gradient",
    saliency_limit=5,
)


@pytest.fixture
def works(monkeypatch):
    monkeypatch.setattr("shapebias.engine.plan._PART_IMAGES", 10)
    return list(plan_works(STUDY, Recorder(STUDY, "float32").cells(), {}, FirstImages()))


def counted(works):
    return Counter((task.key, row) for work in works for task in work.tasks for row in task.rows)


@pytest.mark.parametrize("workers", [1, 2, 7, 1000])
def test_pieces_have_each_image_of_each_cell_once(works, workers):
    found = pieces(works, workers)
    assert counted(found) == counted(works)
    assert set(counted(works).values()) == {1}
    for piece in found:
        assert len({task.cell.model.title for task in piece.tasks}) == 1
        assert {*piece.rows} == {row for task in piece.tasks for row in task.rows}
    titles = [piece.model.title for piece in found]
    assert titles == sorted(titles)


def test_a_long_share_is_cut_between_conditions(works, monkeypatch):
    assert len(pieces(works, 1)) == len(works) * 3
    monkeypatch.setattr(cutting, "_MOST_IMAGES", 1)
    found = pieces(works, 1)
    assert len(found) == len(works) * 3 * 3
    assert all(len({task.cell.condition.title for task in piece.tasks}) == 1 for piece in found)


@settings(deadline=None, max_examples=30)
@given(count=st.integers(1, 40))
def test_shards_are_a_partition_whatever_their_number(count):
    works = list(plan_works(STUDY, Recorder(STUDY, "float32").cells(), {}, FirstImages()))
    shares = [list(Shard(number, count).of(works)) for number in range(1, count + 1)]
    assert counted(work for share in shares for work in share) == counted(works)


def test_a_shard_has_few_models_and_about_its_share(works):
    shares = [list(Shard(number, 3).of(works)) for number in (1, 2, 3)]
    for share in shares:
        assert len({task.cell.model.title for work in share for task in work.tasks}) == 1
    assert len({counted(share).total() for share in shares}) == 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "1/0", "-1/3", "a/b", "1/3/4", ""])
def test_shards_that_do_not_exist_are_refused(text):
    with pytest.raises(StudyError, match="shard"):
        Shard.parse(text)


def test_a_work_is_sent_in_few_bytes_and_read_back(works):
    study = pickle.loads(pickle.dumps(STUDY))  # noqa: S301 - our own bytes
    for work in pieces(works, 2):
        sent = pickle.dumps(Sender(STUDY).sent(work))
        found = pickle.loads(sent).work(study)  # noqa: S301
        assert found == work
        assert all(each.cell.model is study.models[int(each.cell.model.title[-1])] for each in found.tasks)
        assert b"spelling" not in sent


def test_three_shards_make_the_same_file_as_one_run(tmp_path, monkeypatch):
    monkeypatch.setattr("shapebias.engine.plan._PART_IMAGES", 10)
    usual = sb.run(STUDY, tmp_path / "usual.h5", device="cpu")
    files = [tmp_path / f"run-{number}.h5" for number in (1, 2, 3)]
    for number, file in enumerate(files, start=1):
        sb.run(STUDY, file, device="cpu", shard=f"{number}/3").close()
    sb.merge(files, tmp_path / "run.h5")
    found = sb.open(tmp_path / "run.h5")
    assert found.store.header.shard == ""
    assert [cell.record for cell in found.store.cells()] == [cell.record for cell in usual.store.cells()]
    for cell, wanted in zip(found.store.cells(), usual.store.cells(), strict=True):
        assert cell.names == wanted.names
        for name in cell.names:
            np.testing.assert_array_equal(cell.array(name), wanted.array(name))
    with pytest.raises(StoreError, match=r"shard 2/3 is missing; compute it with --shard 2/3"):
        sb.merge([files[0], files[2]], tmp_path / "other.h5")
    with pytest.raises(StoreError, match=r"(?s)1/3 is given more than once: .*run-1.h5 and .*run-1.h5.*3/3 is mis"):
        sb.merge([files[0], files[0], files[1]], tmp_path / "other.h5")
    with pytest.raises(StudyError, match=r"run-1.h5 has shard 1/3, not shard 2/3; give each shard a file of its own"):
        sb.run(STUDY, files[0], shard="2/3")
    with pytest.raises(StudyError, match=r"usual.h5 has a whole study, not shard 2/3"):
        sb.run(STUDY, tmp_path / "usual.h5", shard="2/3")


def test_a_shard_loads_its_models_alone_and_continues(tmp_path):
    study = sb.Study("stimuli:images=8,size=32", {"net": MODEL, "absent": "checkpoint:absent.safetensors"})
    with pytest.raises(sb.plugin.ShapebiasError, match=r"absent\.safetensors"):
        sb.run(study, tmp_path / "run.h5", shard="1/2")


def test_more_shards_than_pieces_leave_some_empty(tmp_path):
    study = sb.Study("stimuli:images=8,size=32", MODEL)
    files = [tmp_path / f"run-{number}.h5" for number in (1, 2)]
    for number, file in enumerate(files, start=1):
        sb.run(study, file, device="cpu", shard=f"{number}/2").close()
    sb.merge(files, tmp_path / "run.h5")
    assert len(sb.open(tmp_path / "run.h5").answers()) == 1
