"""The published file names, read by their rule, and your own stimuli."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from shapebias.datasets.cue_conflict import CueConflict
from shapebias.errors import DataError
from shapebias.networks.labels import entry_level_classes
from shapebias.plugins.catalog import default_catalog


def save(path, side=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(path)


def test_shape_is_the_folder_and_texture_the_second_word(tmp_path):
    for name in ("cat/cat7-elephant1.png", "cat/cat7-cat3.png", "cat/cat7.png", "boat/boat10-bottle12.png"):
        save(tmp_path / name)
    pictures = CueConflict(tmp_path)
    assert list(pictures.classes) == sorted(entry_level_classes())
    words = [pictures.classes.__getitem__, lambda label: None if label is None else pictures.classes[label]]
    found = {s.id: (words[0](s.label), words[0](s.shape), words[1](s.texture)) for s in pictures}
    assert found == {
        "boat/boat10-bottle12.png": ("boat", "boat", "bottle"),
        "cat/cat7-cat3.png": ("cat", "cat", "cat"),
        "cat/cat7-elephant1.png": ("cat", "cat", "elephant"),
        "cat/cat7.png": ("cat", "cat", None),
    }


def test_other_folders_are_classes_of_their_own(tmp_path):
    save(tmp_path / "zebra/zebra1-t-shirt2.png")
    save(tmp_path / "t-shirt/t-shirt1-zebra.png")
    with pytest.raises(DataError, match=r"names the texture 'shirt', which is not a class; did you mean 't-shirt'\?"):
        len(CueConflict(tmp_path))
    (tmp_path / "zebra/zebra1-t-shirt2.png").unlink()
    save(tmp_path / "zebra/zebra1-zebra2.png")
    pictures = CueConflict(tmp_path)
    assert pictures.classes == ("t-shirt", "zebra")
    assert [(sample.shape, sample.texture) for sample in pictures] == [(0, 1), (1, 1)]


def test_misspelled_textures_and_odd_sizes_are_named(tmp_path):
    save(tmp_path / "cat/cat1-elefant1.png")
    with pytest.raises(DataError, match=r"cat1-elefant1\.png names the texture 'elefant'.* did you mean 'elephant'\?"):
        len(CueConflict(tmp_path))
    (tmp_path / "cat/cat1-elefant1.png").unlink()
    save(tmp_path / "cat/cat1-dog1.png")
    save(tmp_path / "cat/cat2-dog1.png", side=9)
    pictures = CueConflict(tmp_path)
    assert pictures[0].image.shape == (8, 8, 3)
    with pytest.raises(DataError, match=r"cat2-dog1\.png is 9 x 9 pixels but the first image of the data set is 8 x 8"):
        pictures[1]


def test_published_stimuli(data_dir):
    path = data_dir / "cue-conflict"
    pictures = default_catalog().component("dataset", f'cue-conflict:"{path}"').settings
    samples = list(pictures)
    assert len(samples) == 320
    assert list(pictures.classes) == sorted(entry_level_classes())
    assert sum(sample.shape != sample.texture for sample in samples) == 300
    for sample in samples:
        shape, texture = re.fullmatch(r"\w+/([a-z]+)\d+-([a-z]+)\d+\.png", sample.id).groups()
        assert (pictures.classes[sample.shape], pictures.classes[sample.texture]) == (shape, texture)
        assert sample.label == sample.shape
        assert sample.image.shape == (224, 224, 3)
    assert np.array_equal(samples[7].image, Image.open(path / samples[7].id))


@pytest.mark.parametrize("name", ["edges", "silhouettes"])
def test_edges_and_silhouettes_have_no_texture(data_dir, name):
    samples = list(CueConflict(data_dir / name))
    assert len(samples) == 80
    assert {sample.texture for sample in samples} == {None}
    assert np.bincount([sample.label for sample in samples]).tolist() == [5] * 16
