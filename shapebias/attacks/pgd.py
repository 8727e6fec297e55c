"""``pgd``: projected gradient descent."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.attacks.adversarial_search import AdversarialSearch, Keep, ascending
from shapebias.attacks.criterion import AttackLoss, Criterion, Target
from shapebias.attacks.norms import NORM_BALLS, Norm, check_eps
from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Pgd"]


@attrs.frozen
class Pgd:
    """Climb the cross-entropy of the true label in steps, and project into the ball and into [0, 1] after each.

    The l2 step goes along the normalised gradient, and the projection moves only what has left the ball.  The start is
    uniform in the ball, the same direction for every eps.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    With a ``target`` the loss of that class is lowered instead, and an image has fallen when it is classified so; one
    whose label is the target is left alone.  ``objective=margin`` climbs the best other score above the label's
    (Carlini & Wagner 2017, f6), which keeps a gradient where the softmax saturates.

    Raises:
        SpellingError: restarts without a random start, which would all be the same.

    Source: Madry et al. 2018, Towards deep learning models resistant to adversarial attacks, section 2.1; steps of
    eps / 4 are those of their CIFAR-10 experiments (2/255 at eps 8/255).

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> images, labels = torch.rand(2, 3, 8, 8), torch.tensor([3, 1])
    >>> rng = ImageRandom.for_images(0, "pgd", 0, ["cat.png", "dog.png"])
    >>> attacked = Pgd(eps=8 / 255, steps=3, keep="last")(model, images, labels, rng)
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
    restarts: int = param("random starts; each takes what still stands, or everything with keep=worst", default=1, ge=1)
    objective: AttackLoss = param(
        "what is raised: cross-entropy, or the best other score above the label's", default="loss"
    )
    target: Target = param(
        "class to reach: least-likely, random, an index, or none to leave the label", default=None, ge=0
    )
    keep: Keep = param(
        "first image that fools, and no work on it after; worst of all steps and restarts; or last of every image, as "
        "training does",
        default="first",
    )

    def __attrs_post_init__(self) -> None:
        check_eps("pgd", self.eps, self.norm)
        if self.restarts > 1 and not self.random_start:
            raise SpellingError(f"pgd: {self.restarts} restarts without random_start are all the same; leave one out")

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        goal = Criterion.of(model, images, labels, rng, target=self.target, objective=self.objective)
        search = AdversarialSearch(goal, images, self.keep)

        def attempt(rows: Tensor, eps: float, restart: int) -> None:
            self._climb(search, rows, eps, rng[rows], restart)

        return search.over(self.eps, attempt, self.restarts)

    def _climb(self, search: AdversarialSearch, rows: Tensor, eps: float, rng: ImageRandom, restart: int) -> None:
        ball, size = NORM_BALLS[self.norm], eps * self.step
        images = adversarial = search.images[rows]
        if self.random_start:
            adversarial = (images + eps * ball.random(rng, restart, images.shape[1:])).clamp(0, 1)
        for _ in range(self.steps):
            gradient, scores = search.gradient(rows, adversarial)
            left = search.look(rows, adversarial, scores)
            if left is not None:
                rows, images, adversarial, gradient = (each[left] for each in (rows, images, adversarial, gradient))
                if len(rows) == 0:
                    return
            perturbation = ball.project(adversarial + size * ball.steepest(gradient) - images, eps)
            adversarial = (images + perturbation).clamp(0, 1)
        search.end(rows, adversarial)
