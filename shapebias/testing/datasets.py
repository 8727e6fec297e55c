"""Rules of data sets."""

from __future__ import annotations

import numpy as np

from shapebias.plugins.protocols import Sample
from shapebias.testing.rules import Rules, require
from shapebias.testing.subjects import Subject

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()
_LOOKED_AT = 32


def samples(subject: Subject) -> list[Sample]:
    """Return some samples, evenly spaced."""
    count = len(subject.loaded)
    positions = dict.fromkeys(position * count // _LOOKED_AT for position in range(_LOOKED_AT)) if count else ()
    return [subject.loaded[position] for position in positions]


@RULES("has as many images as it says", "progress, limits and parts are planned by the length")
def _length_is_true(subject: Subject) -> None:
    count = len(subject.loaded)
    require(count > 0, "it is empty")
    require(isinstance(subject.loaded[count - 1], Sample), f"[{count - 1}] is not a shapebias.Sample")
    try:
        subject.loaded[count]
    except IndexError:
        return
    require(holds=False, seen=f"len() is {count}, but [{count}] raises no IndexError")


@RULES("gives images of one declared size", "conditions act on a batch of images of the same height and width")
def _images_are_alike(subject: Subject) -> None:
    shapes = set()
    for sample in samples(subject):
        image = sample.image
        shapes.add(image.shape)
        require(image.ndim == 3 and image.shape[2] == 3, f"{sample.id}: shape {image.shape}, not (H, W, 3)")
        if image.dtype != np.uint8:
            require(
                np.issubdtype(image.dtype, np.floating), f"{sample.id}: {image.dtype}; give uint8, or float in [0, 1]"
            )
            require(image.min() >= 0 and image.max() <= 1, f"{sample.id}: pixels from {image.min()} to {image.max()}")
    require(len(shapes) == 1, f"several sizes: {sorted(shapes)}")


@RULES("has ids that are unique", "random numbers, pairing and resuming use the id")
def _ids_are_unique(subject: Subject) -> None:
    ids = [sample.id for sample in samples(subject)]
    require(all(isinstance(each, str) and each for each in ids), f"an id is not a text: {ids[:3]}")
    require(len(set(ids)) == len(ids), f"twice: {sorted({each for each in ids if ids.count(each) > 1})[:3]}")


@RULES("has labels that are classes", "a label outside the classes is never answered right")
def _labels_are_classes(subject: Subject) -> None:
    classes = tuple(subject.loaded.classes)
    require(classes and all(isinstance(name, str) for name in classes), f"classes are {classes[:3]}, not names")
    require(len(set(classes)) == len(classes), "two classes have the same name")
    for sample in samples(subject):
        for what, label in {"label": sample.label, "shape": sample.shape, "texture": sample.texture}.items():
            known = label is None or -1 <= label < len(classes)
            require(known, f"{sample.id}: {what} {label} is outside the {len(classes)} classes")


@RULES("has masks of the image's size", "a mask says which pixels are on the object")
def _masks_fit(subject: Subject) -> None:
    for sample in samples(subject):
        if sample.mask is not None:
            fits = sample.mask.shape == sample.image.shape[:2] and sample.mask.dtype == np.bool_
            require(fits, f"{sample.id}: a mask of {sample.mask.dtype} {sample.mask.shape}; give bool (H, W)")


@RULES("gives the same image every time", "a part that is computed again must be the same")
def _repeats(subject: Subject) -> None:
    for first, second in zip(samples(subject), samples(subject), strict=True):
        same = first.id == second.id and first.label == second.label and np.array_equal(first.image, second.image)
        require(same, f"{first.id}: another image or label the second time")
