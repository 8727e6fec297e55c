"""Attacks with a given radius: many steps up the loss, whose last image is what counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from eagerpy.tensor.pytorch import PyTorchTensor
from torch import Tensor

from shapebias.plugin import (
    NORM_BALLS,
    AdversarialSearch,
    Classifier,
    Criterion,
    ImageRandom,
    Norm,
    ascending,
    check_eps,
    param,
)
from shapebias_foolbox.asking import attacks, one_by_one, run

__all__ = ["AdamPgd", "MiFgsm", "Pgd", "SparseL1Descent"]


def climb(
    method: Any,
    eps: Sequence[float],
    norm: Norm,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    rng: ImageRandom,
) -> Tensor:
    """Run an attack with each radius in turn on the images that still stand.

    Foolbox draws the random starts of a batch from torch's global generator; here each is the image's own.
    """
    search = AdversarialSearch(Criterion(model, labels), images)

    def attempt(rows: Tensor, radius: float, restart: int) -> None:
        for some in rows.split(model.chunk):

            def start(pixels: Any, size: float, some: Tensor = some) -> Any:
                return pixels + size * PyTorchTensor(NORM_BALLS[norm].random(rng[some], restart, images.shape[1:]))

            method.get_random_start = start
            search.end(some, run(method, model, images[some], labels[some], epsilon=radius))

    return search.over(eps, attempt)


@attrs.frozen
class Pgd:
    """Projected gradient descent of Foolbox: steps along the sign of the gradient, or with l2 along its direction.

    With its default steps it goes the same way as the built-in ``pgd``; that one leaves an image at the first step that
    fools the model, while Foolbox looks at the last alone.  ``random_start=false`` is the basic iterative method.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Source: Madry et al. 2018, Towards deep learning models resistant to adversarial attacks, section 2.1;
    :class:`foolbox.attacks.LinfProjectedGradientDescentAttack`,
    :class:`foolbox.attacks.L2ProjectedGradientDescentAttack`.
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    steps: int = param("number of steps", default=20, ge=1)
    step: float = param("size of a step as a fraction of eps", default=1 / 4, gt=0)
    random_start: bool = param("start at a random point of the ball instead of the image", default=True)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-pgd", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        kinds = {
            "linf": attacks.LinfProjectedGradientDescentAttack,
            "l2": attacks.L2ProjectedGradientDescentAttack,
        }
        method = kinds[self.norm](steps=self.steps, rel_stepsize=self.step, random_start=self.random_start)
        return climb(method, self.eps, self.norm, model, images, labels, rng)


@attrs.frozen
class AdamPgd:
    """Projected gradient descent whose steps are those of Adam, so that each pixel value has a step size of its own.

    Adam's moments are those of the sign of the gradient, or with l2 of its direction.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Source: Kingma & Ba 2015, Adam: a method for stochastic optimization, algorithm 1, as the step of Madry et al. 2018;
    :class:`foolbox.attacks.LinfAdamProjectedGradientDescentAttack`,
    :class:`foolbox.attacks.L2AdamProjectedGradientDescentAttack`.
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    steps: int = param("number of steps", default=50, ge=1)
    step: float = param("size of a step as a fraction of eps", default=1 / 40, gt=0)
    random_start: bool = param("start at a random point of the ball instead of the image", default=True)
    beta1: float = param("decay of the mean of the gradient", default=0.9, ge=0, lt=1)
    beta2: float = param("decay of the mean of its square", default=0.999, ge=0, lt=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-adam-pgd", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        kinds = {
            "linf": attacks.LinfAdamProjectedGradientDescentAttack,
            "l2": attacks.L2AdamProjectedGradientDescentAttack,
        }
        method = kinds[self.norm](
            steps=self.steps,
            rel_stepsize=self.step,
            random_start=self.random_start,
            adam_beta1=self.beta1,
            adam_beta2=self.beta2,
        )
        return climb(method, self.eps, self.norm, model, images, labels, rng)


@attrs.frozen
class MiFgsm:
    """Steps along the running sum of the gradients, which carries over small hills and between models.

    With linf Foolbox sums the signs of the gradients; the paper sums gradients that are divided by their l1 norm.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Source: Dong et al. 2018, Boosting adversarial attacks with momentum, algorithm 1;
    :class:`foolbox.attacks.LinfMomentumIterativeFastGradientMethod`,
    :class:`foolbox.attacks.L2MomentumIterativeFastGradientMethod`.
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    steps: int = param("number of steps", default=10, ge=1)
    step: float = param("size of a step as a fraction of eps", default=0.2, gt=0)
    momentum: float = param("what is left of the sum at each step", default=1.0, ge=0)
    random_start: bool = param("start at a random point of the ball instead of the image", default=False)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-mi-fgsm", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        kinds = {
            "linf": attacks.LinfMomentumIterativeFastGradientMethod,
            "l2": attacks.L2MomentumIterativeFastGradientMethod,
        }
        method = kinds[self.norm](
            steps=self.steps, rel_stepsize=self.step, momentum=self.momentum, random_start=self.random_start
        )
        return climb(method, self.eps, self.norm, model, images, labels, rng)


@attrs.frozen
class SparseL1Descent:
    """Steps that change the few pixel values with the largest gradients, in a ball of the sum of all changes.

    Each image is attacked alone, for Foolbox projects an image that is inside the ball where another one of its batch
    is outside.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.

    Source: Tramer & Boneh 2019, Adversarial training and robustness for multiple perturbations, section 5;
    :class:`foolbox.attacks.SparseL1DescentAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest sum of the changes of all pixel values, one or several",
        default=10,
        ge=0,
        unit="pixel values",
        converter=ascending,
    )
    steps: int = param("number of steps", default=10, ge=1)
    step: float = param("size of a step as a fraction of eps", default=0.2, gt=0)
    quantile: float = param("share of the pixel values that a step leaves alone", default=0.99, ge=0, le=1)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        method = attacks.SparseL1DescentAttack(quantile=self.quantile, steps=self.steps, rel_stepsize=self.step)
        search = AdversarialSearch(Criterion(model, labels), images)

        def attempt(rows: Tensor, radius: float, restart: int) -> None:
            found = one_by_one(method, model, images[rows], labels[rows], rng[rows], epsilon=radius)
            # As a call of the attack does, whose projection ends a little outside.
            search.end(rows, method.distance.clip_perturbation(images[rows], found, radius))

        return search.over(self.eps, attempt)
