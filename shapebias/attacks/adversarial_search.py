"""The bookkeeping around an attack: several eps and restarts, which images remain, and which result is kept.

An attack itself is a function of an :class:`ActiveBatch` and a radius, and reads as in its paper::

    for _ in batch.steps(self.steps):
        gradient = batch.gradient()
        step = self.step_size * eps * ball.steepest_ascent(gradient)
        batch.perturb(ball.project(batch.adversarial + step - batch.images, eps))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

import attrs
import torch
from torch import Tensor

from shapebias.attacks.criterion import Criterion
from shapebias.networks.objectives import pixel_gradient
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom

__all__ = ["ActiveBatch", "AdversarialSearch", "Attempt", "Keep"]

Keep: TypeAlias = Literal["first", "worst", "last"]


@attrs.define(eq=False)
class AdversarialSearch:
    """The search for adversarial examples of a batch, over several eps and restarts.

    Args:
        criterion: when the attack on each of the N images succeeds, and the loss that it maximises.
        images: (N, 3, H, W), before the attack.
        rng: the random numbers of the images; an attack that draws none needs none.
        keep: ``first`` keeps the first adversarial example of an image, and attacks the image no further; ``worst``
            attacks every image to the end and keeps the result with the highest loss; ``last`` keeps the final
            result, also for images that were misclassified before, as adversarial training does.
        scores: (N, C), the scores of the images, if they are already known.
    """

    criterion: Criterion
    images: Tensor
    rng: ImageRandom | None = None
    keep: Keep = "first"
    scores: Tensor | None = None
    _kept: Tensor = attrs.field(init=False)
    _loss: Tensor = attrs.field(init=False)
    _is_adversarial: Tensor = attrs.field(init=False)
    _gradient_failed: Tensor = attrs.field(init=False)
    _unevaluated: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._kept = self.images.clone()
        self._gradient_failed = torch.zeros_like(self.criterion.labels, dtype=torch.bool)
        if self.keep == "last":  # the first attempt takes every image, whatever its scores
            self._is_adversarial = torch.zeros_like(self.criterion.labels, dtype=torch.bool)
            return
        scores = self.criterion.scores(self.images) if self.scores is None else self.scores
        self._is_adversarial, self._loss = self.criterion.is_adversarial(scores), self.criterion.loss(scores)

    def run(self, attempt: Attempt, eps: Sequence[float], restarts: int = 1) -> Tensor | AttackedImages:
        """Attack with each eps in ascending order, and with each restart, the images that are left.

        Adversarial examples found at a smaller eps are kept, so that robust accuracy never rises with eps.

        Args:
            attempt: attacks a batch within one eps, once; :attr:`ActiveBatch.restart` counts from 0.
            eps: the radii, ascending; 0 leaves the images as they are.
            restarts: attempts at each eps.

        Returns:
            (N, 3, H, W), or (E, N, 3, H, W) for several eps; as :class:`shapebias.plugin.AttackedImages` where a
            gradient was not finite.
        """
        images, failed = [], []
        for radius in eps:
            for restart in range(restarts if radius > 0 else 0):
                rows = self._rows_left()
                if len(rows):
                    batch = ActiveBatch(self, rows, self.images[rows], restart)
                    attempt(batch, radius)
                    self._finish(batch)
            images.append(self._kept.clone())
            failed.append(self._gradient_failed.clone())
        kept, gradient_failed = (torch.stack(each) if len(each) > 1 else each[0] for each in (images, failed))
        return AttackedImages(kept, gradient_failed) if gradient_failed.any() else kept

    def finite(self, rows: Tensor, gradient: Tensor) -> Tensor:
        """Put 0 in place of NaN in a gradient (M, 3, H, W), and note for which images it was NaN or infinite."""
        if gradient.sum().isfinite():  # one pass over the pixels; a sum that overflows is only looked at more closely
            return gradient
        finite = gradient.isfinite().flatten(1).all(dim=1)
        if finite.all():
            return gradient
        self.note_failed(rows[~finite])
        return gradient.nan_to_num(nan=0.0)

    def note_failed(self, rows: Tensor) -> None:
        """Note that a gradient of these images was NaN or infinite: that no attack succeeds shows no robustness."""
        self._gradient_failed[rows] = True

    def evaluated(self, batch: ActiveBatch, scores: Tensor) -> Tensor | None:
        """Note how the model scores a batch's adversarial images.

        Returns:
            (M,) bool, which images are still to be attacked; None for all.
        """
        if self.keep == "worst":
            self._keep_higher_loss(batch.rows, batch.adversarial, scores)
        if self.keep != "first":
            return None
        successes = batch.criterion.is_adversarial(scores)
        if not successes.any():
            return None
        self._kept[batch.rows[successes]] = batch.adversarial[successes]
        self._is_adversarial[batch.rows[successes]] = True
        return ~successes

    def _finish(self, batch: ActiveBatch) -> None:
        """Take the final result of an attempt."""
        if len(batch) == 0:
            return
        if self.keep == "worst" and not batch.is_evaluated:
            self._keep_higher_loss(batch.rows, batch.adversarial, batch.criterion.scores(batch.adversarial))
        elif self.keep == "last" or not batch.is_evaluated:
            self._kept[batch.rows] = batch.adversarial
            self._unevaluated = True

    def _rows_left(self) -> Tensor:
        """Return the indices of the images to attack next."""
        if self.keep == "worst":
            return self.criterion.attackable.nonzero().squeeze(1)
        rows = (self.criterion.attackable & ~self._is_adversarial).nonzero().squeeze(1)
        if self._unevaluated and len(rows):
            criterion = self.criterion[rows]
            self._is_adversarial[rows] = criterion.is_adversarial(criterion.scores(self._kept[rows]))
            rows = rows[~self._is_adversarial[rows]]
        self._unevaluated = False
        return rows

    def _keep_higher_loss(self, rows: Tensor, images: Tensor, scores: Tensor) -> None:
        """Keep images with a higher loss, but never replace an adversarial example by a correctly classified image."""
        criterion = self.criterion[rows]
        loss, is_adversarial = criterion.loss(scores), criterion.is_adversarial(scores)
        worse = (loss > self._loss[rows]) & (is_adversarial | ~self._is_adversarial[rows])
        changed = rows[worse]
        self._kept[changed], self._loss[changed] = images[worse], loss[worse]
        self._is_adversarial[changed] = is_adversarial[worse]


@attrs.define(eq=False)
class ActiveBatch:
    """The images that an attempt works on.

    With ``keep=first`` an image leaves the batch as soon as :meth:`gradient` or :meth:`evaluate` finds that its
    adversarial image succeeds; :meth:`remaining` drops the same images from an attack's own tensors.

    Args:
        rows: (M,) their indices among the N images of the search.
        images: (M, 3, H, W), before the attack.
        restart: the number of the restart, from 0.
        adversarial: (M, 3, H, W), the result so far; at first the images themselves.
        scores: (M, C), the scores of the adversarial images that were evaluated last.
    """

    search: AdversarialSearch = attrs.field(repr=False)
    rows: Tensor
    images: Tensor
    restart: int = 0
    adversarial: Tensor = attrs.field()
    scores: Tensor = attrs.field(init=False)
    _evaluated: Tensor | None = attrs.field(init=False, default=None)  # the images that were evaluated last
    _left: Tensor | None = attrs.field(init=False, default=None)  # which of them are still in the batch

    @adversarial.default
    def _from_the_images(self) -> Tensor:
        return self.images

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def criterion(self) -> Criterion:
        """The criterion of these images."""
        return self.search.criterion[self.rows]

    @property
    def rng(self) -> ImageRandom:
        """The random numbers of these images."""
        if self.search.rng is None:
            raise ValueError("this search has no random numbers; give AdversarialSearch the rng of its images")
        return self.search.rng[self.rows]

    @property
    def is_evaluated(self) -> bool:
        """Whether the adversarial images are those that were evaluated last."""
        return self._evaluated is self.adversarial

    def steps(self, count: int) -> Iterator[int]:
        """Count the steps of an attack, and stop where no image is left."""
        for step_index in range(count):
            if len(self.rows) == 0:
                return
            yield step_index

    def perturb(self, perturbation: Tensor) -> None:
        """Set the adversarial images to the images plus a perturbation (M, 3, H, W), clipped to [0, 1]."""
        self.adversarial = (self.images + perturbation).clamp(0, 1)

    def gradient(
        self, objective: Callable[[Tensor, Tensor], Tensor] | None = None, targets: Tensor | None = None
    ) -> Tensor:
        """Evaluate the adversarial images and differentiate the loss with respect to their pixels.

        Args:
            objective: what to differentiate instead of the criterion's loss: a function of scores (M, C) and targets.
            targets: the targets of the objective, one row for each image of the batch.

        Returns:
            The gradient (M, 3, H, W) for the images that remain; NaN becomes 0 and is noted.
        """
        if objective is None or targets is None:
            gradient, scores = self.criterion.gradient(self.adversarial)
        else:
            gradient, scores = pixel_gradient(self.criterion.model, self.adversarial, targets, objective)
        gradient = self.search.finite(self.rows, gradient)
        self._note(scores)
        return self.remaining(gradient)[0]

    def evaluate(self) -> Tensor:
        """Evaluate the adversarial images, and return the scores (M, C) of those that remain."""
        self._note(self.criterion.scores(self.adversarial))
        return self.scores

    def remaining(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Select the rows of the remaining images from tensors that have a row for each image last evaluated."""
        return tensors if self._left is None else tuple(tensor[self._left] for tensor in tensors)

    def restrict_to(self, chosen: Tensor) -> None:
        """Attack only the chosen images, (M,) bool, in the rest of the attempt."""
        self._left = chosen
        self.rows, self.images, self.adversarial = self.remaining(self.rows, self.images, self.adversarial)

    def _note(self, scores: Tensor) -> None:
        self.scores = scores
        self._left = self.search.evaluated(self, scores)
        if self._left is not None:
            self.rows, self.images, self.adversarial, self.scores = self.remaining(
                self.rows, self.images, self.adversarial, scores
            )
        self._evaluated = self.adversarial


Attempt: TypeAlias = Callable[[ActiveBatch, float], None]
