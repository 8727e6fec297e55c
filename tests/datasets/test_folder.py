"""Class folders against torchvision's ImageFolder, label files against what was written, and the ways they go wrong."""

from __future__ import annotations

import csv
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torchvision
from PIL import Image

from shapebias import Study, run
from shapebias.datasets.folder import Folder
from shapebias.errors import DataError, SpellingError
from shapebias.networks.labels import imagenet_wnids
from shapebias.plugins.catalog import default_catalog
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build, spell


def save(path, height=8, width=8, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)).save(path)


def write_table(path, rows, columns=("file", "label")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


@pytest.fixture
def pets(tmp_path):
    for position, name in enumerate(["dog/b.png", "dog/a.JPEG", "cat/deep/er/c.png", "cat/z.png", "Ant/x.webp"]):
        save(tmp_path / name, seed=position)
    (tmp_path / "cat/notes.txt").write_text("not an image")
    (tmp_path / "cat/._z.png").write_text("left by a file manager")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "README").write_text("not a class")
    return tmp_path


@pytest.fixture
def listed(tmp_path):
    for position in range(3):
        save(tmp_path / f"images/{position}.png", seed=position)
    write_table(tmp_path / "labels.csv", [("images/2.png", "dog"), ("images/0.png", "cat"), ("images/1.png", "dog")])
    return tmp_path


def test_class_folders_are_those_of_image_folder(pets):
    (pets / "cat/._z.png").unlink()
    (pets / ".hidden").rmdir()
    theirs = torchvision.datasets.ImageFolder(pets)
    ours = Folder(pets)
    assert list(ours.classes) == theirs.classes == ["Ant", "cat", "dog"]
    assert [(str(pets / sample.id), sample.label) for sample in ours] == theirs.samples
    for sample, (image, _) in zip(ours, theirs, strict=True):
        assert np.array_equal(sample.image, image)
        assert sample.image.flags.writeable


def test_what_is_no_image_is_passed_over(pets):
    assert [sample.id for sample in Folder(pets)] == [
        "Ant/x.webp",
        "cat/z.png",
        "cat/deep/er/c.png",
        "dog/a.JPEG",
        "dog/b.png",
    ]


def test_labels_come_from_the_table_in_its_order(listed):
    folder = Folder(listed, labels="labels.csv")
    assert folder.classes == ("cat", "dog")
    assert [(s.id, s.label) for s in folder] == [("images/2.png", 1), ("images/0.png", 0), ("images/1.png", 1)]
    assert np.array_equal(folder[1].image, Image.open(listed / "images/0.png"))


def test_columns_have_names_and_integers_their_order(listed):
    rows = [(10, "images/0.png"), (9, "images/1.png"), (0, "images/2.png")]
    write_table(listed / "numbers.csv", rows, ("digit", "path"))
    folder = Folder(listed, labels="numbers.csv", file_column="path", label_column="digit")
    assert folder.classes == ("0", "9", "10")
    assert [sample.label for sample in folder] == [2, 1, 0]


def test_the_table_may_lie_elsewhere_and_that_in_the_folder_comes_first(listed, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    write_table(Path("mine.csv"), [("images/1.png", "bird")])
    write_table(Path("labels.csv"), [("images/1.png", "fish")])
    assert Folder(listed, labels="mine.csv").classes == ("bird",)
    assert Folder(listed, labels=str(Path("mine.csv").resolve())).classes == ("bird",)
    assert Folder(listed, labels="labels.csv").classes == ("cat", "dog")


def test_imagenet_labels_are_indices_or_wordnet_ids(listed, tmp_path):
    write_table(listed / "imagenet.csv", [("images/0.png", 1), ("images/1.png", "n01440764"), ("images/2.png", 999)])
    folder = Folder(listed, labels="imagenet.csv", label_space="imagenet-1k")
    assert folder.classes == imagenet_wnids()
    assert [sample.label for sample in folder] == [1, 0, 999]
    save(tmp_path / "wnids/n01443537/a.png")
    assert Folder(tmp_path / "wnids", label_space="imagenet-1k")[0].label == 1
    assert Folder(tmp_path / "wnids").classes == ("n01443537",)
    write_table(listed / "imagenet.csv", [("images/0.png", 1000)])
    with pytest.raises(DataError, match=r"labels that are neither an index from 0 to 999 .*: 1000; .*label_space=own"):
        len(Folder(listed, labels="imagenet.csv", label_space="imagenet-1k"))


def test_one_size_or_a_size(pets):
    save(pets / "dog/c.png", height=9)
    folder = Folder(pets)
    assert folder[0].image.shape == (8, 8, 3)
    with pytest.raises(
        DataError, match=r"dog/c\.png is 9 x 8 pixels but the first image of the data set is 8 x 8.*size="
    ):
        folder[5]
    assert {sample.image.shape for sample in Folder(pets, 6, 0.75)} == {(6, 6, 3)}
    with pytest.raises(SpellingError, match=r"crop=0\.875 does nothing without a size"):
        Folder(pets, crop=0.875)


def test_what_is_wrong_with_a_folder_is_said(pets):
    (pets / "empty/deep").mkdir(parents=True)
    (pets / "empty/deep/notes.txt").write_text("")
    with pytest.raises(DataError, match="class folders without images: empty; remove them"):
        len(Folder(pets))
    with pytest.raises(DataError, match=r"nowhere is not a folder; give the folder"):
        len(Folder(pets / "nowhere"))
    with pytest.raises(DataError, match="has no class folders"):
        len(Folder(pets / "dog"))


def test_a_damaged_image_is_named(pets):
    whole = (pets / "dog/b.png").read_bytes()
    (pets / "dog/b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"dog/b\.png cannot be decoded .*; delete or repair it"):
        Folder(pets)[4]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([], (), r"no column 'file'; it is empty; give file_column="),
        ([], ("file", "lable"), r"no column 'label'; did you mean 'lable'\?; it has file, lable; give label_column="),
        ([], ("file", "label"), "it has no rows"),
        ([("images/9.png", "a")], ("file", "label"), "row 2: images/9.png does not exist"),
        ([("images/0.png",)], ("file", "label"), "row 2 has no label"),
        ([("", "a")], ("file", "label"), "row 2 has no file"),
        ([("images/0.png", "a")] * 2, ("file", "label"), "images/0.png is listed 2 times"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(listed, rows, columns, message):
    write_table(listed / "labels.csv", rows, columns)
    with pytest.raises(DataError, match=message):
        len(Folder(listed, labels="labels.csv"))


def test_all_problems_of_a_table_come_together(listed):
    write_table(listed / "labels.csv", [("images/0.png", ""), *((f"images/{n}.png", "a") for n in range(5, 25))])
    with pytest.raises(DataError) as caught:
        len(Folder(listed, labels="labels.csv"))
    assert "row 2 has no label" in str(caught.value)
    assert "row 3: images/5.png" in str(caught.value)
    assert "21 in all" in str(caught.value)


def test_a_table_that_is_none_is_named(listed):
    for content in (None, b"\xff\xfe\x00"):
        if content:
            (listed / "bad.csv").write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.csv cannot be read as a CSV file"):
            len(Folder(listed, labels="bad.csv"))


def test_a_byte_order_mark_and_spaces_do_not_hurt(listed):
    (listed / "labels.csv").write_text("\ufefffile, label\nimages/0.png, cat\n", encoding="utf-8")
    assert Folder(listed, labels="labels.csv").classes == ("cat",)


def test_fingerprint_knows_labels_sizes_and_only_listed_files(listed):
    def fingerprint():
        return Folder(listed, labels="labels.csv").fingerprint

    first = fingerprint()
    (listed / "images/notes.txt").write_text("beside it")
    assert fingerprint() == first
    text = (listed / "labels.csv").read_text()
    (listed / "labels.csv").write_text(text.replace("0.png,cat", "0.png,dog"))  # of the same length
    assert fingerprint() != first
    (listed / "labels.csv").write_text(text)
    assert fingerprint() == first
    save(listed / "images/0.png", height=20)
    assert fingerprint() != first


@pytest.fixture
def masked(tmp_path):
    """Make images that are their own masks: a light object on a dark ground, at another place in each."""
    for position in range(3):
        pixels = np.zeros((24, 36, 3), np.uint8)
        pixels[2 + 4 * position : 14 + 4 * position, 6 : 20 + 4 * position] = 255
        for folder, suffix in (("images", "bmp"), ("masks", "png")):
            path = tmp_path / folder / "cat" / f"{position}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return tmp_path


@pytest.mark.parametrize("settings", [{}, {"size": 12}, {"size": 17, "crop": 0.8, "interpolation": "nearest"}])
def test_masks_are_resized_and_cut_as_their_images_are(masked, settings):
    for sample in Folder(masked / "images", masks=masked / "masks", **settings):
        assert np.array_equal(sample.mask, sample.image[..., 0] > 127)
        assert sample.mask.any()
        assert not sample.mask.all()


def test_without_masks_there_are_none(masked):
    assert Folder(masked / "images")[0].mask is None


def test_a_mask_that_is_missing_too_large_or_empty_is_named(masked):
    folder = Folder(masked / "images", masks=masked / "masks")
    Image.new("L", (36, 24)).save(masked / "masks/cat/0.png")
    with pytest.raises(DataError, match=r"masks/cat/0.png is dark everywhere"):
        folder[0]
    Image.new("L", (24, 36), 255).save(masked / "masks/cat/1.png")
    with pytest.raises(DataError, match=r"masks/cat/1.png has \(24, 36\) pixels and its image \(36, 24\)"):
        folder[1]
    (masked / "masks/cat/2.png").unlink()
    with pytest.raises(DataError, match=r"masks/cat/2.png does not exist"):
        folder[2]


def test_fingerprint_knows_the_masks(masked):
    alone, folder = Folder(masked / "images"), Folder(masked / "images", masks=masked / "masks")
    first = folder.fingerprint
    assert first != alone.fingerprint
    save(masked / "masks/cat/1.png", 24, 36)
    assert folder.fingerprint != first
    assert build(Folder, parse(spell("folder", folder))) == folder


def test_threads_pickle_and_text_give_the_same(pets):
    folder = Folder(pets, 6)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(folder.__getitem__, range(5)))
    for copy in (pickle.loads(pickle.dumps(folder)), build(Folder, parse(spell("folder", folder)))):  # noqa: S301
        assert copy == folder
        assert all(np.array_equal(one.image, other.image) for one, other in zip(copy, together, strict=True))
    with pytest.raises(IndexError):
        folder[5]


def test_photos_of_imagenet(data_dir):
    path = data_dir / "photos-imagenet"
    text = f'folder:"{path}",size=224,crop=0.875,labels=labels.csv,label_column=imagenet_index,label_space=imagenet-1k'
    photos = default_catalog().component("dataset", text).settings
    rows = list(csv.DictReader((path / "labels.csv").open()))
    assert len(photos) == len(rows) == 330
    assert len(photos.classes) == 1000
    for position in (0, 100, 329):
        sample = photos[position]
        image = Image.open(path / rows[position]["file"])
        left, top = (round((side - 224) / 2) for side in image.size)
        assert min(image.size) == 256
        assert np.array_equal(sample.image, np.asarray(image)[top : top + 224, left : left + 224])
        assert (sample.id, sample.label) == (rows[position]["file"], int(rows[position]["imagenet_index"]))


def test_imagenette_folders_are_classes_of_imagenet(data_dir):
    folder = Folder(data_dir / "imagenette96" / "val")
    assert len(folder) == 1000
    assert set(folder.classes) <= set(imagenet_wnids())
    assert folder[0].image.shape == folder[999].image.shape == (96, 96, 3)
    assert Path(folder[0].id).parent.name == folder.classes[0]


def test_links_loops_and_pipes_add_nothing_and_are_named(pets):
    expected = [(sample.id, sample.label) for sample in Folder(pets)]
    for link, target in {
        "cat/up": pets,
        "cat/above": pets.parent,
        "dog/cats": pets / "cat",
        "loop": pets,
        "kittens": pets / "cat",
        "cat/gone.png": pets / "nothing",
        "dog/self.png": pets / "dog/self.png",
    }.items():
        (pets / link).symlink_to(target)
    os.mkfifo(pets / "dog/pipe.png")
    save(pets / "beside.png")
    folder = Folder(pets)
    assert folder.classes == ("Ant", "cat", "dog")
    assert [(sample.id, sample.label) for sample in folder] == expected
    again = "a link to a folder that is listed already"
    assert folder.skipped == {
        **dict.fromkeys(["cat/up", "cat/above", "dog/cats", "loop", "kittens"], again),
        "cat/gone.png": "a link to nothing",
        "dog/self.png": "a link to itself",
        "dog/pipe.png": "a pipe, socket or device",
        "beside.png": "an image in no class folder",
        "cat/notes.txt": "not an image by its name (*.txt)",
    }


def test_a_class_may_be_a_link_to_a_folder_elsewhere(pets, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save(elsewhere / "1.png")
    (pets / "bird").symlink_to(elsewhere)
    assert Folder(pets).classes == ("Ant", "bird", "cat", "dog")
    assert "bird/1.png" in [sample.id for sample in Folder(pets)]


def test_names_that_are_not_utf_8_are_read_and_escaped(pets, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    save(pets / f"cat/{name}.png")
    save(pets / f"{name}/1.png")
    folder = Folder(pets)
    assert "caf\\xe9" in folder.classes
    ids = [sample.id for sample in folder]
    assert {"cat/caf\\xe9.png", "caf\\xe9/1.png"} <= {*ids}
    assert "\n".join(ids).encode()
    study = Study(f"folder:{pets}", f"cnn:num_classes={len(folder.classes)},width=2")
    results = run(study, tmp_path / "run.h5")
    assert not results.failures
    assert "cat/caf\\xe9.png" in results.answers()[0].ids
    with pytest.raises(SpellingError, match="is not UTF-8"):
        Folder(pets / name)


def test_labels_that_became_floats_are_whole_numbers_in_their_order(listed):
    rows = [("images/0.png", "10.0"), ("images/1.png", "9.0"), ("images/2.png", "0.0")]
    write_table(listed / "floats.csv", rows)
    folder = Folder(listed, labels="floats.csv")
    assert folder.classes == ("0", "9", "10")
    assert [sample.label for sample in folder] == [2, 1, 0]
    assert [sample.label for sample in Folder(listed, labels="floats.csv", label_space="imagenet-1k")] == [10, 9, 0]
    write_table(listed / "halves.csv", [("images/0.png", "10.5"), ("images/1.png", "9.0"), ("images/2.png", "-1.5")])
    assert Folder(listed, labels="halves.csv").classes == ("-1.5", "9.0", "10.5")


def test_a_column_that_says_imagenet_has_all_its_classes(listed):
    rows = [("images/0.png", "3"), ("images/1.png", "n01440764"), ("images/2.png", "999")]
    write_table(listed / "imagenet.csv", rows, ("file", "ImageNet_index"))
    with_name = Folder(listed, labels="imagenet.csv", label_column="ImageNet_index")
    assert with_name.classes == imagenet_wnids()
    assert [sample.label for sample in with_name][:2] == [3, 0]
    write_table(listed / "plain.csv", [("images/0.png", "3"), ("images/1.png", "0")])
    assert Folder(listed, labels="plain.csv").classes == ("0", "3")
    write_table(listed / "other.csv", [("images/0.png", "1000")], ("file", "imagenet21k"))
    assert Folder(listed, labels="other.csv", label_column="imagenet21k").classes == ("1000",)


def test_the_size_of_all_is_that_of_the_first_image_that_can_be_read(pets):
    (pets / "Ant/x.webp").write_bytes(b"broken")
    assert Folder(pets)[1].image.shape == (8, 8, 3)
