"""``gaussian-noise``: Gaussian noise in the ball, which does not depend on the model."""

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

__all__ = ["GaussianNoise"]


@attrs.frozen
class GaussianNoise:
    """Add Gaussian noise within the ball, and clip to [0, 1]: what a perturbation of that size does by chance.

    With the linf norm the noise of a pixel value has standard deviation eps / 2 and is clipped at eps; with l2 it is a
    random direction scaled to length eps.  The noise has the same direction for every eps.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    Source: a control of Fawzi et al. 2016, Robustness of classifiers: from adversarial to random noise.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.full((2, 3, 8, 8), 0.5), torch.tensor([3, 1])
    >>> rng = ImageRandom.for_images(0, "gaussian-noise", 0, ["cat.png", "dog.png"])
    >>> noisy = GaussianNoise(eps=1 / 4, keep="last")(model, images, labels, rng)
    >>> round((noisy - images).std().item(), 2), (noisy - images).abs().max().item()
    (0.12, 0.25)
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    samples: int = param("draws, each for the images that are still classified correctly", default=1, ge=1)
    keep: Keep = keep_param(
        "first: the first draw that fools the model, and none for an image that is misclassified already; worst: the "
        "highest loss of the image and all draws; last: a draw for every image"
    )

    def __attrs_post_init__(self) -> None:
        check_eps("gaussian-noise", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""

        def add_noise(batch: ActiveBatch, eps: float) -> None:
            batch.perturb(eps * LP_BALLS[self.norm].gaussian(batch.rng, batch.restart, images.shape[1:]))

        search = AdversarialSearch(Criterion(model, labels), images, rng, self.keep)
        return search.run(add_noise, self.eps, self.samples)
