"""Attacks that follow gradients to the smallest change that fools the model."""

from __future__ import annotations

import functools
from typing import Literal

import attrs
import eagerpy as ep
from eagerpy.tensor.tensor import Tensor as Tensors
from torch import Tensor

from shapebias.plugin import Classifier, ImageRandom, Norm, ascending, check_eps, param
from shapebias_foolbox.asking import attacks, in_chunks, one_by_one
from shapebias_foolbox.budget import AnyNorm, within

__all__ = ["CarliniWagner", "Ddn", "DeepFool", "Ead", "Fmn"]


@attrs.frozen
class DeepFool:
    """Go to the nearest boundary of a linear model of the network, again and again.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Source: Moosavi-Dezfooli et al. 2016, DeepFool, algorithm 2 and section 3.3;
    :class:`foolbox.attacks.LinfDeepFoolAttack`, :class:`foolbox.attacks.L2DeepFoolAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest change that counts, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("size of a change: its largest pixel value, or its length", default="linf")
    steps: int = param("most steps", default=50, ge=1)
    candidates: int = param("most likely classes whose boundaries are looked at", default=10, ge=2)
    overshoot: float = param("how far to go past the boundary, as a fraction of the way", default=0.02, ge=0)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-deep-fool", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        kinds = {"linf": attacks.LinfDeepFoolAttack, "l2": attacks.L2DeepFoolAttack}
        method = kinds[self.norm](steps=self.steps, candidates=self.candidates, overshoot=self.overshoot)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))


@attrs.frozen
class CarliniWagner:
    """Minimise the squared length of the change plus a multiple of the label's margin, and search for that multiple.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Source: Carlini & Wagner 2017, Towards evaluating the robustness of neural networks, section VI.A;
    :class:`foolbox.attacks.L2CarliniWagnerAttack`.
    """

    eps: tuple[float, ...] = param(
        "longest change that counts, one or several", default=0.5, ge=0, unit="pixel values", converter=ascending
    )
    steps: int = param("steps for each multiple of the margin", default=1000, ge=1)
    searches: int = param("multiples of the margin that are tried", default=9, ge=1)
    step: float = param("size of a step of Adam, in the hyperbolic arc tangent of the pixels", default=0.01, gt=0)
    confidence: float = param("margin in scores that the other class must have", default=0, ge=0)
    weight: float = param("multiple of the margin that is tried first", default=1e-3, gt=0)
    abort: bool = param(
        "give a multiple up where a tenth of its steps did not lower the loss; each image is then attacked alone",
        default=True,
    )

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.L2CarliniWagnerAttack(
            binary_search_steps=self.searches,
            steps=self.steps,
            stepsize=self.step,
            confidence=self.confidence,
            initial_const=self.weight,
            abort_early=self.abort,
        )
        ask = one_by_one if self.abort else in_chunks  # it aborts by the loss of the whole batch
        return within(self.eps, "l2", model, images, labels, rng, functools.partial(ask, method, model))


@attrs.frozen
class Ddn:
    """Follow the gradient's direction in a ball that shrinks where the model is fooled and grows where it is not.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.  Each
    image is attacked alone, for Foolbox draws a direction for each batch, in case that a gradient is zero.

    Source: Rony et al. 2019, Decoupling direction and norm, algorithm 1; :class:`foolbox.attacks.DDNAttack`.
    """

    eps: tuple[float, ...] = param(
        "longest change that counts, one or several", default=0.5, ge=0, unit="pixel values", converter=ascending
    )
    steps: int = param("number of steps", default=100, ge=1)
    radius: float = param("radius of the first ball", default=1.0, gt=0, unit="pixel values")
    gamma: float = param("how much the ball shrinks or grows at a step, as a fraction of it", default=0.05, gt=0, lt=1)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.DDNAttack(init_epsilon=self.radius, steps=self.steps, gamma=self.gamma)
        return within(self.eps, "l2", model, images, labels, rng, functools.partial(one_by_one, method, model))


@attrs.frozen
class Ead:
    """Minimise an elastic net, squared length plus sum of the changes, plus a multiple of the label's margin.

    Few pixel values change much: eps is the largest sum of the changes of all pixel values that counts.  Of several eps
    one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Source: Chen et al. 2018, EAD: elastic-net attacks to deep neural networks, algorithm 1;
    :class:`foolbox.attacks.EADAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest sum of changes that counts, one or several",
        default=10,
        ge=0,
        unit="pixel values",
        converter=ascending,
    )
    steps: int = param("steps for each multiple of the margin", default=1000, ge=1)
    searches: int = param("multiples of the margin that are tried", default=9, ge=1)
    step: float = param("size of the first step; later ones are smaller", default=0.01, gt=0)
    shrinkage: float = param("weight of the sum of the changes", default=0.01, ge=0)
    rule: Literal["l1", "elastic-net"] = param("what is smallest: the sum of the changes, or the net", default="l1")
    confidence: float = param("margin in scores that the other class must have", default=0, ge=0)
    weight: float = param("multiple of the margin that is tried first", default=1e-3, gt=0)
    abort: bool = param(
        "give a multiple up where a tenth of its steps did not lower the loss; each image is then attacked alone",
        default=True,
    )

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.EADAttack(
            binary_search_steps=self.searches,
            steps=self.steps,
            initial_stepsize=self.step,
            confidence=self.confidence,
            initial_const=self.weight,
            regularization=self.shrinkage,
            decision_rule={"l1": "L1", "elastic-net": "EN"}[self.rule],
            abort_early=self.abort,
        )
        ask = one_by_one if self.abort else in_chunks  # it aborts by the loss of the whole batch
        return within(self.eps, "l1", model, images, labels, rng, functools.partial(ask, method, model))


class L2Fmn(attacks.L2FMNAttack):  # type: ignore[misc]
    """The l2 attack with a projection: that of Foolbox 3.3.4 divides the norm by itself, and leaves all as it is."""

    def project(self, x: Tensors, x0: Tensors, epsilon: Tensors) -> Tensors:
        """Return the nearest images whose distance is at most epsilon, (N,)."""
        change = x - x0
        length = ep.maximum(change.flatten(start=1).norms.l2(axis=-1), 1e-12)
        return x0 + change * ep.minimum(1, epsilon / length).reshape((-1, 1, 1, 1))


@attrs.frozen
class Fmn:
    """Follow the gradient of the margin in a ball whose radius is the estimated distance to the boundary.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Source: Pintor et al. 2021, Fast minimum-norm adversarial attacks through adaptive norm constraints, algorithm 1;
    :class:`foolbox.attacks.LInfFMNAttack`, :class:`foolbox.attacks.L2FMNAttack` with its projection mended,
    :class:`foolbox.attacks.L1FMNAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest change that counts, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: AnyNorm = param("size of a change: its largest pixel value, its length, or the sum of all", default="linf")
    steps: int = param("number of steps", default=100, ge=1)
    step: float = param("length of the first step; the last is a hundredth of it", default=1.0, gt=0)
    gamma: float = param("how much the ball first shrinks or grows, as a fraction of it", default=0.05, gt=0, lt=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-fmn", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        kinds = {"linf": attacks.LInfFMNAttack, "l2": L2Fmn, "l1": attacks.L1FMNAttack}
        method = kinds[self.norm](steps=self.steps, max_stepsize=self.step, gamma=self.gamma)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))
