"""Attacks that degrade an image more and more until it fools the model; they need only decisions."""

from __future__ import annotations

import functools

import attrs
from torch import Tensor

from shapebias.plugin import AttackedImages, Classifier, ImageRandom, Norm, check_eps, eps_param, norm_param, param
from shapebias_foolbox.adapter import attacks, in_chunks, one_by_one
from shapebias_foolbox.budget import LARGEST_CHANGE, within

__all__ = ["Blur", "ContrastReduction", "SaltAndPepper"]


@attrs.frozen
class ContrastReduction:
    """Reduce contrast until the image fools the model, by binary search.

    With the default eps any change counts.  One search serves all eps; an image whose smallest change found is larger
    than eps is returned unchanged.

    Source: :class:`foolbox.attacks.BinarySearchContrastReductionAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE, default=1)
    norm: Norm = norm_param()
    steps: int = param("number of halvings of the search", default=15, ge=1)
    grey: float = param("grey level that the image is blended with", default=0.5, ge=0, le=1, unit="pixel value")

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-contrast-reduction", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.BinarySearchContrastReductionAttack(binary_search_steps=self.steps, target=self.grey)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))


@attrs.frozen
class Blur:
    """Blur the image with wider and wider Gaussians until it fools the model.

    SciPy computes the blur, on the CPU.  With the default eps any change counts.  One search serves all eps; an image
    whose smallest change found is larger than eps is returned unchanged.

    Source: :class:`foolbox.attacks.GaussianBlurAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE, default=1)
    norm: Norm = norm_param()
    steps: int = param("number of widths that are tried", default=1000, ge=1)
    sigma: float | None = param(
        "largest standard deviation; none: the longer side of the image", default=None, gt=0, unit="pixels"
    )

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-blur", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.GaussianBlurAttack(steps=self.steps, max_sigma=self.sigma)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))


@attrs.frozen
class SaltAndPepper:
    """Make more and more pixels black or white until the model is fooled, then search for fewer.

    One search serves all eps; an image whose smallest change found is larger than eps is returned unchanged.

    Source: :class:`foolbox.attacks.SaltAndPepperNoiseAttack`.
    """

    eps: tuple[float, ...] = eps_param(LARGEST_CHANGE, default=10, unit="pixel values")
    steps: int = param("draws of noise", default=1000, ge=1)
    per_channel: bool = param("change the channels of a pixel independently of each other", default=False)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.SaltAndPepperNoiseAttack(steps=self.steps, across_channels=not self.per_channel)
        return within(self.eps, "l2", model, images, labels, rng, functools.partial(one_by_one, method, model))
