"""The images of a training: split, order, crop and flip, against counting and plain loops."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from training_problem import small, two_cues

from shapebias.errors import StudyError
from shapebias.rng import ImageRandom
from shapebias.training.data import TrainingData, crop_and_flip, held_out
from shapebias.training.distributed import Processes

CPU = torch.device("cpu")
ALONE = Processes(CPU)


def numbers(count, seed=0):
    return ImageRandom.for_images(seed, "crop-and-flip", 0, [f"{number}.png" for number in range(count)])


# The split


def test_a_share_of_every_class_is_held_out():
    labels = [0] * 40 + [1] * 20 + [2] * 10
    held = held_out(labels, [str(position) for position in range(70)], share=0.3, seed=0)
    assert held == sorted(set(held))
    assert Counter(labels[position] for position in held) == {0: 12, 1: 6, 2: 3}


def test_the_split_depends_on_ids_and_seed_not_on_the_order():
    ids = [f"{position}.png" for position in range(60)]
    first = {ids[position] for position in held_out([0] * 60, ids, 0.2, seed=0)}
    backwards = ids[::-1]
    assert {backwards[position] for position in held_out([0] * 60, backwards, 0.2, seed=0)} == first
    assert {ids[position] for position in held_out([0] * 60, ids, 0.2, seed=1)} != first


def test_training_and_validation_images_share_none_and_miss_none():
    data = TrainingData.open(small(validation=0.25), ALONE)
    training = [name for batch in data.batches(0) for name in batch.ids]
    validation = [name for batch in data.validating() for name in batch.ids]
    assert len(validation) == 24
    assert sorted(training + validation) == sorted(f"{position}.png" for position in range(96))


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(StudyError, match=rf"validation: a share of {share:g} of two-cues\S* is \d+ of 96 images"):
        TrainingData.open(small(validation=share), ALONE)


def test_validation_images_of_other_classes_are_refused():
    with pytest.raises(StudyError, match=r"validation: stimuli.* has other classes than two-cues"):
        TrainingData.open(small(validation="stimuli:images=8,size=16"), ALONE)


# The order


def test_every_epoch_has_every_image_once_in_an_order_of_its_own():
    data = TrainingData.open(small(dataset=two_cues(images=100)), ALONE)
    epochs = [[name for batch in data.batches(epoch) for name in batch.ids] for epoch in range(3)]
    assert all(Counter(epoch) == Counter({f"{position}.png": 1 for position in range(100)}) for epoch in epochs)
    assert all(before != after for before, after in itertools.pairwise(epochs))
    assert [name for batch in data.batches(2) for name in batch.ids] == epochs[2]


def test_batches_differ_by_at_most_one_image_and_none_is_larger_than_asked():
    data = TrainingData.open(small(dataset=two_cues(images=100), batch_size=32), ALONE)
    assert [len(batch.ids) for batch in data.batches(0)] == [25] * 4
    assert data.steps == 4
    data = TrainingData.open(small(dataset=two_cues(images=97), batch_size=32), ALONE)
    assert [len(batch.ids) for batch in data.batches(0)] == [25, 24, 24, 24]


def test_images_keep_their_labels_and_pixels():
    dataset = two_cues().settings
    data = TrainingData.open(small(), ALONE)
    for batch in data.batches(0):
        for image, name, label in zip(batch.images, batch.ids, batch.labels, strict=True):
            sample = dataset[int(name.removesuffix(".png"))]
            assert label == sample.label
            assert np.array_equal((image * 255).round().permute(1, 2, 0).numpy(), sample.image)


# Transforms, crop and flip


def test_transforms_change_training_images_anew_in_every_epoch_and_no_validation_image():
    plain = TrainingData.open(small(), ALONE)
    data = TrainingData.open(small(transforms="patch-shuffle:k=4"), ALONE)

    def images(source, epoch):
        return {
            name: image for batch in source.batches(epoch) for name, image in zip(batch.ids, batch.images, strict=True)
        }

    first, second, original = images(data, 0), images(data, 1), images(plain, 0)
    moved = [name for name in first if not torch.equal(first[name], second[name])]
    assert len(moved) > 90
    for name, image in first.items():
        assert torch.equal(image.flatten(1).sort().values, original[name].flatten(1).sort().values)
    for batch, same in zip(data.validating(), plain.validating(), strict=True):
        assert torch.equal(batch.images, same.images)


@pytest.mark.parametrize("crop", [1, 3])
def test_a_crop_is_a_window_of_the_padded_image(crop):
    """Against a plain loop: every image is one of the (2 crop + 1)^2 windows, and in many images each comes."""
    images = torch.rand(400, 3, 6, 5)
    padded = torch.zeros(400, 3, 6 + 2 * crop, 5 + 2 * crop)
    padded[:, :, crop:-crop, crop:-crop] = images
    shifted = crop_and_flip(images, numbers(400), crop=crop, flip=False)
    assert shifted.shape == images.shape
    seen = Counter()
    for image, window in zip(padded, shifted, strict=True):
        windows = itertools.product(range(2 * crop + 1), repeat=2)
        seen.update(
            position for position in windows if torch.equal(image[:, position[0] :, position[1] :][:, :6, :5], window)
        )
    assert sum(seen.values()) == 400
    assert len(seen) == (2 * crop + 1) ** 2


def turned(images):
    """Return (N, H, W, 3), whose second axis of each image is its width."""
    return images.permute(0, 2, 3, 1)


def test_a_flip_mirrors_left_and_right_of_half_of_the_images():
    images = torch.rand(400, 3, 6, 5)
    flipped = crop_and_flip(images, numbers(400), crop=0, flip=True)
    mirrored = [
        torch.equal(after, image.fliplr()) for image, after in zip(turned(images), turned(flipped), strict=True)
    ]
    same = [torch.equal(after, image) for image, after in zip(images, flipped, strict=True)]
    assert [not one for one in mirrored] == same
    assert abs(sum(mirrored) - 200) < 50  # five standard deviations


def test_crop_and_flip_belong_to_the_image():
    images = torch.rand(20, 3, 6, 5)
    together = crop_and_flip(images, numbers(20), crop=2, flip=True)
    alone = crop_and_flip(images[7:8], numbers(20)[7], crop=2, flip=True)
    assert torch.equal(together[7:8], alone)


def test_nothing_asked_is_nothing_changed():
    images = torch.rand(4, 3, 6, 5)
    assert crop_and_flip(images, numbers(4), crop=0, flip=False) is images
