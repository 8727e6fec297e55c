"""``uniform-noise``: a random point of the ball, which has nothing to do with the model."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.attacks._noise import add_noise
from shapebias.attacks.adversarial_search import AdversarialSearch, Keep, ascending
from shapebias.attacks.criterion import Criterion
from shapebias.attacks.norms import NORM_BALLS, Norm, check_eps
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["UniformNoise"]


@attrs.frozen
class UniformNoise:
    """Add noise that is uniform in the ball, and clip to [0, 1]: what a perturbation of that size does by chance.

    With the linf norm every pixel value moves by a number uniform in [-eps, eps]; with l2 nearly all of the ball's
    volume, and so of the noise, is close to the sphere.  The noise is the same direction for every eps.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Source: a control of Fawzi et al. 2016, Robustness of classifiers: from adversarial to random noise.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.full((2, 3, 8, 8), 0.5), torch.tensor([3, 1])
    >>> rng = ImageRandom.for_images(0, "uniform-noise", 0, ["cat.png", "dog.png"])
    >>> noisy = UniformNoise(eps=1 / 4, keep="last")(model, images, labels, rng)
    >>> 0.24 < (noisy - images).abs().max() <= 0.25
    tensor(True)
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    samples: int = param("draws; each takes what still stands, or everything with keep=worst", default=1, ge=1)
    keep: Keep = param(
        "first draw that fools, an image that fools already being left alone; worst: of all draws and the image the "
        "one with the highest loss; last: a draw for every image",
        default="first",
    )

    def __attrs_post_init__(self) -> None:
        check_eps("uniform-noise", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search = AdversarialSearch(Criterion(model, labels), images, self.keep)
        return add_noise(search, NORM_BALLS[self.norm].random, rng, self.eps, self.samples)
