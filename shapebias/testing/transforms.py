"""Rules of transforms."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from shapebias.plugins.protocols import Transformed
from shapebias.testing.rules import BrokenRuleError, Rules, require
from shapebias.testing.subjects import Subject, close, nothing_left_behind, same_alone, same_twice

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()


def apply(subject: Subject, images: Tensor, rows: Any = slice(None), seed: int = 0) -> object:
    """Transform some of the five images."""
    given = {need: tensor[rows] for need, tensor in subject.needs(images).items()}
    return subject.loaded(images[rows], subject.random(seed=seed)[rows], **given)


def pixels(result: object) -> Tensor:
    """Return the images of a result."""
    images = result.images if isinstance(result, Transformed) else result
    if not isinstance(images, Tensor):
        raise BrokenRuleError(f"returned a {type(images).__name__}, not a tensor of images")
    return images


@RULES("keeps shape, type and device", "the next step, another transform or a model, takes the same kind of images")
def _keeps_shape(subject: Subject) -> None:
    images, result = subject.images, pixels(apply(subject, subject.images))
    require(result.shape == images.shape, f"{tuple(images.shape)} became {tuple(result.shape)}")
    require(result.dtype == images.dtype, f"{images.dtype} became {result.dtype}")
    require(result.device == images.device, f"images on {images.device} became images on {result.device}")
    require(not result.requires_grad, "the result requires gradients")


@RULES("stays in [0, 1]", "pixels outside [0, 1] are not an image, and models are not made for them")
def _stays_in_range(subject: Subject) -> None:
    for name, images in {
        "random": subject.images,
        "black": torch.zeros_like(subject.images),
        "white": torch.ones_like(subject.images),
    }.items():
        result = pixels(apply(subject, images))
        require(result.isfinite().all(), f"{name} images give NaN or infinite pixels")
        low, high = float(result.min()), float(result.max())
        require(low >= 0 and high <= 1, f"{name} images give pixels from {low:.6g} to {high:.6g}")


@RULES("leaves its arguments and global random state alone", "one stimulus is shared by all models and conditions")
def _leaves_alone(subject: Subject) -> None:
    with nothing_left_behind(subject, subject.images):
        apply(subject, subject.images)


@RULES("gives the same for the same random numbers", "a study is repeated by its seed")
def _repeats(subject: Subject) -> None:
    same_twice(lambda: apply(subject, subject.images))


@RULES("treats an image alone as in a batch", "results must not depend on batch size, order or workers")
def _independent_of_batch(subject: Subject) -> None:
    same_alone(lambda rows: apply(subject, subject.images, rows))


@RULES("does not depend on the layout in memory", "the engine passes images in the channels-last layout")
def _independent_of_layout(subject: Subject) -> None:
    images = subject.images.contiguous(memory_format=torch.channels_last)
    difference = close(apply(subject, images), apply(subject, subject.images))
    require(difference is None, f"channels last: {difference}")
