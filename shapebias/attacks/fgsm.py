"""``fgsm``: the fast gradient method, one step to the edge of the ball."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.attacks.adversarial_search import AdversarialSearch, Keep, ascending
from shapebias.attacks.criterion import Criterion, Target
from shapebias.attacks.norms import NORM_BALLS, Norm, check_eps
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Fgsm"]


@attrs.frozen
class Fgsm:
    """Go from the image along the steepest ascent of the cross-entropy of the true label to the edge of the ball.

    With the linf norm that is x + eps sign(gradient), with l2 x + eps gradient / |gradient|, clipped to [0, 1].  The
    variant of Wong et al. 2020 (Fast is better than free) with its random start is ``pgd:steps=1,step=1.25``.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    With a ``target`` the loss of that class is lowered instead (Kurakin et al. 2017, Adversarial machine learning at
    scale, section 2), and an image has fallen when it is classified so; one whose label is the target is left alone.

    Source: Goodfellow et al. 2015, Explaining and harnessing adversarial examples, section 4.

    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.full((2, 3, 8, 8), 0.5), torch.tensor([3, 1])
    >>> attacked = Fgsm(eps=1 / 4, keep="last")(model, images, labels, None)
    >>> sorted(set(attacked.flatten().tolist()))
    [0.25, 0.75]
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    target: Target = param(
        "class to reach: least-likely, random, an index, or none to leave the label", default=None, ge=0
    )
    keep: Keep = param(
        "first: leave an image alone that fools already; worst: the step or the image, whichever has the higher loss; "
        "last: the step of every image, as training does",
        default="first",
    )

    def __attrs_post_init__(self) -> None:
        check_eps("fgsm", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        goal = Criterion.of(model, images, labels, rng, target=self.target)
        gradient, scores = goal.gradient(images)
        search = AdversarialSearch(goal, images, self.keep, scores)
        rows = torch.arange(len(images), device=images.device)
        direction = NORM_BALLS[self.norm].steepest(search.usable(rows, gradient))

        def attempt(rows: Tensor, eps: float, restart: int) -> None:
            search.end(rows, (images[rows] + eps * direction[rows]).clamp(0, 1))

        return search.over(self.eps, attempt)
