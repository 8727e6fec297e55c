"""``pgd``: projected gradient descent."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.attacks.adversarial_search import ActiveBatch, AdversarialSearch, Keep
from shapebias.attacks.criterion import AttackObjective, Criterion
from shapebias.attacks.norms import LP_BALLS, Norm, check_eps
from shapebias.attacks.parameters import (
    Target,
    eps_param,
    keep_param,
    norm_param,
    step_size_param,
    steps_param,
    target_param,
)
from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Pgd"]


@attrs.frozen
class Pgd:
    """Take steps of steepest ascent on the loss, each followed by a projection into the ball and a clip to [0, 1].

    The l2 step follows the normalised gradient, and the projection changes only perturbations outside the ball.  The
    start is uniform in the ball, in the same direction for every eps.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    With a ``target`` the loss of that class is minimised instead, and the attack succeeds when the image is classified
    as the target; an image whose label is the target is not attacked.  ``objective=margin`` maximises the highest other
    score minus the label's (Carlini & Wagner 2017, f6), which has a gradient where the softmax saturates.

    Raises:
        SpellingError: several restarts without a random start, which would all be the same.

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

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    steps: int = steps_param(default=20)
    step_size: float = step_size_param(default=1 / 4)
    random_start: bool = param("start at a random point of the ball instead of the image", default=True)
    restarts: int = param("random starts, each for the images that are still classified correctly", default=1, ge=1)
    objective: AttackObjective = param(
        "loss to maximise: cross-entropy, or the margin of the highest other score over the label's",
        default="cross-entropy",
    )
    target: Target = target_param()
    keep: Keep = keep_param()

    def __attrs_post_init__(self) -> None:
        check_eps("pgd", self.eps, self.norm)
        if self.restarts > 1 and not self.random_start:
            raise SpellingError(
                f"pgd: {self.restarts} restarts with random_start=false would all be the same; leave one of them out"
            )

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        criterion = Criterion.of(model, images, labels, rng, target=self.target, objective=self.objective)
        return AdversarialSearch(criterion, images, rng, self.keep).run(self._ascend, self.eps, self.restarts)

    def _ascend(self, batch: ActiveBatch, eps: float) -> None:
        ball = LP_BALLS[self.norm]
        if self.random_start:
            batch.perturb(eps * ball.uniform(batch.rng, batch.restart, batch.images.shape[1:]))
        for _ in batch.steps(self.steps):
            gradient = batch.gradient()
            step = eps * self.step_size * ball.steepest_ascent(gradient)
            batch.perturb(ball.project(batch.adversarial + step - batch.images, eps))
