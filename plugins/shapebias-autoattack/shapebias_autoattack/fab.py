"""``fab``: the fast adaptive boundary attack."""

from __future__ import annotations

import itertools

import attrs
import torch
from torch import Tensor

from shapebias.plugin import (
    LP_BALLS,
    ActiveBatch,
    AdversarialSearch,
    AttackedImages,
    Attempt,
    Classifier,
    ImageRandom,
    Norm,
    check_eps,
    eps_param,
    norm_param,
    param,
    pixel_gradient,
    steps_param,
)
from shapebias_autoattack.ensemble import misclassification_search, run_in_order
from shapebias_autoattack.hyperplane import to_hyperplane
from shapebias_autoattack.losses import difference, most_likely_others, paired

__all__ = ["Fab"]

_ORDERS: dict[Norm, float] = {"linf": torch.inf, "l2": 2}


@attrs.frozen
class Fab:
    """Find the nearest adversarial example, by steps to the linearised decision boundary that are biased to the image.

    For each of the ``targets`` most likely other classes in turn (FAB-T) the boundary to that class is linearised.
    Both the current point and the image are projected onto this hyperplane within [0, 1], each projection goes a little
    beyond it, and the next point is a weighted mean of the two.  If it is misclassified, it is an adversarial example,
    and the search steps back towards the image.  The nearest example is finally moved closer along the line to the
    image.

    The search does not depend on the radius, so several eps cost no more than one; they add a leading axis, in
    ascending order.  An image whose nearest adversarial example is farther away than eps is returned unchanged.

    If classes are grouped, scores are log mean probabilities, and the boundary is where two of them are equal.

    Source: Croce & Hein 2020, Minimally distorted adversarial examples, algorithm 1; FAB-T is of Croce & Hein 2020,
    Reliable evaluation, section 5.
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    steps: int = steps_param(default=100)
    restarts: int = param(
        "searches; all but the first start at a random point, at most half as far away as the nearest adversarial "
        "example so far or the largest eps",
        default=1,
        ge=1,
    )
    targets: int = param("classes whose boundary is approached, most likely first", default=9, ge=1)
    alpha_max: float = param("largest weight of the image's own projection", default=0.1, ge=0, le=1)
    eta: float = param("length of a step; 1 ends on the hyperplane", default=1.05, ge=1)
    beta: float = param("distance to the image that remains after a step back, as a fraction", default=0.9, gt=0, lt=1)

    def __attrs_post_init__(self) -> None:
        check_eps("fab", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, scores = misclassification_search(model, images, labels, rng)
        return run_in_order(search, self.eps, [self.attempt(search, scores, rng)])

    def attempt(self, search: AdversarialSearch, scores: Tensor, rng: ImageRandom, *, nearest: bool = True) -> Attempt:
        """Return the attempt; without ``nearest`` a search ends at an adversarial example within the smallest eps."""
        labels = search.criterion.labels
        pairs = paired(labels, most_likely_others(scores, labels, self.targets))
        return _BoundarySearch(self, search, rng, pairs, 0 if nearest else self.eps[0])


@attrs.define(eq=False)
class _BoundarySearch:
    """The nearest adversarial images found, and the search for them, which runs at the first radius.

    Args:
        settings: the settings of the attack.
        search: the search for the N images.
        rng: the random numbers of these images.
        pairs: for each target (N, 2), label and target.
        enough: distance at which the search for an image ends.
    """

    settings: Fab
    search: AdversarialSearch
    rng: ImageRandom
    pairs: list[Tensor]
    enough: float
    _found: Tensor = attrs.field(init=False)
    _distances: Tensor = attrs.field(init=False)
    _done: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        images = self.search.images
        self._found, self._distances = images.clone(), images.new_full((len(images),), torch.inf)

    def __call__(self, batch: ActiveBatch, eps: float) -> None:
        """Set the adversarial images that are near enough."""
        if not self._done:  # the images that are left at a larger radius are among those of the first
            self._done = True
            self._find(batch.rows)
        near = self._distances[batch.rows] <= eps
        batch.restrict_to(near)
        if len(batch):
            batch.adversarial = self._found[batch.rows]
            batch.evaluate()

    def _find(self, rows: Tensor) -> None:
        ball = LP_BALLS[self.settings.norm]
        for number, (restart, pairs) in enumerate(itertools.product(range(self.settings.restarts), self.pairs)):
            rows = rows[self._distances[rows] > self.enough]
            point = self.search.images[rows]
            if restart > 0:
                reach = self._distances[rows].clamp_max(self.settings.eps[-1]) / 2
                noise = ball.uniform(self.rng[rows], number, point.shape[1:])
                point = (point + reach.view(-1, 1, 1, 1) * noise).clamp(0, 1)
            self._approach(rows, point, pairs)
        self._search_line(rows[self._distances[rows].isfinite()])

    def _approach(self, rows: Tensor, point: Tensor, pairs: Tensor) -> None:
        """Step from a start to the boundary to one class, and along it (algorithm 1, lines 5 to 18)."""
        norm, eta, beta = self.settings.norm, self.settings.eta, self.settings.beta
        for _ in range(self.settings.steps):
            left = self._distances[rows] > self.enough
            rows, point = rows[left], point[left]
            if len(rows) == 0:
                return
            criterion, images = self.search.criterion[rows], self.search.images[rows]
            gradient, scores = pixel_gradient(criterion.model, point, pairs[rows], difference)
            normal = self.search.finite(rows, gradient)
            height = difference(scores, pairs[rows])
            height_of_image = height + (normal * (images - point)).flatten(1).sum(dim=1)
            step = to_hyperplane(point, normal, height, norm)
            step_of_image = to_hyperplane(images, normal, height_of_image, norm)
            alpha = self._bias(step, step_of_image).view(-1, 1, 1, 1)
            point = (1 - alpha) * (point + eta * step) + alpha * (images + eta * step_of_image)
            point = point.clamp(0, 1)
            is_adversarial = criterion.is_adversarial(criterion.scores(point))
            self._keep_nearest(rows[is_adversarial], point[is_adversarial])
            point = torch.where(is_adversarial.view(-1, 1, 1, 1), images + beta * (point - images), point)

    def _bias(self, step: Tensor, step_of_image: Tensor) -> Tensor:
        """Return the weight of the image's projection (equation 9); 0 where both are on the hyperplane."""
        here, there = self._lengths(step), self._lengths(step_of_image)
        return (here / (here + there)).nan_to_num(0).clamp_max(self.settings.alpha_max)

    def _lengths(self, perturbations: Tensor) -> Tensor:
        lengths: Tensor = torch.linalg.vector_norm(perturbations.flatten(1), ord=_ORDERS[self.settings.norm], dim=1)
        return lengths

    def _keep_nearest(self, rows: Tensor, adversarial: Tensor) -> None:
        """Keep those that are nearer to their image than all earlier ones."""
        distances = self._lengths(adversarial - self.search.images[rows])
        nearer = distances < self._distances[rows]
        self._found[rows[nearer]], self._distances[rows[nearer]] = adversarial[nearer], distances[nearer]

    def _search_line(self, rows: Tensor) -> None:
        """Move towards the image, three times to where linear scores would cross the boundary (equation 10)."""
        criterion, inside, outside = self.search.criterion[rows], self.search.images[rows], self._found[rows]
        for _ in range(3):
            if len(rows) == 0:
                return
            scores = criterion.scores(outside)
            pairs = torch.stack([criterion.labels, scores.argmax(dim=1)], dim=1)
            above, below = difference(scores, pairs), difference(criterion.scores(inside), pairs)
            share = (above / (above - below)).nan_to_num(0).view(-1, 1, 1, 1)
            between = outside + share * (inside - outside)
            crossed = criterion.is_adversarial(criterion.scores(between)).view(-1, 1, 1, 1)
            inside, outside = torch.where(crossed, inside, between), torch.where(crossed, between, outside)
        self._keep_nearest(rows, outside)
