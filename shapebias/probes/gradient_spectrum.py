"""Gradient spectrum: on which spatial frequencies of the image the model's loss depends."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective, pixel_gradient
from shapebias.rng import ImageRandom
from shapebias.runtime.device import on_float64_device
from shapebias.spelling.params import param

__all__ = ["GradientSpectrum", "radial_power"]


@attrs.frozen
class GradientSpectrum:
    """Divide the power of the gradient with respect to the pixels among spatial frequencies.

    Adversarially trained networks have gradients of lower frequencies than standard ones.  Tsipras et al. 2019,
    "Robustness may be at odds with accuracy", section 3, compare such gradients by eye.

    Args:
        objective: what is differentiated.

    >>> colours = Classifier(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    >>> measured = GradientSpectrum()(colours, torch.rand(2, 3, 32, 32), torch.tensor([0, 1]), None, None)
    >>> measured["power"].shape
    torch.Size([2, 24])
    """

    objective: Objective = param(
        "what is differentiated, such as the cross-entropy of the target", default="cross-entropy"
    )

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: None,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``power``, (N, R): the share of the frequencies that round to 0, 1, 2, ... cycles per image."""
        gradient, _ = pixel_gradient(model, images, targets, self.objective)
        return {"power": radial_power(gradient)}


def radial_power(images: Tensor) -> Tensor:
    """Return the share of the power at each whole number of cycles along the shorter side, (N, R).

    Args:
        images: (N, C, H, W); powers of the channels add up.

    >>> waves = torch.cos(torch.arange(16) * 2 * torch.pi * 3 / 16).expand(1, 1, 16, 16)
    >>> radial_power(waves).argmax().item()
    3
    """
    device, images = images.device, on_float64_device(images)
    height, width = images.shape[-2:]
    short = min(height, width)
    down = torch.fft.fftfreq(height, 1 / short, device=images.device)
    across = torch.fft.fftfreq(width, 1 / short, device=images.device)
    ring = torch.sqrt(down[:, None].square() + across.square()).round().long().flatten()
    power = torch.fft.fft2(images.double(), norm="ortho").abs().square().sum(dim=1).flatten(1)
    shares = power.new_zeros(len(images), int(ring.max()) + 1).index_add_(1, ring, power)
    relative: Tensor = shares / shares.sum(dim=1, keepdim=True).clamp(min=1e-300)
    return relative.float().to(device)
