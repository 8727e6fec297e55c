"""Silhouettes are the mask, in the stimuli's own pictures and in the published ones' manner."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.datasets.stimuli import Stimuli
from shapebias.transforms.silhouette import Silhouette


@pytest.mark.parametrize(("fill", "inside"), [("black", 0.0), ("white", 1.0)])
def test_the_object_has_one_colour_and_the_background_the_other(fill, inside):
    mask = torch.rand(2, 6, 5) > 0.5
    drawn = Silhouette(fill)(torch.rand(2, 3, 6, 5), None, mask=mask)
    assert (drawn.permute(0, 2, 3, 1)[mask] == inside).all()
    assert (drawn.permute(0, 2, 3, 1)[~mask] == 1 - inside).all()


def test_in_a_study_each_image_has_its_own_outline():
    shown = sb.preview("stimuli:images=4,size=32", "saturate:p=4+silhouette", images=4)
    dataset = Stimuli(images=4, size=32)
    for row in range(4):
        assert np.array_equal(shown.images[row, 1, 0].numpy() == 0, dataset[row].mask)


def test_the_published_silhouettes_are_black_on_white_too(data_dir):
    """Geirhos et al. 2019: the border of their pictures is background, and only the two colours are there."""
    for path in sorted((data_dir / "silhouettes").glob("*/*.png"))[::16]:
        pixels = np.asarray(Image.open(path).convert("L"))
        assert ((pixels < 64) | (pixels > 192)).mean() > 0.95
        drawn = Silhouette()(torch.zeros(1, 3, *pixels.shape), None, mask=torch.from_numpy(pixels < 128)[None])
        assert np.abs(drawn[0, 0].numpy() * 255 - pixels).mean() < 10
