"""Data sets against what was put into them, and against the built-in ``folder``."""

from __future__ import annotations

import contextlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet as pq
from shapebias_hf.dataset import HuggingFaceDataset

import shapebias as sb

NAMES = ["cat", "dog", "owl"]
LABELS = [0, 2, 1, 2, 0]


@pytest.fixture(autouse=True, scope="module")
def _cache_of_its_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 20, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def table(pixels):
    return make(pixels)


def make(pixels, **columns):
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=NAMES))
    rows = {"image": [Image.fromarray(each) for each in pixels], "label": LABELS[: len(pixels)]}
    whole = datasets.Dataset.from_dict(rows, features=features)
    for name, values in columns.items():
        whole = whole.add_column(name, values)
    return whole


def to_parquet(table, path):
    table.to_parquet(path)
    return str(path)


def to_folder(table, path):
    table.save_to_disk(path)
    return str(path)


def identity(source):
    """Return what a study keeps of the data set: the content of its files, the listing of its folder, the commit."""
    settings = HuggingFaceDataset(str(source))
    files = settings.files()
    listings = [
        [(file.name, file.stat().st_size) for file in sorted(path.rglob("*"))] for path in files if path.is_dir()
    ]
    return settings.fingerprint, listings, [path.read_bytes() for path in files if path.is_file()]


@pytest.mark.parametrize("write", [to_parquet, to_folder])
def test_what_is_put_in_comes_out(tmp_path, table, pixels, write):
    found = HuggingFaceDataset(write(table, tmp_path / "animals.parquet"))
    assert (len(found), found.classes) == (5, tuple(NAMES))
    samples = [found[position] for position in range(5)]
    assert all(np.array_equal(sample.image, image) for sample, image in zip(samples, pixels, strict=True))
    assert [sample.label for sample in samples] == LABELS
    assert [sample.id for sample in samples] == ["000000", "000001", "000002", "000003", "000004"]
    assert found[-1].id == "000004"
    assert {(sample.shape, sample.texture, sample.mask) for sample in samples} == {(None, None, None)}


@pytest.fixture
def photos(tmp_path):
    """Image files as cameras and scanners leave them: grey, CMYK, with transparency, with an orientation."""
    rng = np.random.default_rng(1)
    turned = Image.Exif()
    turned[0x0112] = 6
    for position, (name, mode, options) in enumerate(
        [
            ("cat/a.png", "L", {}),
            ("cat/b.jpg", "CMYK", {}),
            ("dog/a.jpg", "RGB", {"exif": turned}),
            ("dog/c.png", "RGBA", {}),
            ("dog/d.png", "P", {}),
        ]
    ):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 256, (40 + position, 50, 3), np.uint8)
        Image.fromarray(noise).convert(mode).save(path, **options)
    return tmp_path / "photos"


@pytest.mark.parametrize("settings", ["size=32", "size=28,crop=0.875,interpolation=bicubic"])
def test_image_files_are_those_of_the_built_in_folder(photos, settings):
    catalog = sb.default_catalog()
    ours, theirs = (catalog.component("dataset", f"{name}:{photos},{settings}").settings for name in ("hf", "folder"))
    assert (len(ours), ours.classes) == (len(theirs), theirs.classes)
    for position in range(len(theirs)):
        assert (ours[position].id, ours[position].label) == (theirs[position].id, theirs[position].label)
        assert np.array_equal(ours[position].image, theirs[position].image)


def test_paths_that_do_not_tell_images_apart_are_no_ids(tmp_path, photos):
    (photos / "dog" / "d.png").rename(photos / "dog" / "a.png")
    loaded = datasets.load_dataset(str(photos))["train"]
    whole = HuggingFaceDataset(to_folder(loaded, tmp_path / "whole"), size=32)  # keeps the names of files, not folders
    assert [whole[position].id for position in range(5)] == [f"{position:06d}" for position in range(5)]
    some = HuggingFaceDataset(to_folder(loaded.select([0, 1, 2]), tmp_path / "some"), size=32)
    assert [some[position].id for position in range(3)] == ["a.png", "b.jpg", "a.jpg"]


def test_one_of_several_splits_is_chosen(tmp_path, table):
    folder = to_folder(datasets.DatasetDict(train=table, test=table.select([4, 3])), tmp_path / "both")
    assert [HuggingFaceDataset(folder, split="test")[position].label for position in (0, 1)] == [0, 2]
    with pytest.raises(sb.ShapebiasError, match="has several splits; choose one with split=: train, test"):
        len(HuggingFaceDataset(folder))
    with pytest.raises(sb.ShapebiasError, match="has no split 'val'; it has train, test"):
        len(HuggingFaceDataset(folder, split="val"))


def test_files_are_not_left_out_without_a_word(photos):
    # The names of a few of ImageNet's photos have the word that datasets takes for a split.
    (photos / "cat" / "a.png").rename(photos / "cat" / "ILSVRC2012_val_00000001.png")
    assert datasets.load_dataset(str(photos), split="validation").num_rows == 1
    message = r"has 1 files whose names look like splits .* 2 others that would be left out, such as dog/c\.png"
    with pytest.raises(sb.ShapebiasError, match=message):
        len(HuggingFaceDataset(str(photos)))


def test_folders_of_splits_are_splits(photos):
    for name in ("train/cat/b.jpg", "train/dog/d.png", "test/cat/a.png", "test/dog/c.png"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name.partition("/")[2]).rename(photos / name)
    (photos / "dog" / "a.jpg").unlink()
    test = HuggingFaceDataset(str(photos), split="test", size=32)
    assert [test[position].id for position in range(len(test))] == ["test/cat/a.png", "test/dog/c.png"]
    assert test.classes == ("cat", "dog")


def test_nothing_is_decoded_before_it_is_asked_for(tmp_path, pixels):
    rows = {"picture": [encoded(pixels[0]), b"damaged"], "label": ["cat", "dog"]}
    pd.DataFrame(rows).to_parquet(tmp_path / "bytes.parquet")
    found = HuggingFaceDataset(str(tmp_path / "bytes.parquet"), image="picture")
    assert (len(found), found.classes) == (2, ("cat", "dog"))
    assert np.array_equal(found[0].image, pixels[0])
    with pytest.raises(sb.ShapebiasError, match=r"bytes\.parquet picture of row 1 cannot be decoded as an image"):
        found[1]


def encoded(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def test_several_threads_get_the_same(tmp_path, table, pixels):
    found = HuggingFaceDataset(to_parquet(table, tmp_path / "animals.parquet"))
    assert len(found) == 5
    positions = np.random.default_rng(0).integers(5, size=400).tolist()
    with ThreadPoolExecutor(8) as pool:
        samples = list(pool.map(found.__getitem__, positions))
    for position, sample in zip(positions, samples, strict=True):
        assert np.array_equal(sample.image, pixels[position])


# Labels.


@pytest.mark.parametrize(
    ("values", "classes", "labels"),
    [
        ([10, 9, 2, 10, 2], ("2", "9", "10"), [2, 1, 0, 2, 0]),
        ([10, 9, -1, 10, 9], ("-1", "9", "10"), [2, 1, 0, 2, 1]),
        (["b", "a", "c", "a", "b"], ("a", "b", "c"), [1, 0, 2, 0, 1]),
        (["b", None, "c", "a", "b"], ("a", "b", "c"), [1, -1, 2, 0, 1]),
    ],
)
def test_labels_without_names_are_what_occurs(tmp_path, pixels, values, classes, labels):
    found = HuggingFaceDataset(to_parquet(make(pixels, kind=values), tmp_path / "t.parquet"), label="kind")
    assert found.classes == classes
    assert [found[position].label for position in range(5)] == labels


def test_an_unknown_label_is_minus_one(tmp_path, pixels):
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=NAMES))
    rows = {"image": [Image.fromarray(pixels[0])] * 2, "label": [-1, 1]}
    found = HuggingFaceDataset(to_folder(datasets.Dataset.from_dict(rows, features=features), tmp_path / "t"))
    assert [found[position].label for position in range(2)] == [-1, 1]


def test_a_label_beyond_the_names_is_refused(tmp_path, table):
    # Nothing compares the labels of a parquet file with the names in it.
    numbers = table.data.table.set_column(1, "label", pa.array([0, 1, 2, 7, 3], pa.int64()))
    pq.write_table(numbers.replace_schema_metadata(table.data.schema.metadata), tmp_path / "t.parquet")
    with pytest.raises(
        sb.ShapebiasError, match="column 'label' has 7, but names for only 3 classes, from 0 on; correct"
    ):
        len(HuggingFaceDataset(str(tmp_path / "t.parquet")))


def test_shape_and_texture_are_classes_of_one_list(tmp_path, pixels):
    table = make(pixels, form=["owl", "cat", "cat", "dog", "owl"], skin=["cat", "cat", None, "owl", "dog"])
    path = to_parquet(table, tmp_path / "t.parquet")
    found = HuggingFaceDataset(path, shape="form", texture="skin")
    assert found.classes == ("cat", "dog", "owl")
    assert [(found[position].shape, found[position].texture) for position in range(5)] == [
        (2, 0), (0, 0), (0, None), (1, 2), (2, 1),
    ]  # fmt: skip
    assert [found[position].label for position in range(5)] == [2, 0, 0, 1, 2]
    both = HuggingFaceDataset(path, label="label", texture="skin")
    assert [(both[position].label, both[position].texture) for position in range(2)] == [(0, 0), (2, 0)]


def test_a_texture_that_is_no_class_is_named(tmp_path, pixels):
    path = to_parquet(make(pixels, skin=["cat", "fur", "dog", "owl", "cat"]), tmp_path / "t.parquet")
    with pytest.raises(
        sb.ShapebiasError, match="column 'skin' has fur, which are not classes of 'label': cat, dog, owl"
    ):
        len(HuggingFaceDataset(path, texture="skin"))


def test_a_mask_is_light_on_the_object(tmp_path, pixels):
    mask = np.zeros((20, 24), np.uint8)
    mask[5:15, 4:10] = 255
    features = datasets.Features(image=datasets.Image(), seg=datasets.Image(), label=datasets.ClassLabel(names=NAMES))
    rows = {
        "image": [Image.fromarray(each) for each in pixels[:2]],
        "seg": [Image.fromarray(mask), Image.fromarray(255 - mask)],
        "label": [0, 1],
    }
    table = datasets.Dataset.from_dict(rows, features=features)
    found = HuggingFaceDataset(to_parquet(table, tmp_path / "t.parquet"), mask="seg")
    assert np.array_equal(found[0].mask, mask > 0)
    assert np.array_equal(found[1].mask, mask == 0)
    with pytest.raises(sb.ShapebiasError, match=r"has 2 columns that can be image=; choose one: image, seg"):
        len(HuggingFaceDataset(str(tmp_path / "t.parquet")))


# What is refused.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label": "lable"}, "has no column 'lable'; give label= of image, label"),
        ({"mask": "seg"}, "has no column 'seg'; give mask= of image, label"),
        ({"revision": "main"}, "is local and has no revisions; leave revision=main out"),
        (
            {"label": "image"},
            r"column 'image' is Image\(.*labels are ClassLabel, texts or integers: name another column",
        ),
    ],
)
def test_settings_that_do_not_fit_say_what_does(tmp_path, table, settings, message):
    with pytest.raises(sb.ShapebiasError, match=message):
        len(HuggingFaceDataset(to_parquet(table, tmp_path / "t.parquet"), **settings))


def test_a_crop_needs_a_size():
    with pytest.raises(sb.ShapebiasError, match=r"crop=0\.5 does nothing without a size"):
        HuggingFaceDataset("anything", crop=0.5)


def test_what_is_no_data_set_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(sb.ShapebiasError, match=r"(?s)hf:owner/nothing cannot be read as a data set.*local-dir FOLDER"):
        len(HuggingFaceDataset("owner/nothing"))
    (tmp_path / "t.parquet").write_bytes(b"no table")
    with pytest.raises(sb.ShapebiasError, match=r"(?s)t\.parquet cannot be read as a data set"):
        len(HuggingFaceDataset(str(tmp_path / "t.parquet")))


def test_the_script_of_a_data_set_is_not_run(photos, tmp_path):
    (photos / "photos.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with contextlib.suppress(sb.ShapebiasError):
        len(HuggingFaceDataset(str(photos), size=32))
    assert not (tmp_path / "ran").exists()


# Identity.


def test_a_label_that_changed_is_another_data_set(tmp_path, pixels):
    changed = make(pixels).map(lambda row: {"label": (row["label"] + 1) % 3})
    one, other = to_folder(make(pixels), tmp_path / "one"), to_folder(changed, tmp_path / "other")
    arrow = "data-00000-of-00001.arrow"
    assert Path(one, arrow).stat().st_size == Path(other, arrow).stat().st_size  # a listing would not tell them apart
    before = identity(one)
    assert identity(one) == before
    Path(one, arrow).write_bytes(Path(other, arrow).read_bytes())
    assert identity(one) != before


def test_image_files_are_known_by_their_listing_and_their_labels(photos):
    (photos / "metadata.csv").write_text("file_name,kind\ncat/a.png,x\n")
    before = identity(photos)
    (photos / "metadata.csv").write_text("file_name,kind\ncat/a.png,y\n")
    relabelled = identity(photos)
    (photos / "cat" / "new.png").write_bytes(b"more")
    assert len({str(each) for each in (before, relabelled, identity(photos))}) == 3


def test_a_data_set_of_the_hub_is_its_commit(tmp_path, table, monkeypatch):
    local = datasets.load_dataset_builder("parquet", data_files=to_parquet(table, tmp_path / "t.parquet"))
    asked = []

    def find(*arguments, **options):
        asked.append((arguments, options))
        local.hash = "0123abcd"
        return local

    monkeypatch.setattr(datasets, "load_dataset_builder", find)
    found = HuggingFaceDataset("owner/name", config="small", revision="v1")
    assert found.fingerprint == "commit 0123abcd"
    assert asked == [(("owner/name", "small"), {"revision": "v1"})]
    assert len(found) == 5
