"""``fgsm``: the fast gradient method, one step to the edge of the ball."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.attacks.balls import BALLS, Norm
from shapebias.attacks.escalation import ascending, escalate
from shapebias.classifier import Classifier
from shapebias.objectives import pixel_gradient
from shapebias.params import param
from shapebias.rng import ImageRandom

__all__ = ["Fgsm"]


@attrs.frozen
class Fgsm:
    """Go from the image along the steepest ascent of the cross-entropy of the true label to the edge of the ball.

    With the linf norm that is x + eps sign(gradient), with l2 x + eps gradient / |gradient|, clipped to [0, 1].  The
    variant of Wong et al. 2020 (Fast is better than free) with its random start is ``pgd:steps=1,step=1.25``.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Source: Goodfellow et al. 2015, Explaining and harnessing adversarial examples, section 4.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.full((2, 3, 8, 8), 0.5), torch.tensor([3, 1])
    >>> attacked = Fgsm(eps=1 / 4, until_fooled=False)(model, images, labels, None)
    >>> sorted(set(attacked.flatten().tolist()))
    [0.25, 0.75]
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    until_fooled: bool = param(
        "leave an image alone that is already classified wrong; false attacks it too, as training does", default=True
    )

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:  # noqa: ARG002
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""

        def attempt(rows: Tensor, eps: float, restart: int) -> Tensor:  # noqa: ARG001 - nothing here is random
            gradient, _ = pixel_gradient(model, images[rows], labels[rows])
            return (images[rows] + eps * BALLS[self.norm].steepest(gradient)).clamp(0, 1)

        return escalate(model, images, labels, self.eps, attempt, until_fooled=self.until_fooled)
