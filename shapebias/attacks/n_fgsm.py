"""``n-fgsm``: one step from a noisy image, for training; its images may leave the ball of radius eps."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import pixel_gradient
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["NFgsm"]


@attrs.frozen
class NFgsm:
    """Add noise, uniform within noise * eps, then take one step of eps along the gradient's sign, without a projection.

    Training on these images makes a network robust at radius eps, where plain FGSM makes it robust against single steps
    only.  Without the projection a pixel value changes by up to :attr:`radius` = (noise + 1) eps, three times eps by
    default.  So this attack is for training; use ``pgd`` to measure accuracy within eps.

    Source: de Jorge et al. 2022, Make some noise: reliable and efficient single-step adversarial training, equation 6
    with k = 2 and alpha = eps.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.full((2, 3, 8, 8), 0.5), torch.tensor([3, 1])
    >>> attack = NFgsm(eps=1 / 16)
    >>> attacked = attack(model, images, labels, ImageRandom.for_images(0, "n-fgsm", 0, ["cat.png", "dog.png"]))
    >>> 1 / 16 < (attacked - images).abs().max().item() <= attack.radius == 3 / 16
    True
    """

    eps: float = param(
        "radius within which training makes the network robust", default=8 / 255, ge=0, le=1, unit="pixel value"
    )
    noise: float = param("radius of the noise as a multiple of eps", default=2.0, ge=0)

    @property
    def radius(self) -> float:
        """The largest change of a pixel value."""
        return (self.noise + 1) * self.eps

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball of :attr:`radius` and in [0, 1]."""
        noisy = images + self.noise * self.eps * (2 * rng.uniform("noise", 0, images.shape[1:]) - 1)
        gradient, _ = pixel_gradient(model, noisy, labels)
        failed = ~gradient.isfinite().flatten(1).all(dim=1)
        attacked = (noisy + self.eps * gradient.nan_to_num(nan=0.0).sign()).clamp(0, 1)
        return AttackedImages(attacked, failed) if failed.any() else attacked
