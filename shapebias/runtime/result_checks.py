"""Check the results of plugins, so that a wrong result fails only its own cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from shapebias.errors import PluginError
from shapebias.plugins.protocols import AttackedImages, Attributed
from shapebias.runtime.device import on_float64_device

__all__ = [
    "check_images",
    "check_scores",
    "checked_arrays",
    "checked_attack",
    "checked_labels",
    "checked_maps",
    "has_map",
]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ -]{0,99}")
_LARGEST_MAP = 2.0**127  # the store cannot encode larger values, see shapebias/store/encoding.py
_LARGEST_ROW = 2**28  # values of one image; more would not fit into a chunk of HDF5


def check_scores(scores: Any, count: int) -> None:
    """Check the scores that a model returns.

    Raises:
        PluginError: the type or the shape is wrong, or a score is NaN or infinite.
    """
    if not isinstance(scores, Tensor):
        raise PluginError(
            f"the model returned {type(scores).__name__} for {count} images; it must return a tensor (N, C)"
        )
    if scores.ndim != 2 or len(scores) != count or scores.shape[1] == 0:
        raise PluginError(f"the model returned {tuple(scores.shape)} for {count} images; it must return (N, C)")
    if not scores.is_floating_point():
        raise PluginError(f"the model returned scores of type {scores.dtype}; they must be real floating-point numbers")
    bad = ~torch.isfinite(scores).all(dim=1)
    if bad.any():
        raise PluginError(
            f"the model returned NaN or infinite scores for {int(bad.sum())} of {count} images; "
            "check its weights, its normalisation and the precision"
        )


def check_images(plugin: str, images: Any, shape: torch.Size) -> None:
    """Check the images that a transform or an attack returns.

    Raises:
        PluginError: the type or the shape differs, or a pixel is not in [0, 1].
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise PluginError(f"{plugin} returned {found} for images; it must return a tensor of floats in [0, 1]")
    if images.shape != shape:
        raise PluginError(f"{plugin} returned {tuple(images.shape)} for images of shape {tuple(shape)}")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # nor NaN
        raise PluginError(f"{plugin} returned pixels outside [0, 1] (or NaN); it must clip its result")


def checked_attack(plugin: str, result: Tensor | AttackedImages, shape: torch.Size) -> AttackedImages:
    """Check attacked images of a shape (..., N, 3, H, W), and return them with ``gradient_failed``.

    Raises:
        PluginError: :func:`check_images` refuses the images, or ``gradient_failed`` is not bool or has a wrong shape.
    """
    images = result.images if isinstance(result, AttackedImages) else result
    check_images(plugin, images, shape)
    if not isinstance(result, AttackedImages):
        return AttackedImages(images.detach(), torch.zeros(shape[:-3], dtype=torch.bool, device=images.device))
    failed = result.gradient_failed
    if not isinstance(failed, Tensor) or failed.dtype != torch.bool or failed.shape != shape[:-3]:
        raise PluginError(f"{plugin}: gradient_failed must be a bool tensor of shape {tuple(shape[:-3])}")
    return AttackedImages(images.detach(), failed)


def checked_labels(plugin: str, what: str, labels: Any, count: int, classes: int) -> Tensor:
    """Check the labels that a transform gives its images.

    Raises:
        PluginError: they are not ``count`` whole numbers from -1 to the last class.
    """
    whole = isinstance(labels, Tensor) and not labels.is_floating_point() and not labels.is_complex()
    if not whole or labels.dtype == torch.bool or labels.shape != (count,):
        raise PluginError(f"{plugin} must return {what} labels as a tensor of {count} whole numbers, one per image")
    if count and not (labels.min() >= -1 and labels.max() < classes):
        raise PluginError(
            f"{plugin} returned {what} labels from {int(labels.min())} to {int(labels.max())}; "
            f"the data set has {classes} classes, 0 and up, and -1 is unknown"
        )
    checked: Tensor = labels.long()
    return checked


def checked_maps(plugin: str, result: Any, shape: tuple[int, int, int]) -> Attributed:
    """Check maps (N, H, W) and extras; if a map is not finite, the map and the extras of that image become NaN.

    Raises:
        PluginError: type or shape of the maps is wrong, or :func:`checked_arrays` refuses an extra.
    """
    maps, extras = (result.maps, result.extras) if isinstance(result, Attributed) else (result, {})
    if not isinstance(maps, Tensor) or maps.is_complex():
        found = maps.dtype if isinstance(maps, Tensor) else type(maps).__name__
        raise PluginError(f"{plugin} returned {found} for maps; it must return a tensor of real numbers")
    if tuple(maps.shape) != shape:
        raise PluginError(f"{plugin} returned maps {tuple(maps.shape)}; it must return {shape}")
    maps = maps.detach().float()
    good = (maps.abs() < _LARGEST_MAP).all(dim=2).all(dim=1)  # nor NaN
    extras = checked_arrays(plugin, extras, shape[0])
    if bool(good.all()):
        return Attributed(maps, extras)
    return Attributed(_only(good, maps), {name: _only(good, array) for name, array in extras.items()})


def has_map(maps: Tensor) -> Tensor:
    """Return which images have a map, (N,) bool; the maps have been checked."""
    return ~maps[:, 0, 0].isnan()


def _only(good: Tensor, array: Tensor) -> Tensor:
    """Replace the numbers of all images that are not good by NaN."""
    numbers = array if array.is_floating_point() else on_float64_device(array).double()
    return torch.where(good.view(-1, *[1] * (array.ndim - 1)).to(numbers.device), numbers, torch.nan)


def checked_arrays(plugin: str, arrays: Any, count: int) -> dict[str, Tensor]:
    """Check named per-image arrays, and detach them.

    Args:
        plugin: its text, for messages.
        arrays: tensors by name.
        count: number of images.

    Raises:
        PluginError: they are not a mapping, a name cannot be stored in HDF5, or a tensor is complex, sparse, too large
            or has another number of images.
    """
    if not isinstance(arrays, Mapping):
        raise PluginError(f"{plugin} returned {type(arrays).__name__}; it must return a mapping from names to tensors")
    return {_checked_name(plugin, name): _checked_array(plugin, name, array, count) for name, array in arrays.items()}


def _checked_name(plugin: str, name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(
            f"{plugin} returned an array named {name!r}; use at most 100 letters, digits, '_', '-' and spaces"
        )
    return str(name)


def _checked_array(plugin: str, name: str, array: Any, count: int) -> Tensor:
    if not isinstance(array, Tensor):
        raise PluginError(f"{plugin} returned {type(array).__name__} for {name!r}; it must be a tensor")
    if array.is_complex() or array.is_quantized or array.layout != torch.strided:
        raise PluginError(f"{plugin} returned {name!r} as {array.dtype}, {array.layout}; store real numbers, dense")
    if array.ndim == 0 or len(array) != count:
        raise PluginError(
            f"{plugin} returned {name!r} of shape {tuple(array.shape)} for {count} images; its first axis is the image"
        )
    if array.numel() > count * _LARGEST_ROW:
        raise PluginError(f"{plugin} returned {name!r} of shape {tuple(array.shape)}, which is too large to store")
    # NumPy has no bfloat16, and 16-bit floats lose precision in sums.
    narrow = array.is_floating_point() and array.element_size() < 4
    return array.detach().float() if narrow else array.detach()
