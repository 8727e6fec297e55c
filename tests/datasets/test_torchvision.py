"""Torchvision's data sets, read from small files in their own formats, against what was written into them."""

from __future__ import annotations

import bz2
import pickle
import struct
import warnings

import numpy as np
import pytest
import torchvision
from PIL import Image

from shapebias.datasets.torchvision import Torchvision
from shapebias.errors import DataError, SpellingError, UnknownNameError
from shapebias.plugins.catalog import default_catalog
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import Options, build, spell

random = np.random.default_rng(0)
PIXELS = random.integers(0, 256, (6, 28, 28), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9], np.uint8)


@pytest.fixture
def mnist(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, images, labels in (("train", PIXELS[:4], LABELS[:4]), ("t10k", PIXELS[4:], LABELS[4:])):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, *images.shape) + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, len(labels)) + labels.tobytes())
    return tmp_path


@pytest.fixture
def imagenette(tmp_path):
    for wnid, side in (("n03000684", 20), ("n01440764", 30)):
        folder = tmp_path / "imagenette2-160" / "val" / wnid
        folder.mkdir(parents=True)
        Image.fromarray(random.integers(0, 256, (side, side + 5, 3), np.uint8)).save(folder / "a.jpeg")
    return tmp_path


@pytest.fixture
def caltech(tmp_path):
    for position, name in enumerate(["001.ak47", "002.american-flag"], start=1):
        folder = tmp_path / "caltech256" / "256_ObjectCategories" / name
        folder.mkdir(parents=True)
        for number in range(1, 3):
            Image.fromarray(np.full((9, 9), 40 * position + number, np.uint8)).save(
                folder / f"00{position}_000{number}.jpg"
            )
    return tmp_path


def test_train_and_test_where_the_class_says_train(mnist):
    train, test = (Torchvision("MNIST", mnist, split) for split in ("train", "test"))
    assert [sample.label for sample in train] == [3, 1, 4, 1]
    assert [sample.label for sample in test] == [5, 9]
    assert [sample.id for sample in test] == ["000000", "000001"]
    assert np.array_equal(test[1].image, PIXELS[5][..., None].repeat(3, -1))
    assert train.classes[:2] == ("0 - zero", "1 - one")


def test_the_words_of_the_class_where_it_says_split(imagenette):
    data = Torchvision("Imagenette", imagenette, "val", size=16, crop=0.8, arg=Options(size="160px"))
    assert data.classes == ("n01440764", "n03000684")
    assert [sample.label for sample in data] == [0, 1]
    image = Image.open(imagenette / "imagenette2-160/val/n01440764/a.jpeg")
    steps = [torchvision.transforms.Resize(20), torchvision.transforms.CenterCrop(16)]
    assert np.array_equal(data[0].image, torchvision.transforms.Compose(steps)(image))
    with pytest.raises(
        DataError, match=r"torchvision:Imagenette image 1 is 20 x 25 pixels but the first .* is 30 x 35"
    ):
        Torchvision("Imagenette", imagenette, "val", arg=Options(size="160px"))[1]


def test_no_split_and_grey_files(caltech):
    data = Torchvision("Caltech256", caltech)
    assert data.classes == ("001.ak47", "002.american-flag")
    assert [sample.label for sample in data] == [0, 0, 1, 1]
    assert data[3].image.shape == (9, 9, 3)
    assert abs(data[3].image.astype(int) - 82).max() <= 1


def test_classes_are_digits_where_none_are_named(tmp_path):
    lines = [
        f"{label + 1} " + " ".join(f"{position + 1}:{value}" for position in range(256))
        for label, value in [(7, -1), (2, 1)]
    ]
    (tmp_path / "usps.t.bz2").write_bytes(bz2.compress("\n".join(lines).encode()))
    data = Torchvision("USPS", tmp_path, "test")
    assert data.classes == tuple("01234567")
    assert [(sample.label, sample.image.max()) for sample in data] == [(7, 0), (2, 255)]


def test_missing_files_say_how_to_get_them(tmp_path):
    for name, split in (("CIFAR10", "test"), ("Caltech256", None), ("USPS", "test"), ("Imagenette", "val")):
        with pytest.raises(DataError, match=rf"torchvision:{name} cannot be read .*; add download=true, or give root="):
            len(Torchvision(name, tmp_path, split))


def test_damaged_files_are_named(caltech):
    path = caltech / "caltech256/256_ObjectCategories/002.american-flag/002_0001.jpg"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="torchvision:Caltech256 image 2 cannot be decoded"):
        Torchvision("Caltech256", caltech)[2]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"name": "CIFAR-10"}, UnknownNameError, r"no data set 'CIFAR-10'; did you mean 'CIFAR10'\?"),
        ({"name": "FakeData"}, UnknownNameError, "no data set 'FakeData'"),
        ({"name": "CIFAR10"}, SpellingError, "split is None; give split=train or split=test"),
        ({"name": "CIFAR10", "split": "val"}, SpellingError, "split is val; give split=train or split=test"),
        ({"name": "Imagenette"}, SpellingError, "several splits; choose one"),
        ({"name": "Imagenette", "split": "test"}, SpellingError, r"refuses its parameters: .*'test'.*'val'"),
        ({"name": "Caltech256", "split": "test"}, SpellingError, "has no splits; leave split=test out"),
        ({"name": "ImageNet", "split": "val", "download": True}, SpellingError, "cannot be downloaded"),
        (
            {"name": "Imagenette", "split": "val", "arg": Options(sise="160px")},
            SpellingError,
            r"no option arg\.sise; did you mean 'size'\?; it has size",
        ),
        ({"name": "CocoCaptions"}, SpellingError, "refuses its parameters: .*annFile"),
    ],
)
def test_wrong_parameters_are_explained(settings, error, message, tmp_path):
    with pytest.raises(error, match=message):
        len(Torchvision(root=tmp_path, **settings))


def test_data_sets_of_other_kinds_are_refused(tmp_path):
    for part in ("Annotations", "SegmentationClass", "JPEGImages", "ImageSets/Segmentation"):
        (tmp_path / "VOCdevkit/VOC2012" / part).mkdir(parents=True)
    (tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt").write_text("a\n")
    for name in ("JPEGImages/a.jpg", "SegmentationClass/a.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "VOCdevkit/VOC2012" / name)
    data = Torchvision("VOCSegmentation", tmp_path)
    with pytest.raises(DataError, match="not an image and the index of its class"):
        data[0]
    with pytest.raises(DataError, match="does not state its classes"):
        data.classes  # noqa: B018 - a property


def test_fingerprint_belongs_to_the_data_set_and_not_to_its_root(mnist):
    first = Torchvision("MNIST", mnist, "test").fingerprint
    (mnist / "another data set").mkdir()
    assert Torchvision("MNIST", mnist, "test").fingerprint == first
    assert Torchvision("MNIST", mnist, "train").fingerprint != first


def test_pickle_and_text_give_it_back(mnist):
    text = f'torchvision:MNIST,root="{mnist}",split=test,size=14,interpolation=bicubic'
    data = default_catalog().component("dataset", text).settings
    assert len(data) == 2
    for copy in (pickle.loads(pickle.dumps(data)), build(Torchvision, parse(spell("torchvision", data)))):  # noqa: S301
        assert copy == data
        assert np.array_equal(copy[1].image, data[1].image)
    with pytest.raises(IndexError):
        data[2]
    with pytest.raises(SpellingError, match=r"crop=0\.5 does nothing without a size"):
        Torchvision("MNIST", mnist, "test", crop=0.5)


def test_reading_warns_of_nothing(mnist):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Torchvision("MNIST", mnist, "test")[0].image.any()
