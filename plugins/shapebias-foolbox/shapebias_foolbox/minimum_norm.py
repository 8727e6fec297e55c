"""Minimum-norm attacks: they follow gradients to the smallest change that fools the model."""

from __future__ import annotations

import functools
from typing import Literal

import attrs
import eagerpy as ep
from eagerpy.tensor.tensor import Tensor as Tensors
from torch import Tensor

from shapebias.plugin import (
    AttackedImages,
    Classifier,
    ImageRandom,
    Norm,
    check_eps,
    eps_param,
    norm_param,
    param,
    step_size_param,
    steps_param,
)
from shapebias_foolbox.adapter import attacks, in_chunks, one_by_one
from shapebias_foolbox.budget import LARGEST_CHANGE, LpNorm, within

__all__ = ["CarliniWagner", "Ddn", "DeepFool", "Ead", "Fmn"]


@attrs.frozen
class DeepFool:
    """Step repeatedly to the nearest boundary of the linearised network.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.

    Source: Moosavi-Dezfooli et al. 2016, DeepFool, algorithm 2 and section 3.3;
    :class:`foolbox.attacks.LinfDeepFoolAttack`, :class:`foolbox.attacks.L2DeepFoolAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE)
    norm: Norm = norm_param()
    steps: int = param("largest number of steps", default=50, ge=1)
    candidates: int = param("number of most likely classes whose boundaries are considered", default=10, ge=2)
    overshoot: float = param("distance beyond the boundary, as a fraction of the step", default=0.02, ge=0)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-deep-fool", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        kinds = {"linf": attacks.LinfDeepFoolAttack, "l2": attacks.L2DeepFoolAttack}
        method = kinds[self.norm](steps=self.steps, candidates=self.candidates, overshoot=self.overshoot)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))


@attrs.frozen
class CarliniWagner:
    """Minimise the squared length of the change plus a multiple of the label's margin, and search for that multiple.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.

    Source: Carlini & Wagner 2017, Towards evaluating the robustness of neural networks, section VI.A;
    :class:`foolbox.attacks.L2CarliniWagnerAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE, default=0.5, unit="pixel values")
    steps: int = param("steps for each multiple of the margin", default=1000, ge=1)
    searches: int = param("multiples of the margin that are tried", default=9, ge=1)
    step_size: float = step_size_param(
        "learning rate of Adam, in the inverse hyperbolic tangent of the pixels", default=0.01
    )
    confidence: float = param("margin in scores that the other class must have", default=0, ge=0)
    weight: float = param("multiple of the margin that is tried first", default=1e-3, gt=0)
    abort: bool = param(
        "abandon a multiple when a tenth of its steps did not lower the loss; each image is then attacked alone",
        default=True,
    )

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.L2CarliniWagnerAttack(
            binary_search_steps=self.searches,
            steps=self.steps,
            stepsize=self.step_size,
            confidence=self.confidence,
            initial_const=self.weight,
            abort_early=self.abort,
        )
        search = one_by_one if self.abort else in_chunks  # Foolbox aborts by the loss of the whole batch
        return within(self.eps, "l2", model, images, labels, rng, functools.partial(search, method, model))


@attrs.frozen
class Ddn:
    """Follow the gradient's direction in a ball that shrinks where the attack succeeds and grows where it does not.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.  Each
    image is attacked alone, because Foolbox draws one direction for the whole batch in case a gradient is zero.

    Source: Rony et al. 2019, Decoupling direction and norm, algorithm 1; :class:`foolbox.attacks.DDNAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE, default=0.5, unit="pixel values")
    steps: int = steps_param(default=100)
    radius: float = param("radius of the first ball", default=1.0, gt=0, unit="pixel values")
    gamma: float = param("how much the ball shrinks or grows at a step, as a fraction of it", default=0.05, gt=0, lt=1)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.DDNAttack(init_epsilon=self.radius, steps=self.steps, gamma=self.gamma)
        return within(self.eps, "l2", model, images, labels, rng, functools.partial(one_by_one, method, model))


@attrs.frozen
class Ead:
    """Minimise an elastic net, squared length plus sum of the changes, plus a multiple of the label's margin.

    Few pixel values change much; eps bounds the sum of the changes of all pixel values.  One search serves all eps; an
    image whose smallest change found is larger than eps is returned unchanged.

    Source: Chen et al. 2018, EAD: elastic-net attacks to deep neural networks, algorithm 1;
    :class:`foolbox.attacks.EADAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE, default=10, unit="pixel values")
    steps: int = param("steps for each multiple of the margin", default=1000, ge=1)
    searches: int = param("multiples of the margin that are tried", default=9, ge=1)
    step_size: float = step_size_param("length of the first step; later ones are shorter", default=0.01)
    shrinkage: float = param("weight of the sum of the changes", default=0.01, ge=0)
    rule: Literal["l1", "elastic-net"] = param(
        "what is minimised: the sum of the changes, or the elastic net", default="l1"
    )
    confidence: float = param("margin in scores that the other class must have", default=0, ge=0)
    weight: float = param("multiple of the margin that is tried first", default=1e-3, gt=0)
    abort: bool = param(
        "abandon a multiple when a tenth of its steps did not lower the loss; each image is then attacked alone",
        default=True,
    )

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.EADAttack(
            binary_search_steps=self.searches,
            steps=self.steps,
            initial_stepsize=self.step_size,
            confidence=self.confidence,
            initial_const=self.weight,
            regularization=self.shrinkage,
            decision_rule={"l1": "L1", "elastic-net": "EN"}[self.rule],
            abort_early=self.abort,
        )
        search = one_by_one if self.abort else in_chunks  # Foolbox aborts by the loss of the whole batch
        return within(self.eps, "l1", model, images, labels, rng, functools.partial(search, method, model))


class L2Fmn(attacks.L2FMNAttack):  # type: ignore[misc]
    """The l2 attack with a correct projection: that of Foolbox 3.3.4 divides the norm by itself and changes nothing."""

    def project(self, x: Tensors, x0: Tensors, epsilon: Tensors) -> Tensors:
        """Return the nearest images whose distance is at most epsilon, (N,)."""
        change = x - x0
        length = ep.maximum(change.flatten(start=1).norms.l2(axis=-1), 1e-12)
        return x0 + change * ep.minimum(1, epsilon / length).reshape((-1, 1, 1, 1))


@attrs.frozen
class Fmn:
    """Follow the gradient of the margin in a ball whose radius is the estimated distance to the boundary.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.

    Source: Pintor et al. 2021, Fast minimum-norm adversarial attacks through adaptive norm constraints, algorithm 1;
    :class:`foolbox.attacks.LInfFMNAttack`, :class:`foolbox.attacks.L2FMNAttack` with its projection corrected,
    :class:`foolbox.attacks.L1FMNAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE)
    norm: LpNorm = norm_param(norms=("linf", "l2", "l1"))
    steps: int = steps_param(default=100)
    step_size: float = step_size_param("length of the first step; the last is a hundredth of it", default=1.0)
    gamma: float = param("how much the ball first shrinks or grows, as a fraction of it", default=0.05, gt=0, lt=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-fmn", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        kinds = {"linf": attacks.LInfFMNAttack, "l2": L2Fmn, "l1": attacks.L1FMNAttack}
        method = kinds[self.norm](steps=self.steps, max_stepsize=self.step_size, gamma=self.gamma)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))
