"""Attacks that start at a misclassified image far away, and follow the decision boundary towards the original."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import attrs
from torch import Tensor

from shapebias.plugin import (
    AttackedImages,
    Classifier,
    Criterion,
    ImageRandom,
    Norm,
    ShapebiasError,
    check_eps,
    eps_param,
    norm_param,
    param,
    seeded_generators,
    steps_param,
)
from shapebias_foolbox.adapter import attacks, joined, run
from shapebias_foolbox.budget import LARGEST_CHANGE, LpNorm, within

__all__ = ["Boundary", "BrendelBethge", "HopSkipJump"]


def from_noise(
    method: Any, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom, starts: int
) -> AttackedImages:
    """Run an attack from each image's own starting point; an image without one is returned unchanged.

    The starting point is uniform noise, blended with the image at the first of 50 weights that fools the model.
    """
    noise = attacks.LinearSearchBlendedUniformNoiseAttack(directions=starts, steps=50)
    found = []
    for row in range(len(images)):
        image, label = images[row : row + 1], labels[row : row + 1]
        with seeded_generators(rng[row]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* failed to draw")  # checked below
            start = run(noise, model, image, label)
            criterion = Criterion(model, label)
            if criterion.is_adversarial(criterion.scores(start.images)).all():
                found.append(run(method, model, image, label, starting_points=start.images))
            else:
                found.append(AttackedImages(image, start.gradient_failed))
    return joined(found)


@attrs.frozen
class Boundary:
    """Follow the boundary by random steps, and keep those towards the image; needs only decisions.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.

    Source: Brendel et al. 2018, Decision-based adversarial attacks, algorithm 1;
    :class:`foolbox.attacks.BoundaryAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE, default=0.5, unit="pixel values")
    steps: int = param("largest number of steps; each evaluates the model once or twice", default=5000, ge=1)
    around: float = param(
        "first step along the sphere around the image, as a fraction of its radius", default=0.01, gt=0
    )
    inwards: float = param("first step towards the image, as a fraction of the distance", default=0.01, gt=0)
    starts: int = param("draws of noise until one fools the model and can be the starting point", default=1000, ge=1)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.BoundaryAttack(steps=self.steps, spherical_step=self.around, source_step=self.inwards)
        return within(
            self.eps, "l2", model, images, labels, rng, functools.partial(from_noise, method, model, starts=self.starts)
        )


@attrs.frozen
class HopSkipJump:
    """Follow the boundary by its normal, estimated from random neighbours; needs only decisions.

    All neighbours of an image are in memory at once; at the last step they are sqrt(steps) times as many as at first.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.

    Source: Chen, Jordan & Wainwright 2020, HopSkipJumpAttack, algorithm 2; :class:`foolbox.attacks.HopSkipJumpAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE)
    norm: Norm = norm_param()
    steps: int = steps_param(default=20)
    samples: int = param(
        "neighbours at the first step; at step t their number is that times sqrt(t)", default=100, ge=1
    )
    starts: int = param("draws of noise until one fools the model and can be the starting point", default=1000, ge=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-hop-skip-jump", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.HopSkipJumpAttack(
            steps=self.steps, initial_gradient_eval_steps=self.samples, constraint=self.norm
        )
        return within(
            self.eps,
            self.norm,
            model,
            images,
            labels,
            rng,
            functools.partial(from_noise, method, model, starts=self.starts),
        )


@attrs.frozen
class BrendelBethge:
    """Follow the boundary by its gradient: each step is the best one in a small trust region, found by an optimiser.

    Numba compiles that optimiser at the first call of a process, which takes half a minute for each norm.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.

    Raises:
        ShapebiasError: Numba is not installed.

    Source: Brendel et al. 2019, Accurate, reliable and fast robustness evaluation, section 3;
    :class:`foolbox.attacks.LinfinityBrendelBethgeAttack`, :class:`foolbox.attacks.L2BrendelBethgeAttack`,
    :class:`foolbox.attacks.L1BrendelBethgeAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE)
    norm: LpNorm = norm_param(norms=("linf", "l2", "l1"))
    steps: int = steps_param(default=1000)
    region: float = param("first size of the region of a step, per pixel value", default=1e-3, gt=0)
    decays: int = param("how often the region is halved", default=20, ge=1)
    overshoot: float = param("how far to aim past the boundary: 1 is on it", default=1.1, ge=1)
    momentum: float = param("share of earlier gradients in the gradient that is followed", default=0.8, ge=0, lt=1)
    starts: int = param("draws of noise until one fools the model and can be the starting point", default=1000, ge=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-brendel-bethge", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = self._method()
        return within(
            self.eps,
            self.norm,
            model,
            images,
            labels,
            rng,
            functools.partial(from_noise, method, model, starts=self.starts),
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
