"""Attacks with a fixed epsilon: many steps of ascent on the loss, whose last image is the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import torch
from eagerpy.tensor.pytorch import PyTorchTensor
from torch import Tensor

from shapebias.plugin import (
    LP_BALLS,
    ActiveBatch,
    AdversarialSearch,
    AttackedImages,
    Classifier,
    Criterion,
    ImageRandom,
    Norm,
    check_eps,
    eps_param,
    norm_param,
    param,
    step_size_param,
    steps_param,
)
from shapebias_foolbox.adapter import attacks, joined, one_by_one, run

__all__ = ["AdamPgd", "MiFgsm", "Pgd", "SparseL1Descent"]


def attack_each_eps(
    method: Any,
    eps: Sequence[float],
    norm: Norm,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    rng: ImageRandom,
) -> Tensor | AttackedImages:
    """Run an attack with each radius in turn on the images that are still classified correctly.

    Foolbox draws the random starts of a batch from the global generator of PyTorch; here each image has its own.
    """

    def attempt(batch: ActiveBatch, radius: float) -> None:
        found = []
        for chunk in torch.arange(len(batch), device=images.device).split(model.chunk):
            rng_of_chunk = batch.rng[chunk]

            def start(pixels: Any, size: float, rng_of_chunk: ImageRandom = rng_of_chunk) -> Any:
                noise = LP_BALLS[norm].uniform(rng_of_chunk, batch.restart, images.shape[1:])
                return pixels + size * PyTorchTensor(noise)

            method.get_random_start = start
            found.append(run(method, model, batch.images[chunk], batch.criterion.labels[chunk], epsilon=radius))
        _end_with(batch, joined(found))

    return AdversarialSearch(Criterion(model, labels), images, rng).run(attempt, eps)


def _end_with(batch: ActiveBatch, found: AttackedImages) -> None:
    batch.adversarial = found.images
    batch.search.note_failed(batch.rows[found.gradient_failed])


@attrs.frozen
class Pgd:
    """Projected gradient descent of Foolbox: steps along the sign of the gradient, or with l2 along its direction.

    With its default steps it follows the same path as the built-in ``pgd``, which stops at the first adversarial
    example, while Foolbox evaluates only the last step.  ``random_start=false`` is the basic iterative method.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    Source: Madry et al. 2018, Towards deep learning models resistant to adversarial attacks, section 2.1;
    :class:`foolbox.attacks.LinfProjectedGradientDescentAttack`,
    :class:`foolbox.attacks.L2ProjectedGradientDescentAttack`.
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    steps: int = steps_param(default=20)
    step_size: float = step_size_param(default=1 / 4)
    random_start: bool = param("start at a random point of the ball instead of the image", default=True)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-pgd", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        kinds = {
            "linf": attacks.LinfProjectedGradientDescentAttack,
            "l2": attacks.L2ProjectedGradientDescentAttack,
        }
        method = kinds[self.norm](steps=self.steps, rel_stepsize=self.step_size, random_start=self.random_start)
        return attack_each_eps(method, self.eps, self.norm, model, images, labels, rng)


@attrs.frozen
class AdamPgd:
    """Projected gradient descent with the steps of Adam, so that each pixel value has its own step size.

    Adam's moments are those of the sign of the gradient, or with l2 of its direction.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    Source: Kingma & Ba 2015, Adam: a method for stochastic optimization, algorithm 1, as the step of Madry et al. 2018;
    :class:`foolbox.attacks.LinfAdamProjectedGradientDescentAttack`,
    :class:`foolbox.attacks.L2AdamProjectedGradientDescentAttack`.
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    steps: int = steps_param(default=50)
    step_size: float = step_size_param(default=1 / 40)
    random_start: bool = param("start at a random point of the ball instead of the image", default=True)
    beta1: float = param("decay of the mean of the gradient", default=0.9, ge=0, lt=1)
    beta2: float = param("decay of the mean of its square", default=0.999, ge=0, lt=1)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-adam-pgd", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        kinds = {
            "linf": attacks.LinfAdamProjectedGradientDescentAttack,
            "l2": attacks.L2AdamProjectedGradientDescentAttack,
        }
        method = kinds[self.norm](
            steps=self.steps,
            rel_stepsize=self.step_size,
            random_start=self.random_start,
            adam_beta1=self.beta1,
            adam_beta2=self.beta2,
        )
        return attack_each_eps(method, self.eps, self.norm, model, images, labels, rng)


@attrs.frozen
class MiFgsm:
    """Take steps along the running sum of the gradients, which escapes local maxima and transfers between models.

    With linf Foolbox sums the signs of the gradients; the paper sums gradients that are divided by their l1 norm.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    Source: Dong et al. 2018, Boosting adversarial attacks with momentum, algorithm 1;
    :class:`foolbox.attacks.LinfMomentumIterativeFastGradientMethod`,
    :class:`foolbox.attacks.L2MomentumIterativeFastGradientMethod`.
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    steps: int = steps_param(default=10)
    step_size: float = step_size_param(default=0.2)
    momentum: float = param("decay of the sum at each step", default=1.0, ge=0)
    random_start: bool = param("start at a random point of the ball instead of the image", default=False)

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-mi-fgsm", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        kinds = {
            "linf": attacks.LinfMomentumIterativeFastGradientMethod,
            "l2": attacks.L2MomentumIterativeFastGradientMethod,
        }
        method = kinds[self.norm](
            steps=self.steps, rel_stepsize=self.step_size, momentum=self.momentum, random_start=self.random_start
        )
        return attack_each_eps(method, self.eps, self.norm, model, images, labels, rng)


@attrs.frozen
class SparseL1Descent:
    """Take steps that change the few pixel values with the largest gradients, within an l1 ball.

    Each image is attacked alone, because Foolbox also projects images inside the ball if another image of the batch is
    outside.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.

    Source: Tramer & Boneh 2019, Adversarial training and robustness for multiple perturbations, section 5;
    :class:`foolbox.attacks.SparseL1DescentAttack`.
    """

    eps: tuple[float, ...] = eps_param(default=10, unit="pixel values")
    steps: int = steps_param(default=10)
    step_size: float = step_size_param(default=0.2)
    quantile: float = param("share of the pixel values that a step does not change", default=0.99, ge=0, le=1)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        method = attacks.SparseL1DescentAttack(quantile=self.quantile, steps=self.steps, rel_stepsize=self.step_size)

        def attempt(batch: ActiveBatch, radius: float) -> None:
            found = one_by_one(method, model, batch.images, batch.criterion.labels, batch.rng, epsilon=radius)
            # As Foolbox does after its own projection, which ends slightly outside the ball.
            clipped = method.distance.clip_perturbation(batch.images, found.images, radius)
            _end_with(batch, AttackedImages(clipped, found.gradient_failed))

        return AdversarialSearch(Criterion(model, labels), images, rng).run(attempt, self.eps)
