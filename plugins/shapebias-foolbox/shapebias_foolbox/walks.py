"""Attacks that start far away, at an image that fools the model, and walk along the boundary towards the original."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import attrs
from torch import Tensor

from shapebias.plugin import (
    Classifier,
    Criterion,
    ImageRandom,
    Norm,
    ShapebiasError,
    ascending,
    check_eps,
    param,
    seeded_generators,
)
from shapebias_foolbox.asking import attacks, run
from shapebias_foolbox.budget import AnyNorm, within

__all__ = ["Boundary", "BrendelBethge", "HopSkipJump"]


def walk(method: Any, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom, starts: int) -> Tensor:
    """Walk from each image's own start; an image that no start is found for stays as it was, and stops no other.

    The start is uniform noise, blended with the image in the first of 50 steps that fools the model.
    """
    noise = attacks.LinearSearchBlendedUniformNoiseAttack(directions=starts, steps=50)
    found = images.clone()
    for row in range(len(images)):
        image, label = images[row : row + 1], labels[row : row + 1]
        with seeded_generators(rng[row]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* failed to draw")  # seen below
            start = run(noise, model, image, label)
            goal = Criterion(model, label)
            if goal.fooled(goal.scores(start)).all():
                found[row : row + 1] = run(method, model, image, label, starting_points=start)
    return found


@attrs.frozen
class Boundary:
    """Walk along the boundary by random steps, of which those towards the image are kept; asks for decisions alone.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Source: Brendel et al. 2018, Decision-based adversarial attacks, algorithm 1;
    :class:`foolbox.attacks.BoundaryAttack`.
    """

    eps: tuple[float, ...] = param(
        "longest change that counts, one or several", default=0.5, ge=0, unit="pixel values", converter=ascending
    )
    steps: int = param("most steps; each asks the model once or twice", default=5000, ge=1)
    around: float = param(
        "first step along the sphere around the image, as a fraction of its radius", default=0.01, gt=0
    )
    inwards: float = param("first step towards the image, as a fraction of the distance", default=0.01, gt=0)
    starts: int = param("draws of noise, until one fools the model and can be the start", default=1000, ge=1)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.BoundaryAttack(steps=self.steps, spherical_step=self.around, source_step=self.inwards)
        return within(
            self.eps, "l2", model, images, labels, rng, functools.partial(walk, method, model, starts=self.starts)
        )


@attrs.frozen
class HopSkipJump:
    """Walk along the boundary by its normal, which is estimated from random neighbours; asks for decisions alone.

    All neighbours of an image are in memory at once, at the last step sqrt(steps) times as many as at the first.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Source: Chen, Jordan & Wainwright 2020, HopSkipJumpAttack, algorithm 2; :class:`foolbox.attacks.HopSkipJumpAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest change that counts, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("size of a change: its largest pixel value, or its length", default="linf")
    steps: int = param("number of steps", default=20, ge=1)
    samples: int = param(
        "neighbours at the first step; at step t their number is that times sqrt(t)", default=100, ge=1
    )
    starts: int = param("draws of noise, until one fools the model and can be the start", default=1000, ge=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-hop-skip-jump", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.HopSkipJumpAttack(
            steps=self.steps, initial_gradient_eval_steps=self.samples, constraint=self.norm
        )
        return within(
            self.eps, self.norm, model, images, labels, rng, functools.partial(walk, method, model, starts=self.starts)
        )


@attrs.frozen
class BrendelBethge:
    """Walk along the boundary by its gradient: each step is the best one in a small region, found by an optimiser.

    Numba compiles that optimiser at the first call of a process, which takes half a minute for each norm.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Raises:
        ShapebiasError: Numba is not installed.

    Source: Brendel et al. 2019, Accurate, reliable and fast robustness evaluation, section 3;
    :class:`foolbox.attacks.LinfinityBrendelBethgeAttack`, :class:`foolbox.attacks.L2BrendelBethgeAttack`,
    :class:`foolbox.attacks.L1BrendelBethgeAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest change that counts, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: AnyNorm = param("size of a change: its largest pixel value, its length, or the sum of all", default="linf")
    steps: int = param("number of steps", default=1000, ge=1)
    region: float = param("first size of the region of a step, per pixel value", default=1e-3, gt=0)
    decays: int = param("how often the region is halved", default=20, ge=1)
    overshoot: float = param("how far to aim past the boundary: 1 is at it", default=1.1, ge=1)
    momentum: float = param("share of earlier gradients in the one that is followed", default=0.8, ge=0, lt=1)
    starts: int = param("draws of noise, until one fools the model and can be the start", default=1000, ge=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-brendel-bethge", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = self._method()
        return within(
            self.eps, self.norm, model, images, labels, rng, functools.partial(walk, method, model, starts=self.starts)
        )

    def _method(self) -> Any:
        kinds = {
            "linf": attacks.LinfinityBrendelBethgeAttack,
            "l2": attacks.L2BrendelBethgeAttack,
            "l1": attacks.L1BrendelBethgeAttack,
        }
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "At the first initialisation")  # compiling takes a while
                return kinds[self.norm](
                    steps=self.steps,
                    lr=self.region,
                    lr_num_decay=self.decays,
                    overshoot=self.overshoot,
                    momentum=self.momentum,
                )
        except ImportError as error:
            raise ShapebiasError(
                "foolbox-brendel-bethge needs Numba, which is not installed; "
                "pip install 'shapebias-foolbox[brendel-bethge]'"
            ) from error
