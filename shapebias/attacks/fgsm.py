"""``fgsm``: the fast gradient method, one step to the surface of the ball."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.attacks.adversarial_search import ActiveBatch, AdversarialSearch, Keep
from shapebias.attacks.criterion import Criterion
from shapebias.attacks.norms import LP_BALLS, Norm, check_eps
from shapebias.attacks.parameters import Target, eps_param, keep_param, norm_param, target_param
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom

__all__ = ["Fgsm"]


@attrs.frozen
class Fgsm:
    """Take one step of steepest ascent on the cross-entropy of the label, to the surface of the ball.

    With the linf norm that is x + eps sign(gradient), with l2 x + eps gradient / |gradient|, clipped to [0, 1].  The
    variant of Wong et al. 2020 (Fast is better than free) with a random start is ``pgd:steps=1,step_size=1.25``.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    With a ``target`` the loss of that class is minimised instead (Kurakin et al. 2017, Adversarial machine learning at
    scale, section 2), and the attack succeeds when the image is classified as the target; an image whose label is the
    target is not attacked.

    Source: Goodfellow et al. 2015, Explaining and harnessing adversarial examples, section 4.

    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.full((2, 3, 8, 8), 0.5), torch.tensor([3, 1])
    >>> attacked = Fgsm(eps=1 / 4, keep="last")(model, images, labels, None)
    >>> sorted(set(attacked.flatten().tolist()))
    [0.25, 0.75]
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    target: Target = target_param()
    keep: Keep = keep_param(
        "first: attack only images that are classified correctly; worst: the step or the image itself, whichever has "
        "the higher loss; last: the step of every image, as in training"
    )

    def __attrs_post_init__(self) -> None:
        check_eps("fgsm", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        criterion = Criterion.of(model, images, labels, rng, target=self.target)
        gradient, scores = criterion.gradient(images)  # the same for every eps
        search = AdversarialSearch(criterion, images, rng, self.keep, scores)
        rows = torch.arange(len(images), device=images.device)
        direction = LP_BALLS[self.norm].steepest_ascent(search.finite(rows, gradient))

        def step(batch: ActiveBatch, eps: float) -> None:
            batch.perturb(eps * direction[batch.rows])

        return search.run(step, self.eps)
