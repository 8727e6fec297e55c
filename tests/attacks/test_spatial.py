"""The flow against shifts, SciPy and a plain loop; the attack against its bound and its purpose."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from shapebias.attacks.spatial import Spatial, total_variation, warp
from shapebias.networks.classifier import Classifier

X, Y = 0, 1  # the channels of a flow


def constant_flow(images, right, down):
    flow = images.new_zeros(len(images), 2, *images.shape[2:])
    flow[:, X], flow[:, Y] = right, down
    return flow


def test_flow_along_x_moves_columns_and_along_y_rows():
    images = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    right = warp(images, constant_flow(images, 1, 0))
    assert torch.allclose(right[..., :-1], images[..., 1:])
    assert torch.allclose(right[..., -1], images[..., -1])
    down = warp(images, constant_flow(images, 0, -2))
    assert torch.allclose(down[..., 2:, :], images[..., :-2, :])
    assert torch.allclose(down[..., :2, :], images[..., :1, :].expand(2, 3, 2, 7))


def test_no_flow_is_the_identity():
    for shape in ((32, 32), (5, 7), (1, 4), (224, 224)):
        images = torch.rand(2, 3, *shape)
        assert torch.allclose(warp(images, constant_flow(images, 0, 0)), images, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(2, 9), width=st.integers(2, 9), far=st.floats(0, 6))
def test_colours_between_pixels_are_those_of_scipy(seed, height, width, far):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(2, 3, height, width, dtype=torch.float64, generator=generator)
    flow = far * torch.randn(2, 2, height, width, dtype=torch.float64, generator=generator)
    rows, columns = np.mgrid[:height, :width]
    found = warp(images, flow)
    for image, displacement, warped in zip(images.numpy(), flow.numpy(), found.numpy(), strict=True):
        positions = rows + displacement[Y], columns + displacement[X]
        for channel, wanted in zip(image, warped, strict=True):
            assert np.allclose(ndimage.map_coordinates(channel, positions, order=1, mode="nearest"), wanted, atol=1e-9)


def test_total_variation_is_the_sum_over_pixels_and_their_neighbours():
    flow = torch.randn(2, 2, 3, 4, dtype=torch.float64)
    wanted = torch.zeros(2, dtype=torch.float64)
    for row in range(3):
        for column in range(4):
            for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                if row + down in range(3) and column + right in range(4):
                    wanted += (flow[:, :, row, column] - flow[:, :, row + down, column + right]).norm(dim=1)
    assert torch.allclose(total_variation(flow), wanted, atol=1e-4)
    assert total_variation(flow * 0).abs().max() < 1e-4


class Spy(nn.Module):
    """A network that is fooled where the image has moved to the left; remembers what it sees."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(images.detach())
        columns = torch.arange(images.shape[3], dtype=images.dtype)
        centre = (images.mean(dim=(1, 2)) * columns).sum(dim=1) / images.mean(dim=(1, 2)).sum(dim=1)
        return torch.stack([centre - 4.4, 0 * centre], dim=1)


def blob(eps_of_noise=0.0):
    image = torch.zeros(1, 3, 11, 11, dtype=torch.float64)
    image[..., 4:7, 4:7] = 1
    return image + eps_of_noise


def test_finds_the_shift_that_moves_what_the_model_looks_at():
    """The model looks at the centre of the bright square, column 5 of 10; the flow fetches colours from the right."""
    model, images, label = Classifier(Spy(), mean=(0.0,) * 3, std=(1.0,) * 3), blob(), torch.tensor([0])
    short, far = (Spatial(eps=eps, steps=40)(model, images, label, None) for eps in (0.25, 1))
    assert model(short).argmax() == 0  # a quarter of a pixel does not reach
    assert model(far).argmax() == 1
    assert far[0, 0, 4:7, 3].mean() > 0.2  # the left edge has moved
    assert far[0, 0, 4:7, 7:].mean() < 0.01  # and the right one has not


@settings(max_examples=20, deadline=None)
@given(
    eps=st.just(0.0) | st.floats(1e-9, 3),
    step_size=st.floats(0.05, 4),
    smoothness=st.just(0.0) | st.floats(1e-9, 0.1),
    steps=st.integers(1, 6),
)
def test_no_colour_comes_from_further_than_eps(small, eps, step_size, smoothness, steps):
    """On a ramp of slope 1/8 a pixel a column, a colour that differs by c comes from at least 8 c columns away."""
    ramp = (torch.arange(8, dtype=torch.float64) / 8).expand(2, 3, 8, 8).clone()
    attack = Spatial(eps=eps, step_size=step_size, smoothness=smoothness, steps=steps, keep="last")
    for images in (ramp, ramp.transpose(2, 3).contiguous()):
        attacked = attack(small, images, torch.tensor([0, 1]), None)
        assert 8 * (attacked - images).abs().max() <= eps + 1e-9
        assert attacked.min() >= 0
        assert attacked.max() <= 1


def test_smoothness_makes_the_flow_smooth(small, batch):
    images, labels, _ = batch
    rough, smooth = (
        Spatial(eps=1, steps=20, smoothness=weight, keep="last")(small, images, labels, None) for weight in (0, 10)
    )
    assert (rough - images).abs().mean() > 3 * (smooth - images).abs().mean() > 0


def test_fools_a_published_network_within_a_third_of_a_pixel(cifar):
    model = cifar.load("cifar-resnet20", "resnet20_standard")
    images, labels = cifar.images[::10], cifar.labels[::10]
    with model.evaluating():
        attacked = Spatial(eps=0.3, steps=20)(model, images, labels, None)
        assert (model(images).argmax(dim=1) == labels).sum() >= 25
        assert (model(attacked).argmax(dim=1) == labels).sum() <= 2
