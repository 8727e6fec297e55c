"""``pgd``: projected gradient descent."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.attacks.balls import BALLS, Norm
from shapebias.attacks.escalation import ascending, escalate
from shapebias.classifier import Classifier
from shapebias.errors import SpellingError
from shapebias.objectives import pixel_gradient
from shapebias.params import param
from shapebias.rng import ImageRandom

__all__ = ["Pgd"]


@attrs.frozen
class Pgd:
    """Climb the cross-entropy of the true label in steps, and project into the ball and into [0, 1] after each.

    The l2 step goes along the normalised gradient, and the projection moves only what has left the ball.  The start is
    uniform in the ball, the same direction for every eps.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Raises:
        SpellingError: restarts without a random start, which would all be the same.

    Source: Madry et al. 2018, Towards deep learning models resistant to adversarial attacks, section 2.1; steps of
    eps / 4 are those of their CIFAR-10 experiments (2/255 at eps 8/255).

    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.rand(2, 3, 8, 8), torch.tensor([3, 1])
    >>> rng = ImageRandom.for_images(0, "pgd", 0, ["cat.png", "dog.png"])
    >>> attacked = Pgd(eps=8 / 255, steps=3, until_fooled=False)(model, images, labels, rng)
    >>> bool((attacked - images).abs().max() <= 8 / 255 + 1e-7)
    True
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    steps: int = param("number of steps", default=20, ge=1)
    step: float = param("size of a step as a fraction of eps", default=1 / 4, gt=0)
    random_start: bool = param("start at a random point of the ball instead of the image", default=True)
    restarts: int = param("random starts; each takes only the images that still stand", default=1, ge=1)
    until_fooled: bool = param(
        "leave an image alone as soon as it is classified wrong; false takes every step, as training does", default=True
    )

    def __attrs_post_init__(self) -> None:
        if self.restarts > 1 and not self.random_start:
            raise SpellingError(f"pgd: {self.restarts} restarts without random_start are all the same; leave one out")

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""

        def attempt(rows: Tensor, eps: float, restart: int) -> Tensor:
            return self._climb(model, images[rows], labels[rows], eps, rng[rows], restart)

        return escalate(
            model, images, labels, self.eps, attempt, restarts=self.restarts, until_fooled=self.until_fooled
        )

    def _climb(
        self, model: Classifier, images: Tensor, labels: Tensor, eps: float, rng: ImageRandom, restart: int
    ) -> Tensor:
        ball, size = BALLS[self.norm], eps * self.step
        adversarial = images.clone()
        if self.random_start:
            adversarial = (images + eps * ball.random(rng, restart, images.shape[1:])).clamp(0, 1)
        active = torch.arange(len(images), device=images.device)
        for _ in range(self.steps):
            gradient, scores = pixel_gradient(model, adversarial[active], labels[active])
            if self.until_fooled:
                standing = scores.argmax(dim=1) == labels[active]
                active, gradient = active[standing], gradient[standing]
                if len(active) == 0:
                    break
            stepped = adversarial[active] + size * ball.steepest(gradient)
            perturbation = ball.project(stepped - images[active], eps)
            adversarial[active] = (images[active] + perturbation).clamp(0, 1)
        return adversarial
