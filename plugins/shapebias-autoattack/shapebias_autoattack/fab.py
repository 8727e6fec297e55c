"""``fab``: the fast adaptive boundary attack."""

from __future__ import annotations

import itertools

import attrs
import torch
from torch import Tensor

from shapebias.plugin import (
    NORM_BALLS,
    AdversarialSearch,
    Classifier,
    ImageRandom,
    Norm,
    ascending,
    check_eps,
    param,
    pixel_gradient,
)
from shapebias_autoattack.hyperplane import to_hyperplane
from shapebias_autoattack.losses import contenders, difference, paired
from shapebias_autoattack.parts import Part, begin, in_order

__all__ = ["Fab"]

_ORDERS: dict[Norm, float] = {"linf": torch.inf, "l2": 2}


@attrs.frozen
class Fab:
    """Find the nearest adversarial image: step to the boundary as it looks from here, always with a pull to the image.

    Towards each of the ``targets`` best other classes in turn (FAB-T) the boundary to that class is taken for a plane.
    Both the point and the image are projected on it within [0, 1], each projection goes a little too far, and the next
    point lies between the two.  A point on the other side is an adversarial image; from there it goes back towards the
    image.  The nearest one found is brought still nearer along the line to the image.

    The search is for the nearest image whatever the radius, so several eps cost no more than one; they give one more
    leading axis, in ascending order.  An image whose nearest adversarial image is farther than eps is left as it is.

    Where classes are grouped, scores are log mean probabilities, and the boundary is where two of these are the same.

    Source: Croce & Hein 2020, Minimally distorted adversarial examples, algorithm 1; FAB-T is of Croce & Hein 2020,
    Reliable evaluation, section 5.
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("what is made small: the largest change of a pixel value, or the whole length", default="linf")
    steps: int = param("number of steps", default=100, ge=1)
    restarts: int = param(
        "tries; all but the first start at random, at most half as far as the nearest found, or as the largest eps",
        default=1,
        ge=1,
    )
    targets: int = param("classes whose boundary is tried, best first", default=9, ge=1)
    alpha_max: float = param("largest weight of the image's own projection", default=0.1, ge=0, le=1)
    eta: float = param("length of a step, 1 ending on the plane", default=1.05, ge=1)
    beta: float = param("how much of the way is kept when going back to the image", default=0.9, gt=0, lt=1)

    def __attrs_post_init__(self) -> None:
        check_eps("fab", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, scores = begin(model, images, labels)
        return in_order(search, self.eps, [self.part(search, scores, rng)])

    def part(self, search: AdversarialSearch, scores: Tensor, rng: ImageRandom, *, nearest: bool = True) -> Part:
        """Return the one part; without ``nearest`` an image is left alone when one within the smallest eps is found."""
        labels = search.goal.labels
        pairs = paired(labels, contenders(scores, labels, self.targets))
        return _Approach(self, search, rng, pairs, 0 if nearest else self.eps[0])


@attrs.define(eq=False)
class _Approach:
    """The nearest adversarial images known, and the search for them, which the first radius begins.

    Args:
        settings: of the attack.
        search: whose images are approached.
        rng: of these N images.
        pairs: for each target (N, 2), label and target.
        enough: distance at which an image is left alone.
    """

    settings: Fab
    search: AdversarialSearch
    rng: ImageRandom
    pairs: list[Tensor]
    enough: float
    _found: Tensor = attrs.field(init=False)
    _distances: Tensor = attrs.field(init=False)
    _begun: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        images = self.search.images
        self._found, self._distances = images.clone(), images.new_full((len(images),), torch.inf)

    def __call__(self, rows: Tensor, eps: float) -> None:
        """Hand over those of the images (indices M) that are near enough."""
        if not self._begun:  # the images that stand at a larger radius are among those of the first
            self._begun = True
            self._find(rows)
        rows = rows[self._distances[rows] <= eps]
        if len(rows):
            found = self._found[rows]
            self.search.look(rows, found, self.search.goal.scores(found))

    def _find(self, rows: Tensor) -> None:
        ball = NORM_BALLS[self.settings.norm]
        for number, (restart, pairs) in enumerate(itertools.product(range(self.settings.restarts), self.pairs)):
            rows = rows[self._distances[rows] > self.enough]
            point = self.search.images[rows]
            if restart > 0:
                reach = self._distances[rows].clamp_max(self.settings.eps[-1]) / 2
                noise = ball.random(self.rng[rows], number, point.shape[1:])
                point = (point + reach.view(-1, 1, 1, 1) * noise).clamp(0, 1)
            self._approach(rows, point, pairs)
        self._bring_nearer(rows[self._distances[rows].isfinite()])

    def _approach(self, rows: Tensor, point: Tensor, pairs: Tensor) -> None:
        """Go from a start to the boundary with one target, and along it (algorithm 1, lines 5 to 18)."""
        norm, eta, beta = self.settings.norm, self.settings.eta, self.settings.beta
        for _ in range(self.settings.steps):
            left = self._distances[rows] > self.enough
            rows, point = rows[left], point[left]
            if len(rows) == 0:
                return
            goal, images = self.search.goal[rows], self.search.images[rows]
            normal, scores = pixel_gradient(goal.model, point, pairs[rows], difference)
            height = difference(scores, pairs[rows])
            height_of_image = height + (normal * (images - point)).flatten(1).sum(dim=1)
            step = to_hyperplane(point, normal, height, norm)
            step_of_image = to_hyperplane(images, normal, height_of_image, norm)
            alpha = self._bias(step, step_of_image).view(-1, 1, 1, 1)
            point = (1 - alpha) * (point + eta * step) + alpha * (images + eta * step_of_image)
            point = point.clamp(0, 1)
            fooled = goal.fooled(goal.scores(point))
            self._note(rows[fooled], point[fooled])
            point = torch.where(fooled.view(-1, 1, 1, 1), images + beta * (point - images), point)

    def _bias(self, step: Tensor, step_of_image: Tensor) -> Tensor:
        """Return the weight of the image's projection (equation 9); none where both are on the plane."""
        here, there = self._lengths(step), self._lengths(step_of_image)
        return (here / (here + there)).nan_to_num(0).clamp_max(self.settings.alpha_max)

    def _lengths(self, perturbations: Tensor) -> Tensor:
        lengths: Tensor = torch.linalg.vector_norm(perturbations.flatten(1), ord=_ORDERS[self.settings.norm], dim=1)
        return lengths

    def _note(self, rows: Tensor, adversarial: Tensor) -> None:
        """Keep what is nearer than all before."""
        distances = self._lengths(adversarial - self.search.images[rows])
        nearer = distances < self._distances[rows]
        self._found[rows[nearer]], self._distances[rows[nearer]] = adversarial[nearer], distances[nearer]

    def _bring_nearer(self, rows: Tensor) -> None:
        """Look three times where the line to the image would cross the boundary if scores were linear (equation 10)."""
        goal, inside, outside = self.search.goal[rows], self.search.images[rows], self._found[rows]
        for _ in range(3):
            if len(rows) == 0:
                return
            scores = goal.scores(outside)
            pairs = torch.stack([goal.labels, scores.argmax(dim=1)], dim=1)
            above, below = difference(scores, pairs), difference(goal.scores(inside), pairs)
            share = (above / (above - below)).nan_to_num(0).view(-1, 1, 1, 1)
            between = outside + share * (inside - outside)
            fooled = goal.fooled(goal.scores(between)).view(-1, 1, 1, 1)
            inside, outside = torch.where(fooled, inside, between), torch.where(fooled, between, outside)
        self._note(rows, outside)
