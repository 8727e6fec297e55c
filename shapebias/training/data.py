"""The images for training: decoded and split once, then shuffled and transformed in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.errors import StudyError
from shapebias.images.decoded import Batch, DecodedImages, batched
from shapebias.images.transformed import apply_transform
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Dataset
from shapebias.rng import ImageRandom
from shapebias.training.distributed import Processes
from shapebias.training.recipe import Recipe

__all__ = ["Images", "TrainingData", "crop_and_flip", "held_out", "random_numbers"]


def random_numbers(recipe: Recipe, purpose: str, step_index: int, batch: Batch) -> ImageRandom:
    """Make the random numbers of a batch for one purpose; they depend only on the seed and the images."""
    return ImageRandom.for_images(recipe.seed, purpose, step_index, batch.ids, batch.images.device)


def held_out(labels: Sequence[int], ids: Sequence[str], share: float, seed: int) -> list[int]:
    """Choose the images of each class that are held out for validation.

    Args:
        labels: the class of each image.
        ids: the id of each image; the choice depends on it, so adding an image to the data set does not move others.
        share: the share of each class, rounded to whole images.
        seed: the seed of the choice.

    Returns:
        The positions of the held-out images, ascending.

    >>> held_out([0] * 4 + [1] * 4, "abcdefgh", share=0.25, seed=0)
    [1, 6]
    """
    lots = ImageRandom.for_images(seed, "validation", 0, ids).uniform("lot", 0, ()).tolist()
    chosen: list[int] = []
    for label in set(labels):
        members = [position for position, own in enumerate(labels) if own == label]
        members.sort(key=lots.__getitem__)
        chosen += members[: round(share * len(members))]
    return sorted(chosen)


def crop_and_flip(images: Tensor, rng: ImageRandom, *, crop: int, flip: bool) -> Tensor:
    """Shift each image by up to ``crop`` pixels along both axes, and mirror it with probability 1/2.

    He et al. 2016, section 4.2: the image is padded with black, and a window of the image's size is cut out.

    Args:
        images: (N, 3, H, W).
        rng: the random numbers of the images.
        crop: the largest shift, in pixels.
        flip: whether to mirror.
    """
    if crop:
        count, _, height, width = images.shape
        padded = functional.pad(images, (crop,) * 4).permute(0, 2, 3, 1)
        down, right = rng.integers("crop", 0, (2,), high=2 * crop + 1).unbind(1)
        rows = down[:, None] + torch.arange(height, device=images.device)
        columns = right[:, None] + torch.arange(width, device=images.device)
        image = torch.arange(count, device=images.device)[:, None, None]
        images = padded[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if flip:
        mirrored = rng.uniform("flip", 0, (1, 1, 1)) < 1 / 2
        images = torch.where(mirrored, images.flip(3), images)
    return images


@attrs.frozen(eq=False)
class Images:
    """A selection of the decoded images of a data set.

    Args:
        decoded: the decoded images of the whole data set.
        rows: the rows of the selected images.
    """

    decoded: DecodedImages
    rows: Sequence[int]

    @classmethod
    def of(cls, dataset: Dataset, workers: int | None = None) -> Images:
        """Start decoding a data set."""
        every = range(len(dataset))
        return cls(DecodedImages(dataset, every, workers), every)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Sequence[int], device: torch.device) -> Batch:
        """Move some of them to the device."""
        return self.decoded.take([self.rows[row] for row in rows], device)

    def split(self, share: float, seed: int) -> tuple[Images, Images]:
        """Return the training images and the held-out share."""
        samples = self.decoded.samples(self.rows)
        held = held_out([sample.label for sample in samples], [sample.id for sample in samples], share, seed)
        rest = sorted({*self.rows} - {*held})
        return Images(self.decoded, rest), Images(self.decoded, held)


@attrs.frozen(eq=False)
class TrainingData:
    """The images of a recipe, batch by batch on the device.

    Args:
        recipe: the recipe.
        ranks: the processes that share the images, each with its own device.
        training: the training images.
        validation: the validation images.
        transforms: the recipe's transforms with their loaded callables.
    """

    recipe: Recipe
    ranks: Processes
    training: Images
    validation: Images
    transforms: Sequence[tuple[Component, Any]]

    @classmethod
    def open(cls, recipe: Recipe, ranks: Processes, workers: int | None = None) -> TrainingData:
        """Decode the images and split them.

        Args:
            recipe: the recipe.
            ranks: the processes that share them.
            workers: decoding threads; None takes one per core.

        Raises:
            StudyError: there are no training or no validation images, or their classes differ.
            DataError: an image cannot be read.
        """
        dataset: Dataset = recipe.dataset.settings
        training = Images.of(dataset, workers)
        if isinstance(recipe.validation, Component):
            validation = Images.of(recipe.validation.settings, workers)
            if tuple(recipe.validation.settings.classes) != tuple(dataset.classes):
                raise StudyError(
                    f"validation: {recipe.validation.text} has other classes than {recipe.dataset.text}; "
                    "give a data set with the same classes, or a share of the training images such as 0.1"
                )
        else:
            training, validation = training.split(recipe.validation, recipe.seed)
            if not training or not validation:
                raise StudyError(
                    f"validation: a share of {recipe.validation:g} of {recipe.dataset.text} is {len(validation)} of "
                    f"{len(dataset)} images; give another share"
                )
        transforms = [(step, step.load(ranks.device)) for step in recipe.transforms]
        data = cls(recipe, ranks, training, validation, transforms)
        smallest = min(len(training) // data.steps, len(validation))
        if smallest < ranks.count:
            raise StudyError(
                f"{recipe.dataset.text}: {ranks.count} processes cannot share {smallest} images; use fewer processes, "
                "or more images per step (batch_size) and for validation"
            )
        return data

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self.ranks.device

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self.training) // self.recipe.batch_size)

    def size(self, step: int) -> int:
        """Return the number of images of a step, summed over all processes."""
        each, more = divmod(len(self.training), self.steps)
        return each + (step < more)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the training images of this process, in an order that depends only on the seed and the epoch."""
        lots = ImageRandom.for_images(self.recipe.seed, "order", 0, [""]).epoch(epoch)
        order = lots.permutation("order", 0, len(self.training))[0]
        for rows in order.tensor_split(self.steps):
            yield self._changed(self.training.take(self.ranks.share(rows.tolist()), self.device), epoch)

    def _changed(self, batch: Batch, epoch: int) -> Batch:
        """Apply the transforms to some training images, then crop and flip."""
        for step_index, (component, transform) in enumerate(self.transforms):
            rng = random_numbers(self.recipe, component.name, step_index, batch).epoch(epoch)
            batch = apply_transform(component, transform, batch, self.training.decoded, rng)
        rng = random_numbers(self.recipe, "crop-and-flip", 0, batch).epoch(epoch)
        images = crop_and_flip(batch.images, rng, crop=self.recipe.crop, flip=self.recipe.flip)
        return attrs.evolve(batch, images=images)

    def validating(self) -> Iterator[Batch]:
        """Yield the validation images of this process, unchanged."""
        for rows in batched(self.ranks.share(range(len(self.validation))), self.recipe.batch_size):
            yield self.validation.take(rows, self.device)

    def close(self) -> None:
        """Stop decoding."""
        self.training.decoded.close()
        self.validation.decoded.close()
