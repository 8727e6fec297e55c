"""The images of one part: decoded once, by threads that work ahead of the device, and shared by all models."""

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
from shapebias.images.first import FirstImage, checked_pixels, read_first_image
from shapebias.plugins.containment import contained
from shapebias.plugins.protocols import Dataset, Sample
from shapebias.rng import ImageRandom

__all__ = ["Batch", "DecodedImages", "UnreadableError", "batched", "label_tensor", "threads"]

_THUMBNAIL = 64
_REASONS_SHOWN = 10


class UnreadableError(DataError):
    """Some images of a part, or the partners that a transform needs for them, cannot be read.

    Args:
        reasons: the reason for each, by its position in the part.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(sorted(reasons.items()))
        shown = list(itertools.islice(self.reasons.values(), _REASONS_SHOWN))
        if more := len(self.reasons) - len(shown):
            shown.append(f"and {more} more")
        super().__init__(shown[0] if len(shown) == 1 else listed(f"{len(self.reasons)} images cannot be read:", shown))


@attrs.frozen(eq=False)
class Batch:
    """Some images of a part on the device, with their ids and labels.

    Args:
        images: (N, 3, H, W) in [0, 1].
        positions: their positions in the part.
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
        """Move the batch to a device: a live network may not be on the study's device."""
        tensors = {name: getattr(self, name) for name in ("images", "labels", "shape_labels", "texture_labels")}
        return attrs.evolve(self, **{name: tensor.to(device) for name, tensor in tensors.items()})

    def some(self, rows: Sequence[int]) -> Batch:
        """Return the images of some rows of the batch."""
        tensors = {name: getattr(self, name)[rows] for name in ("images", "labels", "shape_labels", "texture_labels")}
        positions, ids = [self.positions[row] for row in rows], [self.ids[row] for row in rows]
        return attrs.evolve(self, positions=positions, ids=ids, **tensors)


class DecodedImages:
    """The decoded images of one part.

    Args:
        dataset: the data set.
        rows: the rows of the images in the data set.
        workers: decoding threads; None takes one per core, at most 8.
        first: the first readable image of the data set, if it is already decoded.

    Raises:
        DataError: no image of the data set can be read.
        UnreadableError: when images are taken: some cannot be read, break the contract of
            :class:`shapebias.plugins.protocols.Sample`, or differ in size or type from the first readable one.
    """

    def __init__(
        self, dataset: Dataset, rows: Sequence[int], workers: int | None = None, first: FirstImage | None = None
    ) -> None:
        self.dataset, self.rows = dataset, rows
        self._classes = len(dataset.classes)
        self._first = first or read_first_image(dataset)
        image = self._first.sample.image
        self._pixels = np.empty((len(rows), *image.shape), image.dtype)
        self._pool = ThreadPoolExecutor(threads(workers), "decode")
        self._samples: list[Future[Sample]] = [
            self._pool.submit(self._decode, position, row) for position, row in enumerate(rows)
        ]

    def _decode(self, position: int, row: int) -> Sample:
        sample = self._read(row)
        self._pixels[position] = sample.image
        return attrs.evolve(sample, image=np.empty(0))

    def _read(self, row: int) -> Sample:
        """Decode one image of the data set.

        Raises:
            DataError: its size or type differs from that of the first readable image.
        """
        if row == self._first.row:
            return self._first.sample
        with contained("the data set"):
            sample = self.dataset[row]
        image = checked_pixels(sample, self._classes)
        shape, dtype = self._pixels.shape[1:], self._pixels.dtype
        if image.shape != shape or image.dtype != dtype:
            raise DataError(
                f"image {sample.id!r} is {image.shape} {image.dtype}, the first image of the data set is "
                f"{shape} {dtype}; a data set has one size: give size="
            )
        return attrs.evolve(sample, image=image)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of every image."""
        height, width, _ = self._pixels.shape[1:]
        return height, width

    def close(self) -> None:
        """Stop decoding."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def samples(self, positions: Sequence[int]) -> list[Sample]:
        """Wait for the decoding of some images, and return their ids, labels and masks, without the pixels.

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
        """Return another image of the data set for each image, chosen by the image's random numbers.

        Raises:
            UnreadableError: some partners cannot be read.
        """
        count = len(self.dataset)
        offsets = (1 + rng.integers("partner", 0, (), high=max(count - 1, 1))).tolist()
        rows = [(self.rows[position] + offset) % count for position, offset in zip(positions, offsets, strict=True)]
        partners = [self._pool.submit(self._read, row) for row in rows]
        _raise_unreadable({p: partner.exception() for p, partner in zip(positions, partners, strict=True)})
        return _to_device(np.stack([partner.result().image for partner in partners]), device)

    def unreadable(self) -> dict[int, str]:
        """Wait for the decoding of all images, and return why some cannot be read, by position."""
        return _reasons({position: sample.exception() for position, sample in enumerate(self._samples)})

    @property
    def first_readable(self) -> int | None:
        """The position of the first readable image; None where no image is readable."""
        positions = (position for position, sample in enumerate(self._samples) if sample.exception() is None)
        return next(positions, None)

    def readable(self) -> list[int]:
        """Wait for the decoding of all images, and list the positions of the readable ones."""
        return [position for position, sample in enumerate(self._samples) if sample.exception() is None]

    def thumbnails(self, positions: Sequence[int], *, enlarge: bool = False) -> NDArray[np.uint8]:
        """Return (n, h, w, 3) uint8 thumbnails, once they are decoded.

        Args:
            positions: of the images in the part.
            enlarge: 64 pixels on the long side even of smaller images; otherwise at most 64.
        """
        height, width = self.size
        scale = _THUMBNAIL / max(height, width)
        scale = scale if enlarge else min(1.0, scale)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        small = [
            functional.interpolate(self.take(some, torch.device("cpu")).images, size, mode="area")
            for some in batched(positions, _THUMBNAIL)
        ]
        return (torch.cat(small) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def threads(workers: int | None) -> int:
    """Return how many threads decode or encode: ``workers``, or one for each core, at most 8."""
    return workers or min(8, os.cpu_count() or 1)


def batched(positions: Sequence[int], size: int) -> list[list[int]]:
    """Split positions into lists of at most ``size``.

    >>> batched(range(5), 2)
    [[0, 1], [2, 3], [4]]
    """
    return [list(positions[start : start + size]) for start in range(0, len(positions), size)]


def _reasons(errors: Mapping[int, BaseException | None]) -> dict[int, str]:
    """Return the messages of the errors."""
    return {
        position: str(error) if isinstance(error, ShapebiasError) else f"{type(error).__name__}: {error}"
        for position, error in errors.items()
        if error is not None
    }


def _raise_unreadable(errors: Mapping[int, BaseException | None]) -> None:
    if reasons := _reasons(errors):
        raise UnreadableError(reasons) from errors[min(reasons)]


def _to_device(pixels: NDArray[Any], device: torch.device) -> Tensor:
    """Move (N, H, W, 3) pixels to the device and make them (N, 3, H, W) floats in [0, 1]."""
    moved = torch.from_numpy(pixels).to(device, non_blocking=True)
    floats = moved.float().div_(255) if moved.dtype == torch.uint8 else moved
    # The memory is already channels-last, so the permutation copies nothing.
    return floats.permute(0, 3, 1, 2)


def label_tensor(values: Any, device: torch.device) -> Tensor:
    """Return labels as a tensor (N,), -1 where one is None."""
    return torch.tensor([-1 if value is None else value for value in values], dtype=torch.long, device=device)
