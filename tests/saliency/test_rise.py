"""RISE against a loop over masks that are made as the paper says, and against the expectation that it estimates."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import nn
from torch.nn import functional

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import objective_values
from shapebias.rng import ImageRandom
from shapebias.saliency.rise import Rise


def mask_of_the_paper(rng, sample, cells, keep, height, width):
    """Petsiuk et al. 2018, section 3.2: enlarge a grid to one cell more than the image, and crop."""
    cell = [-(-side // cells) for side in (height, width)]
    grid = (rng.uniform("cells", sample, (cells, cells)) < keep).double()
    enlarged = functional.interpolate(
        grid[:, None], [(cells + 1) * side for side in cell], mode="bilinear", align_corners=False
    )[0, 0]
    top, left = (
        int(rng.integers(name, sample, (), side + 1)) for name, side in zip(("top", "left"), cell, strict=True)
    )
    return enlarged[top : top + height, left : left + width]


@pytest.mark.parametrize(("cells", "keep", "baseline"), [(3, 0.5, "zero"), (2, 0.3, "mean"), (10, 0.8, "zero")])
def test_agrees_with_a_loop_over_masks(small, batch, cells, keep, baseline):
    images, targets, _, rng = batch
    black = torch.tensor(small.mean if baseline == "mean" else (0.0, 0.0, 0.0), dtype=torch.float64).view(3, 1, 1)
    for row in range(5):
        total, visible = torch.zeros(2, 6, 8, dtype=torch.float64)
        for sample in range(11):
            mask = mask_of_the_paper(rng[[row]], sample, cells, keep, 6, 8)
            assert mask.shape == (6, 8)
            masked = images[row] * mask + black * (1 - mask)
            value = objective_values(small, small(masked[None]), targets[[row]], "log-prob")
            total, visible = total + value * mask, visible + mask
        method = Rise(samples=11, cells=cells, keep=keep, baseline=baseline)
        found = method(small, images[[row]], targets[[row]], rng[[row]])[0]
        assert visible.min() > 0
        assert torch.allclose(found, total / visible, rtol=1e-5, atol=1e-7)


def test_masks_are_shifted_and_have_the_probability_as_their_mean():
    images = torch.zeros(1, 3, 20, 30)
    rng = ImageRandom.for_images(0, "rise", 0, ["a"])
    masks = Rise(cells=4, keep=0.3)._masks(rng, range(4000), images)[0]
    assert masks.shape == (4000, 20, 30)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert (masks.mean(dim=0) - 0.3).abs().max() < 0.04
    assert len(masks.unique(dim=0)) > 3900  # 2^16 grids at 36 places, the nearly empty ones more than once


class Corner(nn.Module):
    """Class 0 gets the brightness of the upper left quarter."""

    def forward(self, images):
        brightness = images[..., :4, :4].mean(dim=(1, 2, 3))
        return torch.stack([brightness, torch.zeros_like(brightness)], dim=1)


def test_finds_what_the_network_looks_at():
    model = Classifier(Corner(), (0.0,) * 3, (1.0,) * 3, chunk=64)
    rng = ImageRandom.for_images(0, "rise", 0, ["a"])
    method = Rise(samples=2000, cells=4, objective="logit")
    (found,) = method(model, torch.ones(1, 3, 8, 8), torch.tensor([0]), rng)
    assert found[:3, :3].min() > found[6:].max() + 0.03
    assert found[:3, :3].min() > found[:, 6:].max() + 0.03
    assert found[6:, 6:].std() < 0.01  # the mean over masks, whatever becomes of the pixel


class Constant(nn.Module):
    def forward(self, images):
        return images.mean(dim=(1, 2, 3)).mul(0)[:, None] + torch.tensor([-7.0, 1.0])


def test_a_constant_answer_has_a_constant_map():
    """Also where no mask shows a pixel."""
    images = torch.rand(3, 3, 8, 8)
    rng = ImageRandom.for_images(0, "rise", 0, ["a", "b", "c"])
    for keep in (0.5, 0.05):
        maps = Rise(samples=5, keep=keep, objective="logit")(Classifier(Constant()), images, torch.tensor([0] * 3), rng)
        assert torch.allclose(maps, torch.tensor(-7.0))


def test_depends_on_the_seed_and_the_image(small, batch):
    images, targets, ids, rng = batch
    model = attrs.evolve(small, chunk=40)
    maps = Rise(samples=30)(model, images, targets, rng)
    other = Rise(samples=30)(model, images, targets, ImageRandom.for_images(1, "smoothgrad", 0, ids))
    assert ((maps - other).abs().amax(dim=(1, 2)) > 1e-6).all()
    twice = Rise(samples=30)(model, images[[0, 0]], targets[[0, 0]], rng[[0, 1]])
    assert (twice[0] - twice[1]).abs().max() > 1e-6
