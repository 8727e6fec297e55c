"""The first readable image of a data set: it determines the size and pixel type of all, and is decoded once."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import DataError
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Dataset, Sample
from shapebias.runtime.guard import contained_and_restored

__all__ = ["FirstImage", "FirstImages", "checked_pixels", "read_first_image"]

_USUAL_PIXELS = 224 * 224


@attrs.frozen(eq=False)
class FirstImage:
    """The first readable image of a data set.

    Args:
        row: its row in the data set.
        sample: the image, with uint8 or float32 pixels.
    """

    row: int
    sample: Sample

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        height, width, _ = self.sample.image.shape
        return max(1, int(height * width))


class FirstImages:
    """The first readable image of each data set of a run; each is decoded once."""

    def __init__(self) -> None:
        self._found: dict[str, FirstImage | None] = {}

    def of(self, dataset: Component) -> FirstImage | None:
        """Return the first readable image of a data set; None if there is none."""
        key = dataset.canonical
        if key not in self._found:
            try:
                self._found[key] = read_first_image(dataset.settings)
            except Exception:  # noqa: BLE001 - a data set may raise anything, and its cells will fail with the reason
                self._found[key] = None
        return self._found[key]

    def pixels(self, dataset: Component) -> int:
        """Return the number of pixels of one image of a data set; 224 x 224 if no image can be read."""
        first = self.of(dataset)
        return first.pixels if first else _USUAL_PIXELS


def read_first_image(dataset: Dataset) -> FirstImage:
    """Decode the first readable image of a data set.

    Raises:
        Exception: the error of the first image, if none can be read.
    """
    problem: Exception | None = None
    classes = len(dataset.classes)
    for row in range(len(dataset)):
        try:
            with contained_and_restored("the data set"):
                sample = dataset[row]
            return FirstImage(row, attrs.evolve(sample, image=checked_pixels(sample, classes)))
        except Exception as error:  # noqa: BLE001 - a data set may raise anything
            problem = problem or error
    raise problem or DataError("the data set has no images")


def checked_pixels(sample: Sample, classes: int) -> NDArray[Any]:
    """Return the pixels of a sample, (H, W, 3), uint8 or float32 in [0, 1].

    Args:
        sample: the sample.
        classes: the number of classes of its data set.

    Raises:
        DataError: the pixels, a label or the mask break the contract of :class:`shapebias.plugins.protocols.Sample`.
    """
    image = sample.image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype not in (np.uint8, np.float32, np.float64):
        raise DataError(f"image {sample.id!r} is {image.shape} {image.dtype}; it must be (H, W, 3), uint8 or float")
    if image.dtype != np.uint8:
        image = image.astype(np.float32, copy=False)
        if not (image.min() >= 0 and image.max() <= 1):  # nor NaN
            way_out = "undo the normalisation, which is part of the model" if image.min() < 0 else "divide by 255"
            raise DataError(
                f"image {sample.id!r} has float pixels from {image.min():g} to {image.max():g}; "
                f"they must be in [0, 1]: {way_out}"
            )
    for name, label in {"label": sample.label, "shape": sample.shape, "texture": sample.texture}.items():
        if label is not None and not -1 <= label < classes:
            raise DataError(f"image {sample.id!r} has {name} {label}; its data set has {classes} classes, 0 and up")
    if sample.mask is not None and (sample.mask.shape != image.shape[:2] or sample.mask.dtype != np.bool_):
        raise DataError(
            f"image {sample.id!r} has a mask {sample.mask.shape} {sample.mask.dtype}; it must be {image.shape[:2]} bool"
        )
    return image
