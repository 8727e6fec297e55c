"""Attacks that make an image worse, more and more, until it fools the model; they ask for decisions alone."""

from __future__ import annotations

import functools

import attrs
from torch import Tensor

from shapebias.plugin import Classifier, ImageRandom, Norm, ascending, check_eps, param
from shapebias_foolbox.asking import attacks, in_chunks, one_by_one
from shapebias_foolbox.budget import within

__all__ = ["Blur", "ContrastReduction", "SaltAndPepper"]


@attrs.frozen
class ContrastReduction:
    """Fade the image to grey until it fools the model, by halving the interval.

    With the default eps any change counts.  Of several eps one search gives all; an image whose smallest change found
    is larger than eps stays as it was.

    Source: :class:`foolbox.attacks.BinarySearchContrastReductionAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest change that counts, one or several", default=1, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("size of a change: its largest pixel value, or its length", default="linf")
    steps: int = param("how often the interval is halved", default=15, ge=1)
    grey: float = param("what the image fades to", default=0.5, ge=0, le=1, unit="pixel value")

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-contrast-reduction", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.BinarySearchContrastReductionAttack(binary_search_steps=self.steps, target=self.grey)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))


@attrs.frozen
class Blur:
    """Blur the image with wider and wider Gaussians until it fools the model.

    SciPy does it, on the processor.  With the default eps any change counts.  Of several eps one search gives all; an
    image whose smallest change found is larger than eps stays as it was.

    Source: :class:`foolbox.attacks.GaussianBlurAttack`.
    """

    eps: tuple[float, ...] = param(
        "largest change that counts, one or several", default=1, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("size of a change: its largest pixel value, or its length", default="linf")
    steps: int = param("widths that are tried", default=1000, ge=1)
    sigma: float | None = param(
        "largest width; none is the longer side of the image", default=None, gt=0, unit="pixels"
    )

    def __attrs_post_init__(self) -> None:
        check_eps("foolbox-blur", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.GaussianBlurAttack(steps=self.steps, max_sigma=self.sigma)
        return within(self.eps, self.norm, model, images, labels, rng, functools.partial(in_chunks, method, model))


@attrs.frozen
class SaltAndPepper:
    """Make more and more pixels black or white until that fools the model, then look for fewer that do.

    Of several eps one search gives all; an image whose smallest change found is larger than eps stays as it was.

    Source: :class:`foolbox.attacks.SaltAndPepperNoiseAttack`.
    """

    eps: tuple[float, ...] = param(
        "longest change that counts, one or several", default=10, ge=0, unit="pixel values", converter=ascending
    )
    steps: int = param("draws of noise", default=1000, ge=1)
    per_channel: bool = param("change the channels of a pixel independently of each other", default=False)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images; (E, N, 3, H, W) for several eps."""
        method = attacks.SaltAndPepperNoiseAttack(steps=self.steps, across_channels=not self.per_channel)
        return within(self.eps, "l2", model, images, labels, rng, functools.partial(one_by_one, method, model))
