"""The lp balls that attacks stay in: steepest ascent, projection, and random points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from shapebias.errors import SpellingError
from shapebias.rng import ImageRandom
from shapebias.spelling.grammar import spell_scalar

__all__ = ["LP_BALLS", "LpBall", "Norm", "check_eps"]

Norm: TypeAlias = Literal["linf", "l2"]


class LpBall(Protocol):
    """The ball of an lp norm around each image of a batch; perturbations are (N, 3, H, W)."""

    def steepest_ascent(self, gradient: Tensor) -> Tensor:
        """Return the perturbation of length 1 along which the loss rises fastest; zero where the gradient is zero."""

    def project(self, perturbation: Tensor, eps: float) -> Tensor:
        """Return the nearest perturbation in the ball of radius eps; one that is inside is not changed."""

    def uniform(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Draw a point uniformly from the ball of radius 1 for each image."""

    def gaussian(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Draw Gaussian noise in the ball of radius 1 for each image."""


class Linf:
    """No pixel value changes by more than eps."""

    def steepest_ascent(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def project(self, perturbation: Tensor, eps: float) -> Tensor:
        return perturbation.clamp(-eps, eps)

    def uniform(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        return 2 * rng.uniform("start", index, shape) - 1

    def gaussian(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Draw with standard deviation 1/2, so that 4.6 % of the values are clipped."""
        return (rng.normal("gaussian", index, shape) / 2).clamp(-1, 1)


class L2:
    """The Euclidean length of the whole perturbation is at most eps."""

    def steepest_ascent(self, gradient: Tensor) -> Tensor:
        # A saturated softmax gives gradients whose squares underflow; with 1 as the largest value the length is >= 1.
        scaled = gradient / gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(_tiny(gradient))
        return scaled / _length(scaled).clamp_min(1)

    def project(self, perturbation: Tensor, eps: float) -> Tensor:
        return perturbation * (eps / _length(perturbation).clamp_min(_tiny(perturbation))).clamp_max(1)

    def uniform(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        direction = self.steepest_ascent(rng.normal("direction", index, shape))
        # The volume within radius r is r^d of the whole.
        return direction * rng.uniform("radius", index, (1, 1, 1)) ** (1 / direction[0].numel())

    def gaussian(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Scale to length 1; the length of Gaussian noise in many dimensions hardly varies anyway."""
        return self.steepest_ascent(rng.normal("gaussian", index, shape))


def _length(perturbation: Tensor) -> Tensor:
    return perturbation.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()


def _tiny(tensor: Tensor) -> float:
    """Return the smallest normal number, which divides zero to zero."""
    return torch.finfo(tensor.dtype).tiny


LP_BALLS: dict[Norm, LpBall] = {"linf": Linf(), "l2": L2()}


def check_eps(attack: str, eps: Sequence[float], norm: str) -> None:
    """Refuse an linf radius above 1, the whole range of a pixel value: it was meant in levels of 0 to 255.

    Args:
        attack: the name of the attack, for the message.
        eps: the radii, in pixel values of [0, 1].
        norm: the norm, such as ``linf``.

    Raises:
        SpellingError: the norm is linf and a radius is above 1.

    >>> check_eps("pgd", [8], "linf")
    Traceback (most recent call last):
    shapebias.errors.SpellingError: pgd: eps=8 is more than the range of a pixel value, which is 0 to 1; write eps=8/255
    """
    largest = spell_scalar(max(eps))
    if norm == "linf" and max(eps) > 1:
        raise SpellingError(
            f"{attack}: eps={largest} is more than the range of a pixel value, which is 0 to 1; write eps={largest}/255"
        )
