"""The balls that attacks stay in: which way is up, how to come back inside, where to start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from shapebias.errors import SpellingError
from shapebias.rng import ImageRandom
from shapebias.spelling.grammar import spell_scalar

__all__ = ["NORM_BALLS", "Norm", "NormBall", "check_eps"]

Norm: TypeAlias = Literal["linf", "l2"]


class NormBall(Protocol):
    """A ball around each image of a batch; perturbations are (N, 3, H, W)."""

    def steepest(self, gradient: Tensor) -> Tensor:
        """Return the perturbation of length 1 along which the loss rises fastest; zero where the gradient is zero."""

    def project(self, perturbation: Tensor, eps: float) -> Tensor:
        """Return the nearest point of the ball of radius eps; what is inside stays where it is."""

    def random(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Draw a point uniformly from the ball of radius 1 for each image."""

    def gaussian(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Draw Gaussian noise that fits into the ball of radius 1 for each image."""


class Linf:
    """No pixel value changes by more than eps."""

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def project(self, perturbation: Tensor, eps: float) -> Tensor:
        return perturbation.clamp(-eps, eps)

    def random(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        return 2 * rng.uniform("start", index, shape) - 1

    def gaussian(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Have standard deviation 1/2, so that the ball cuts off 4.6 % of the values."""
        return (rng.normal("gaussian", index, shape) / 2).clamp(-1, 1)


class L2:
    """The Euclidean length of the whole perturbation is at most eps."""

    def steepest(self, gradient: Tensor) -> Tensor:
        # A saturated softmax gives gradients whose squares underflow; with 1 as the largest value the length is >= 1.
        scaled = gradient / gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(_tiny(gradient))
        return scaled / _length(scaled).clamp_min(1)

    def project(self, perturbation: Tensor, eps: float) -> Tensor:
        return perturbation * (eps / _length(perturbation).clamp_min(_tiny(perturbation))).clamp_max(1)

    def random(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        direction = self.steepest(rng.normal("direction", index, shape))
        # The volume within radius r is r^d of the whole.
        return direction * rng.uniform("radius", index, (1, 1, 1)) ** (1 / direction[0].numel())

    def gaussian(self, rng: ImageRandom, index: int, shape: Sequence[int]) -> Tensor:
        """Have length 1, which the length of Gaussian noise in many dimensions is close to anyway."""
        return self.steepest(rng.normal("gaussian", index, shape))


def _length(perturbation: Tensor) -> Tensor:
    return perturbation.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()


def _tiny(tensor: Tensor) -> float:
    """Return the smallest normal number, which divides zero to zero."""
    return torch.finfo(tensor.dtype).tiny


NORM_BALLS: dict[Norm, NormBall] = {"linf": Linf(), "l2": L2()}


def check_eps(attack: str, eps: Sequence[float], norm: str) -> None:
    """Refuse a radius that is meant in steps of 255, as other tools count; other norms than linf have no such bound.

    Raises:
        SpellingError: in linf, a radius above 1, which is more than the whole range of a pixel value.

    >>> check_eps("pgd", [8], "linf")
    Traceback (most recent call last):
    shapebias.errors.SpellingError: pgd: eps=8 lets every pixel be anything, as pixels are in [0, 1]; write eps=8/255
    """
    largest = spell_scalar(max(eps))
    if norm == "linf" and max(eps) > 1:
        raise SpellingError(
            f"{attack}: eps={largest} lets every pixel be anything, as pixels are in [0, 1]; write eps={largest}/255"
        )
