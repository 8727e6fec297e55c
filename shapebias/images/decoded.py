"""The images of one part: decoded once by threads while the device is already busy, and shared by all models."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from shapebias.errors import DataError, ShapebiasError, listed
from shapebias.plugins.protocols import Dataset, Sample
from shapebias.rng import ImageRandom
from shapebias.runtime import guard

__all__ = ["Batch", "DecodedImages", "UnreadableError", "batched", "first_sample", "threads"]

_THUMBNAIL = 64
_REASONS_SHOWN = 10


class UnreadableError(DataError):
    """Some images, or those that a transform takes as their partners, cannot be read; others of the part may be.

    Args:
        reasons: why, by their places in the part.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(sorted(reasons.items()))
        shown = list(itertools.islice(self.reasons.values(), _REASONS_SHOWN))
        if more := len(self.reasons) - len(shown):
            shown.append(f"and {more} more")
        super().__init__(shown[0] if len(shown) == 1 else listed(f"{len(self.reasons)} images cannot be read:", shown))


@attrs.frozen(eq=False)
class Batch:
    """Some images of a part, on the device, with what is known of them.

    Args:
        images: (N, 3, H, W) in [0, 1].
        positions: their places in the part.
        ids: their ids.
        labels, shape_labels, texture_labels: (N,), -1 where unknown.
    """

    images: Tensor
    positions: Sequence[int]
    ids: Sequence[str]
    labels: Tensor
    shape_labels: Tensor
    texture_labels: Tensor

    def to(self, device: torch.device) -> Batch:
        """Move the batch, where a live network is on another device than the study."""
        tensors = {name: getattr(self, name) for name in ("images", "labels", "shape_labels", "texture_labels")}
        return attrs.evolve(self, **{name: tensor.to(device) for name, tensor in tensors.items()})

    def some(self, rows: Sequence[int]) -> Batch:
        """Return some of the images of the batch."""
        tensors = {name: getattr(self, name)[rows] for name in ("images", "labels", "shape_labels", "texture_labels")}
        positions, ids = [self.positions[row] for row in rows], [self.ids[row] for row in rows]
        return attrs.evolve(self, positions=positions, ids=ids, **tensors)


class DecodedImages:
    """The decoded images of one part.

    Args:
        dataset: the data set.
        rows: places of the images in it.
        workers: decoding threads; None takes one a core, at most 8.

    Raises:
        DataError: no image of the data set can be read.
        UnreadableError: when images are taken: some cannot be read, break the contract of
            :class:`shapebias.plugins.protocols.Sample`, or differ in size or type from the first that can be read.
    """

    def __init__(self, dataset: Dataset, rows: Sequence[int], workers: int | None = None) -> None:
        self.dataset, self.rows = dataset, rows
        self._classes = len(dataset.classes)
        with guard.contained("the data set"):
            first = first_sample(dataset, self._classes).image
        self._pixels = np.empty((len(rows), *first.shape), first.dtype)
        self._pool = ThreadPoolExecutor(threads(workers), "decode")
        self._samples: list[Future[Sample]] = [
            self._pool.submit(self._decode, position, row) for position, row in enumerate(rows)
        ]

    def _decode(self, position: int, row: int) -> Sample:
        with guard.contained("the data set"):
            sample = self.dataset[row]
        self._pixels[position] = self._conforming(sample)
        return attrs.evolve(sample, image=np.empty(0))

    def _read(self, row: int) -> NDArray[Any]:
        return self._conforming(self.dataset[row])

    def _conforming(self, sample: Sample) -> NDArray[Any]:
        image = _checked(sample, self._classes)
        shape, dtype = self._pixels.shape[1:], self._pixels.dtype
        if image.shape != shape or image.dtype != dtype:
            raise DataError(
                f"image {sample.id!r} is {image.shape} {image.dtype}, the first image of the data set is "
                f"{shape} {dtype}; a data set has one size: give size="
            )
        return image

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of every image."""
        height, width, _ = self._pixels.shape[1:]
        return height, width

    def close(self) -> None:
        """Stop decoding."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def samples(self, positions: Sequence[int]) -> list[Sample]:
        """Return what is known of some images, without the pixels; waits for their decoding.

        Raises:
            UnreadableError: some of them cannot be read.
        """
        _raise_unreadable({position: self._samples[position].exception() for position in positions})
        return [self._samples[position].result() for position in positions]

    def take(self, positions: Sequence[int], device: torch.device) -> Batch:
        """Move some images to the device."""
        samples = self.samples(positions)
        return Batch(
            _to_device(self._pixels[list(positions)], device),
            positions,
            [sample.id for sample in samples],
            label_tensor((sample.label for sample in samples), device),
            label_tensor((sample.shape for sample in samples), device),
            label_tensor((sample.texture for sample in samples), device),
        )

    def masks(self, positions: Sequence[int], device: torch.device) -> Tensor:
        """Return the object masks of some images, (N, H, W) bool.

        Raises:
            DataError: an image has none.
        """
        masks = []
        for sample in self.samples(positions):
            if sample.mask is None:
                raise DataError(f"image {sample.id!r} has no mask, and a transform of this condition needs one")
            masks.append(sample.mask)
        return torch.from_numpy(np.stack(masks)).to(device)

    def known_masks(self, positions: Sequence[int]) -> NDArray[np.int8] | None:
        """Return the object masks of some images, (N, H, W), -1 where an image has none; None if no image has one."""
        masks = [sample.mask for sample in self.samples(positions)]
        if all(mask is None for mask in masks):
            return None
        return np.stack([np.full(self.size, -1, np.int8) if mask is None else mask.astype(np.int8) for mask in masks])

    def partners(self, positions: Sequence[int], rng: ImageRandom, device: torch.device) -> Tensor:
        """Return another image of the whole data set for each, chosen by the image's own random numbers.

        Raises:
            UnreadableError: that of some of them cannot be read.
        """
        count = len(self.dataset)
        offsets = (1 + rng.integers("partner", 0, (), high=max(count - 1, 1))).tolist()
        rows = [(self.rows[position] + offset) % count for position, offset in zip(positions, offsets, strict=True)]
        partners = [self._pool.submit(self._read, row) for row in rows]
        _raise_unreadable({p: partner.exception() for p, partner in zip(positions, partners, strict=True)})
        return _to_device(np.stack([partner.result() for partner in partners]), device)

    def unreadable(self) -> dict[int, str]:
        """Say of each image that cannot be read why, by its place; waits for all of them."""
        return _reasons({position: sample.exception() for position, sample in enumerate(self._samples)})

    @property
    def example(self) -> int | None:
        """The place of the first image that can be read; None where none can."""
        positions = (position for position, sample in enumerate(self._samples) if sample.exception() is None)
        return next(positions, None)

    def readable(self) -> list[int]:
        """List the places of the images that could be read; waits for all of them."""
        return [position for position, sample in enumerate(self._samples) if sample.exception() is None]

    def thumbnails(self, positions: Sequence[int]) -> NDArray[np.uint8]:
        """Return (n, h, w, 3) uint8 thumbnails, at most 64 pixels on the long side; waits for their decoding."""
        height, width = self.size
        scale = min(1.0, _THUMBNAIL / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        small = [
            functional.interpolate(self.take(some, torch.device("cpu")).images, size, mode="area")
            for some in batched(positions, _THUMBNAIL)
        ]
        return (torch.cat(small) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def threads(workers: int | None) -> int:
    """Return how many threads decode or encode: so many as were asked for, or one a core, at most 8."""
    return workers or min(8, os.cpu_count() or 1)


def batched(positions: Sequence[int], size: int) -> list[list[int]]:
    """Cut positions into lists of at most ``size``.

    >>> batched(range(5), 2)
    [[0, 1], [2, 3], [4]]
    """
    return [list(positions[start : start + size]) for start in range(0, len(positions), size)]


def first_sample(dataset: Dataset, classes: int) -> Sample:
    """Return the first image of a data set that can be read, its pixels uint8 or float32.

    Raises:
        Exception: what the first image raises, where none can be read.
    """
    problem: Exception | None = None
    for row in range(len(dataset)):
        try:
            sample = dataset[row]
            return attrs.evolve(sample, image=_checked(sample, classes))
        except Exception as error:  # noqa: BLE001 - a data set raises what it likes
            problem = problem or error
    raise problem or DataError("the data set has no images")


def _reasons(errors: Mapping[int, BaseException | None]) -> dict[int, str]:
    """Say of what raised an error why."""
    return {
        position: str(error) if isinstance(error, ShapebiasError) else f"{type(error).__name__}: {error}"
        for position, error in errors.items()
        if error is not None
    }


def _raise_unreadable(errors: Mapping[int, BaseException | None]) -> None:
    if reasons := _reasons(errors):
        raise UnreadableError(reasons) from errors[min(reasons)]


def _checked(sample: Sample, classes: int) -> NDArray[Any]:
    """Take a sample's pixels, (H, W, 3), uint8 or float32 in [0, 1], and refuse what it must not say of them."""
    image = sample.image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype not in (np.uint8, np.float32, np.float64):
        raise DataError(f"image {sample.id!r} is {image.shape} {image.dtype}; it must be (H, W, 3), uint8 or float")
    if image.dtype != np.uint8:
        image = image.astype(np.float32, copy=False)
        if not (image.min() >= 0 and image.max() <= 1):  # nor NaN
            raise DataError(
                f"image {sample.id!r} has float pixels from {image.min():g} to {image.max():g}; "
                "they must be in [0, 1]: divide 8-bit values by 255"
            )
    for name, label in {"label": sample.label, "shape": sample.shape, "texture": sample.texture}.items():
        if label is not None and not -1 <= label < classes:
            raise DataError(f"image {sample.id!r} has {name} {label}; its data set has {classes} classes, 0 and up")
    if sample.mask is not None and (sample.mask.shape != image.shape[:2] or sample.mask.dtype != np.bool_):
        raise DataError(
            f"image {sample.id!r} has a mask {sample.mask.shape} {sample.mask.dtype}; it must be {image.shape[:2]} bool"
        )
    return image


def _to_device(pixels: NDArray[Any], device: torch.device) -> Tensor:
    """Move (N, H, W, 3) pixels to the device and make them (N, 3, H, W) floats in [0, 1]."""
    moved = torch.from_numpy(pixels).to(device, non_blocking=True)
    floats = moved.float().div_(255) if moved.dtype == torch.uint8 else moved
    # Already channels-last in memory: the permutation moves no byte.
    return floats.permute(0, 3, 1, 2)


def label_tensor(values: Any, device: torch.device) -> Tensor:
    return torch.tensor([-1 if value is None else value for value in values], dtype=torch.long, device=device)
