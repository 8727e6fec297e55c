"""Published layouts made of a few images: arrays of CIFAR-C, ImageNet's relatives, Tiny ImageNet, visual anagrams."""

from __future__ import annotations

import numpy as np
import pytest
from lay_out_data import lay_out
from PIL import Image

from shapebias.datasets.cifar10_c import Cifar10C
from shapebias.datasets.cifar100_c import Cifar100C
from shapebias.datasets.imagenet_c import ImageNetC
from shapebias.datasets.imagenet_r import ImageNetR
from shapebias.datasets.imagenet_sketch import ImageNetSketch
from shapebias.datasets.imagenet_val import ImageNetVal
from shapebias.datasets.tiny_imagenet import TinyImageNet
from shapebias.datasets.visual_anagrams import VisualAnagrams
from shapebias.errors import DataError
from shapebias.networks.labels import imagenet_wnids
from shapebias.plugins.catalog import default_catalog

random = np.random.default_rng(0)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("SHAPEBIAS_DATA", str(tmp_path))
    return tmp_path


def save(path, width=8, height=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(path)


@pytest.mark.parametrize(("cls", "folder", "classes"), [(Cifar10C, "cifar10-c", 10), (Cifar100C, "cifar100-c", 100)])
def test_severities_are_fifths_of_an_array(data, cls, folder, classes):
    images = random.integers(0, 256, (15, 32, 32, 3), np.uint8)
    labels = np.tile([3, 1, 4], 5)
    (data / folder).mkdir()
    np.save(data / folder / "fog.npy", images)
    np.save(data / folder / "labels.npy", labels)
    for severity in (1, 5):
        pictures = cls("fog", severity)
        rows = slice(3 * (severity - 1), 3 * severity)
        assert np.array_equal([sample.image for sample in pictures], images[rows])
        assert [sample.label for sample in pictures] == [3, 1, 4]
        assert [sample.id for sample in pictures] == ["00000", "00001", "00002"]
    assert len(set(pictures.classes)) == classes
    assert pictures.note == "2 of 20 files"
    assert cls("fog", 1).fingerprint != cls("fog", 2).fingerprint


def test_damaged_arrays_are_named_and_never_unpickled(data):
    (data / "cifar10-c").mkdir()
    np.save(data / "cifar10-c/labels.npy", np.zeros(10, np.int64))
    np.save(data / "cifar10-c/fog.npy", np.array([print]), allow_pickle=True)
    with pytest.raises(DataError, match=r"fog\.npy cannot be read as an array"):
        Cifar10C("fog")[0]
    np.save(data / "cifar10-c/fog.npy", np.zeros((10, 8, 8, 3), np.uint8))
    with pytest.raises(DataError, match=r"fog\.npy is \(10, 8, 8, 3\) uint8, not \(50000, 32, 32, 3\)"):
        Cifar10C("fog")[0]


def test_relatives_of_imagenet(data):
    wnids = imagenet_wnids()
    for name in ("imagenet-r", "imagenet-sketch", "imagenet-val"):
        save(data / name / wnids[7] / "a.png", 20, 16)
        save(data / name / wnids[3] / "b.png", 16, 16)
    assert ImageNetR(size=8).classes == tuple(sorted((wnids[3], wnids[7])))
    for settings in (ImageNetSketch(size=8), ImageNetVal(size=8), ImageNetVal(data / "imagenet-val", size=8)):
        assert settings.classes == wnids
        assert [sample.label for sample in settings] == [3, 7]
        assert settings[0].image.shape == (8, 8, 3)
    assert ImageNetVal(size=8).note == "2 of 50,000 images"
    save(data / "imagenet-c/noise/shot_noise/2" / wnids[9] / "c.png")
    (sample,) = ImageNetC("shot_noise", severity=2)
    assert sample.label == 9


def test_tiny_imagenet_reads_its_validation_table(data):
    root = data / "tiny-imagenet"
    save(root / "val/images/val_1.JPEG")
    save(root / "val/images/val_0.JPEG")
    (root / "wnids.txt").write_text("n02\nn01\n")
    (root / "val/val_annotations.txt").write_text("val_0.JPEG\tn02\t0\t0\t9\t9\nval_1.JPEG\tn01\t0\t0\t9\t9\n")
    pictures = TinyImageNet()
    assert pictures.classes == ("n01", "n02")
    assert [(sample.id, sample.label) for sample in pictures] == [("val_0.JPEG", 1), ("val_1.JPEG", 0)]
    (root / "val/val_annotations.txt").unlink()
    with pytest.raises(DataError, match=r"is not Tiny ImageNet as published"):
        len(TinyImageNet())


def test_anagrams_come_in_pairs(data):
    for position, label in enumerate(("bear", "bunny")):
        save(data / f"visual-anagrams/000_transform_bear_bunny_object{position}_{label}.png")
    pictures = VisualAnagrams()
    assert pictures.pairs == ("000", "000")
    assert [pictures.classes[sample.label] for sample in pictures] == ["bear", "bunny"]
    save(data / "visual-anagrams/001_transform_bear_cat_object0_wolf.png")
    with pytest.raises(DataError, match=r"001_transform_bear_cat_object0_wolf\.png is not named as published"):
        len(VisualAnagrams())


def test_test_data_laid_out_is_found_by_name(data, data_dir):
    lay_out(data_dir, data)
    for name, count, note in (("cue-conflict", 320, "320 of 1,280 images"), ("edges", 80, "80 of 160 images")):
        component = default_catalog().component("dataset", name)
        assert component.text == name
        assert (len(component.settings), component.settings.note) == (count, note)
        by_path = default_catalog().component("dataset", f'cue-conflict:"{data_dir / name}"').settings
        assert component.settings.fingerprint == by_path.fingerprint  # the same on every machine
        assert by_path.note is None
