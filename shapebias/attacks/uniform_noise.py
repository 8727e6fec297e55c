"""``uniform-noise``: a random point of the ball, which does not depend on the model."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.attacks.adversarial_search import ActiveBatch, AdversarialSearch, Keep
from shapebias.attacks.criterion import Criterion
from shapebias.attacks.norms import LP_BALLS, Norm, check_eps
from shapebias.attacks.parameters import eps_param, keep_param, norm_param
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["UniformNoise"]


@attrs.frozen
class UniformNoise:
    """Add noise that is uniform in the ball, and clip to [0, 1]: what a perturbation of that size does by chance.

    With the linf norm every pixel value changes by a number uniform in [-eps, eps]; with l2 the length of the noise is
    nearly always close to eps.  The noise has the same direction for every eps.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    Source: a control of Fawzi et al. 2016, Robustness of classifiers: from adversarial to random noise.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.full((2, 3, 8, 8), 0.5), torch.tensor([3, 1])
    >>> rng = ImageRandom.for_images(0, "uniform-noise", 0, ["cat.png", "dog.png"])
    >>> noisy = UniformNoise(eps=1 / 4, keep="last")(model, images, labels, rng)
    >>> 0.24 < (noisy - images).abs().max() <= 0.25
    tensor(True)
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    samples: int = param("draws, each for the images that are still classified correctly", default=1, ge=1)
    keep: Keep = keep_param(
        "first: the first draw that fools the model, and none for an image that is misclassified already; worst: the "
        "highest loss of the image and all draws; last: a draw for every image"
    )

    def __attrs_post_init__(self) -> None:
        check_eps("uniform-noise", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""

        def add_noise(batch: ActiveBatch, eps: float) -> None:
            batch.perturb(eps * LP_BALLS[self.norm].uniform(batch.rng, batch.restart, images.shape[1:]))

        search = AdversarialSearch(Criterion(model, labels), images, rng, self.keep)
        return search.run(add_noise, self.eps, self.samples)
