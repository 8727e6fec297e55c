"""The first image of a data set: which one it is, and that no image is decoded twice."""

from __future__ import annotations

import attrs
import pytest
from counting import counting

import shapebias as sb
from shapebias.errors import DataError
from shapebias.images.first import FirstImages, read_first_image

MODEL = "cnn:num_classes=2,width=2,depth=2"
CONDITIONS = ["clean", "silhouette", "patch-shuffle:k=2+fgsm:eps=1/255"]


def test_it_is_the_first_that_can_be_read():
    @attrs.frozen
    class Broken:
        images = counting(4).settings
        classes = ("one", "two")

        def __len__(self):
            return 4

        def __getitem__(self, row):
            if row < 2:
                raise DataError(f"image {row} is broken")
            return self.images[row]

    first = read_first_image(Broken())
    assert (first.row, first.sample.id, first.pixels) == (2, "2.png", 256)


def test_a_data_set_that_cannot_be_read_has_none_and_is_tried_once():
    tried = []

    class Broken:
        classes = ("one",)

        def __len__(self):
            return 2

        def __getitem__(self, row):
            tried.append(row)
            raise SystemExit

    first_images, dataset = FirstImages(), attrs.evolve(counting(2), settings=Broken())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(dataset), "canonical", "broken")
        assert [first_images.of(dataset), first_images.pixels(dataset)] == [None, 224 * 224]
    assert tried == [0, 1]


def test_a_run_decodes_each_image_once(tmp_path):
    dataset = counting(8)
    study = sb.Study(dataset, {"a": MODEL, "b": f"{MODEL},seed=1"}, CONDITIONS, "gradient")
    assert sb.run(study, tmp_path / "run.h5", batch_size=3).failures == []
    assert sorted(dataset.settings.decoded) == list(range(8))


def test_later_parts_do_not_decode_the_first_image_again(tmp_path, monkeypatch):
    monkeypatch.setattr("shapebias.engine.plan._PART_IMAGES", 3)
    dataset = counting(8)
    sb.run(sb.Study(dataset, MODEL), tmp_path / "run.h5")
    assert sorted(dataset.settings.decoded) == list(range(8))


def test_a_copy_decodes_each_image_once(tmp_path, monkeypatch):
    monkeypatch.setattr("shapebias.rendering.make._PART_IMAGES", 3)
    dataset = counting(8)
    sb.make(dataset, "silhouette", tmp_path / "copy")
    assert sorted(dataset.settings.decoded) == list(range(8))


def test_a_preview_decodes_each_image_once():
    dataset = counting(8)
    sb.preview(dataset, CONDITIONS, MODEL, images=4)
    assert sorted(dataset.settings.decoded) == [0, 2, 4, 6]


def test_a_training_decodes_each_image_once(tmp_path):
    dataset = counting(8)
    sb.train(sb.Recipe(MODEL, dataset, epochs=1, validation=0.25), tmp_path / "trained.safetensors")
    assert sorted(dataset.settings.decoded) == list(range(8))
