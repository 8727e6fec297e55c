"""Occlusion against Captum and a loop over windows."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from shapebias.errors import ShapebiasError
from shapebias.networks.baselines import blank
from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import objective_values
from shapebias.saliency.occlusion import Occlusion


@pytest.mark.parametrize("baseline", ["zero", "mean", "blur"])
@pytest.mark.parametrize(("window", "stride"), [(3, 2), (2, 2), (5, 3), (7, 1)])
def test_agrees_with_captum(small, batch, baseline, window, stride):
    images, targets, _, _ = batch
    options = {
        "sliding_window_shapes": (3, window, window),
        "strides": (3, stride, stride),
        "baselines": blank(small, images, baseline),
    }
    if window == 7:  # of 6 rows
        options["sliding_window_shapes"] = (3, 6, 7)
    wanted = captum.attr.Occlusion(small).attribute(images, target=targets, **options)[:, 0]
    method = Occlusion(window=window, stride=stride, baseline=baseline, objective="logit")
    assert torch.allclose(method(small, images, targets, None), wanted.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("objective", ["cross-entropy", "margin"])
def test_agrees_with_a_loop_over_windows(small, batch, objective):
    images, targets, _, _ = batch
    total, count = torch.zeros(5, 6, 8), torch.zeros(6, 8)
    whole = objective_values(small, small(images), targets, objective)
    for top in (0, 3):
        for left in (0, 3, 6):
            covered = images.clone()
            covered[:, :, top : top + 4, left : left + 4] = 0
            fall = whole - objective_values(small, small(covered), targets, objective)
            total[:, top : top + 4, left : left + 4] += fall[:, None, None]
            count[top : top + 4, left : left + 4] += 1
    method = Occlusion(window=4, stride=3, baseline="zero", objective=objective)
    assert torch.allclose(method(small, images, targets, None), total / count, rtol=1e-4, atol=1e-6)


def test_only_windows_over_what_is_looked_at_count():
    """The network sees one pixel; windows of 2 pixels in steps of 1 that cover it reach one pixel to each side."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 25, 1, bias=False))
    nn.init.zeros_(network[1].weight)
    network[1].weight.data.view(3, 5, 5)[:, 2, 2] = 1
    model = Classifier(network, (0.0,) * 3, (1.0,) * 3)
    method = Occlusion(window=2, stride=1, baseline="zero", objective="logit")
    (found,) = method(model, torch.ones(1, 3, 5, 5), torch.tensor([0]), None)
    line = torch.tensor([0, 0.5, 1, 0.5, 0])
    assert torch.allclose(found, 3 * torch.outer(line, line))


class Largest(TorchDispatchMode):
    """Remember the size of the largest tensor."""

    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if isinstance(output, torch.Tensor):
            self.size = max(self.size, output.numel())
        return output


def test_memory_does_not_grow_with_the_number_of_windows(small):
    images, targets = torch.rand(1, 3, 24, 24, dtype=torch.float64), torch.tensor([0])
    with Largest() as few:
        Occlusion(window=12, stride=12)(small, images, targets, None)
    with Largest() as many:
        Occlusion(window=1, stride=1)(small, images, targets, None)
    assert many.size == few.size == 3 * 8 * 24 * 24  # eight channels of three copies


@pytest.mark.parametrize("size", [(32, 32), (64, 48), (7, 9), (2, 2)])
def test_without_settings_the_window_is_an_eighth_of_the_shorter_side(size):
    windows, _ = Occlusion()._windows(torch.zeros(1, 3, *size))
    side = max(min(size) // 8, 1)
    assert windows[0].sum() == side
    assert windows[1].nonzero()[0] == max(side // 2, 1)
    assert windows.any(dim=0).all()


@pytest.mark.parametrize(
    ("window", "stride", "problem"),
    [
        (8, 4, "window=8,stride=4 .* 6 x 8 pixels all at once"),
        (2, 3, "window=2,stride=3 .* with gaps; .*smaller stride"),
    ],
)
def test_windows_that_say_nothing_are_refused(small, batch, window, stride, problem):
    images, targets, _, _ = batch
    with pytest.raises(ShapebiasError, match=problem):
        Occlusion(window=window, stride=stride)(small, images, targets, None)
