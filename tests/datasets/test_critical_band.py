"""The published critical-band stimuli, and folders that are not theirs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from shapebias.datasets.critical_band import CriticalBand
from shapebias.errors import DataError


def picture(path, side=8):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((side, side), 100, dtype=np.uint8)).save(path)


def test_the_published_stimuli_have_their_classes(data_dir):
    dataset = CriticalBand(data_dir / "critical-band" / "stimuli")
    assert len(dataset) == 1050
    sample = dataset[0]
    assert sample.image.shape == (224, 224, 3)
    assert sample.id.endswith(f"_gray_g_{dataset.classes[sample.label]}.JPEG")


def test_names_give_the_labels(tmp_path):
    picture(tmp_path / "0" / "1_cbm_noise0.02_freq6_gray_g_dog.JPEG")
    picture(tmp_path / "1" / "0_cbm_noise0_freq0_gray_g_cat.JPEG")
    dataset = CriticalBand(tmp_path)
    assert [dataset.classes[dataset[index].label] for index in range(len(dataset))] == ["dog", "cat"]
    assert dataset[0].id == "0/1_cbm_noise0.02_freq6_gray_g_dog.JPEG"


@pytest.mark.parametrize("name", ["dog.JPEG", "1_cbm_noise0_freq0_gray_g_whale.JPEG"])
def test_other_names_are_refused(tmp_path, name):
    picture(tmp_path / name)
    with pytest.raises(DataError, match=name):
        len(CriticalBand(tmp_path))


def test_no_images_and_other_sizes_are_refused(tmp_path):
    with pytest.raises(DataError, match="has no images"):
        len(CriticalBand(tmp_path / "absent"))
    picture(tmp_path / "0_cbm_noise0_freq0_gray_g_cat.JPEG")
    picture(tmp_path / "1_cbm_noise0_freq0_gray_g_cat.JPEG", side=9)
    with pytest.raises(DataError, match="9 x 9"):
        CriticalBand(tmp_path)[1]
