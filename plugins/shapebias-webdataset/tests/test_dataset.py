"""The data set against ``folder``, which reads the same images from files, and what tells one from another."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image
from shapebias_webdataset.dataset import WebDataset

import shapebias as sb
from shapebias import plugin
from shapebias.plugin import ShapebiasError

DATA = Path(os.environ.get("SHAPEBIAS_TEST_DATA", Path(__file__).parents[3] / "../shared/data"))


def one(path, members, pack):
    path.write_bytes(pack(members))
    return str(path)


@pytest.mark.parametrize("settings", ["", ",size=8,crop=0.875", ",size=16,interpolation=bicubic"])
def test_images_are_those_of_folder(tmp_path, image, settings):
    sizes = [(12, 10)] * 6 if not settings else [(12 + 3 * n, 10 + n) for n in range(6)]
    for n, size in enumerate(sizes):
        (tmp_path / f"photos/class{n % 2}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"photos/class{n % 2}/{n}.jpg").write_bytes(image(n, "JPEG", size))
    catalog = sb.default_catalog()
    folder = catalog.component("dataset", f"folder:{tmp_path / 'photos'}{settings}").settings
    with webdataset.ShardWriter(str(tmp_path / "s-%02d.tar"), maxcount=4, verbose=0) as writer:
        for sample in folder:
            content = (tmp_path / "photos" / sample.id).read_bytes()
            writer.write({"__key__": sample.id.removesuffix(".jpg"), "jpg": content, "cls": sample.label})
    shards = catalog.component("dataset", f"webdataset:{tmp_path}/s-{{00..01}}.tar{settings}").settings
    assert len(shards) == len(folder) == 6
    assert shards.classes == ("0", "1")
    for ours, theirs in zip(shards, folder, strict=True):
        assert ours.id.split("/", 1)[1] == theirs.id.removesuffix(".jpg")
        assert ours.label == theirs.label
        assert np.array_equal(ours.image, theirs.image)


def test_ids_are_shard_and_key(shards):
    assert [sample.id for sample in WebDataset(str(shards))][3:5] == ["val-000/0003", "val-001/0004"]
    with pytest.raises(IndexError):
        WebDataset(str(shards))[20]


def test_labels_are_names_or_indices(shards, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("class 2\nclass 0\nclass 1\n", encoding="utf-8")
    by_name = WebDataset(str(shards), label="json:label", label_space=names)
    assert by_name.classes == ("class 2", "class 0", "class 1")
    assert [by_name[n].label for n in range(4)] == [1, 2, 0, 1]
    by_index = WebDataset(str(shards), label_space=names)
    assert [by_index[n].label for n in range(4)] == [0, 1, 2, 0]
    assert len(WebDataset(str(shards), label_space=7).classes) == 7


def test_imagenet_is_known_by_index_and_wordnet_id(tmp_path, pack, image):
    members = [("0.cls", b"1"), ("0.png", image(0)), ("1.cls", b"n01443537"), ("1.png", image(1))]
    dataset = WebDataset(one(tmp_path / "a.tar", members, pack), label_space="imagenet-1k")
    assert dataset.classes == plugin.imagenet_wnids()
    assert dataset.classes[1] == "n01443537"  # the goldfish
    assert [sample.label for sample in dataset] == [1, 1]


def test_shape_texture_and_mask_are_read(tmp_path, pack, image):
    light = np.zeros((10, 12), bool)
    light[2:7, 3:9] = True
    mask = io.BytesIO()
    Image.fromarray(light).save(mask, "PNG")
    members = [("0.json", b'{"shape": 2, "texture": 1}'), ("0.png", image(0)), ("0.mask.png", mask.getvalue())]
    path = one(tmp_path / "a.tar", members, pack)
    sample = WebDataset(path, label="json:shape", shape="json:shape", texture="json:texture", mask="mask.png")[0]
    assert (sample.label, sample.shape, sample.texture) == (2, 2, 1)
    assert np.array_equal(sample.mask, light)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"label_space": 2},
            r"'2' of sample '0002' of .* is neither an index from 0 to 1 nor the name of a class",
        ),
        (
            {"label": "json:label", "label_space": 2},
            r"'class 0' of sample '0000' of .* is neither an index from 0 to 1",
        ),
        ({"label": "json:label"}, r"'class 0' of sample '0000' of .*val-000\.tar is not a number >= 0; give the cl"),
        ({"label_space": Path("gone.txt")}, r"gone\.txt cannot be read: .*; label_space= names a file"),
        ({"label": "txt"}, r"sample '0000' of .*val-000\.tar has no txt"),
    ],
)
def test_labels_that_are_no_classes_are_refused_before_a_run(shards, settings, message):
    with pytest.raises(ShapebiasError, match=message):
        _ = WebDataset(str(shards), **settings).fingerprint


def test_numbers_that_are_no_labels_do_not_fill_the_memory(tmp_path, pack, image):
    members = [("0.json", b'{"id": 48151623421}'), ("0.png", image(0))]
    with pytest.raises(
        ShapebiasError, match=r"the largest label of .*a\.tar' is 48151623421, .* another entry with la"
    ):
        _ = WebDataset(one(tmp_path / "a.tar", members, pack), label="json:id").classes


@pytest.mark.parametrize("text", ["a\n\nb", "a\nb\na", ""])
def test_names_are_one_a_line(text, tmp_path, shards):
    (tmp_path / "names.txt").write_text(text)
    with pytest.raises(ShapebiasError, match=r"names\.txt is empty, or has empty or repeated lines"):
        _ = WebDataset(str(shards), label_space=tmp_path / "names.txt").classes


def test_crop_needs_a_size(shards):
    with pytest.raises(ShapebiasError, match=r"crop=0\.875 does nothing without a size"):
        WebDataset(str(shards), crop=0.875)


def test_images_need_an_extension(shards):
    with pytest.raises(ShapebiasError, match=r"images= is empty; .* images=jpg,png"):
        WebDataset(str(shards), images=())


def test_what_is_no_image_is_named(tmp_path, pack):
    path = one(tmp_path / "a.tar", [("0.cls", b"0"), ("0.png", b"not an image")], pack)
    with pytest.raises(ShapebiasError, match=r"a\.tar: 0\.png cannot be decoded as an image"):
        WebDataset(path)[0]


def test_shards_without_samples_are_refused(tmp_path, pack):
    with pytest.raises(ShapebiasError, match="have no samples"):
        len(WebDataset(one(tmp_path / "a.tar", [], pack)))


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "run")


def test_nothing_is_unpickled(tmp_path, pack, image):
    touched = tmp_path / "touched"
    evil = pickle.dumps(Touch(touched))
    members = [("0.cls", b"0"), ("0.png", image(0)), *((f"0.{word}", evil) for word in ("pyd", "pkl", "pickle"))]
    path = one(tmp_path / "a.tar", members, pack)
    assert WebDataset(path)[0].label == 0
    with pytest.raises(ShapebiasError, match="pyd of sample '0'"):
        len(WebDataset(path, label="pyd"))
    assert not touched.exists()
    list(webdataset.WebDataset(path, shardshuffle=False).decode())
    assert touched.exists()  # as it would have been


def test_a_copy_elsewhere_is_the_same_data_set_and_changes_are_another(shards, tmp_path, pack, image):
    first = WebDataset(str(shards)).fingerprint
    copy = tmp_path / "copy"
    shutil.copytree(shards, copy)
    os.utime(copy / "val-002.tar", (1, 1))
    assert WebDataset(str(copy)).fingerprint == first
    seen = {first}
    for label, content, mask in (
        ("0", image(1), b""),
        ("1", image(1), b""),
        ("1", image(1, "JPEG"), b""),
        ("1", image(1), b"m"),
    ):
        members = [("0.cls", label.encode()), ("0.png", content), *([("0.mask.png", mask)] if mask else [])]
        one(copy / "val-002.tar", members, pack)
        seen.add(WebDataset(str(copy), mask=None).fingerprint)
    assert len(seen) == 4  # a member that is not read changes nothing
    assert WebDataset(str(shards), label_space=9).fingerprint != first


def test_listings_are_kept_until_their_shard_changes(shards, cache, pack, image):
    dataset = WebDataset(str(shards))
    before = [sample.label for sample in dataset]
    kept = sorted((cache / "listings").iterdir())
    assert len(kept) == 5
    path = next(path for path in kept if path.name.endswith("val-000.json"))
    content = json.loads(path.read_text())
    content["samples"][0][2] = "2"  # so that we see that it is read
    path.write_text(json.dumps(content))
    assert [sample.label for sample in WebDataset(str(shards))] == [2, *before[1:]]
    path.write_text(path.read_text()[:-9])  # damaged
    assert [sample.label for sample in WebDataset(str(shards))] == before
    (shards / "val-000.tar").write_bytes(pack([("0000.cls", b"1"), ("0000.png", image(0))]))
    assert [sample.label for sample in WebDataset(str(shards))] == [1, *before[4:]]
    assert sorted((cache / "listings").iterdir()) == kept


def test_a_shard_that_shrinks_during_the_run_is_named(shards):
    dataset = WebDataset(str(shards))
    assert len(dataset) == 20
    os.truncate(shards / "val-001.tar", 1000)
    with pytest.raises(ShapebiasError, match=r"val-001\.tar ends within '0005\.png'; it changed during the run"):
        dataset[5]


def test_memory_does_not_grow(shards):
    dataset = WebDataset(str(shards))

    def pass_over():
        for _sample in dataset:
            pass
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        *_, first = [pass_over() for _ in range(25)]  # Pillow and Python keep what they may need again, up to a point
        *_, last = [pass_over() for _ in range(10)]
    finally:
        tracemalloc.stop()
    assert last - first < 20 * 12 * 10 * 3  # less than the pixels of one pass


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list open files")
def test_no_file_stays_open(shards):
    dataset = WebDataset(str(shards))
    assert len(dataset) == 20
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _sample in dataset:
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "photos-imagenet").is_dir(), reason="no real photos")
def test_a_real_model_answers_as_on_the_folder(tmp_path):
    with (DATA / "photos-imagenet/labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with webdataset.ShardWriter(str(tmp_path / "photos-%06d.tar"), maxcount=66, verbose=0) as writer:
        for row in rows:
            content = (DATA / "photos-imagenet" / row["file"]).read_bytes()
            writer.write({"__key__": Path(row["file"]).stem, "jpg": content, "cls": row["imagenet_index"]})
    fit = "size=224,crop=0.875,label_space=imagenet-1k"
    weights = DATA / "weights/imagenet/mobilenetv2_100.safetensors"
    model = f"timm:mobilenetv2_100,checkpoint={weights},arg.pad_type=same,mean=0.5,std=0.5"
    columns = "labels=labels.csv,label_column=imagenet_index"
    texts = [f"webdataset:{tmp_path},{fit}", f"folder:{DATA / 'photos-imagenet'},{fit},{columns}"]
    ours, theirs = (
        sb.run(sb.Study(text, model, ["clean"]), tmp_path / f"{n}.h5").answers()[0] for n, text in enumerate(texts)
    )
    assert np.array_equal(ours.prediction, theirs.prediction)
    assert (ours.prediction == ours.labels).sum() == 242
