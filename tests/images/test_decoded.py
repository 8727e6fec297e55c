"""Decoding once, on time and in order; partners, masks and thumbnails; what a transform must not return."""

from __future__ import annotations

import threading
import time

import attrs
import numpy as np
import pytest
import torch

from shapebias.errors import DataError, PluginError
from shapebias.images.decoded import DecodedImages, batched
from shapebias.images.transformed import TransformedImages
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.protocols import Sample
from shapebias.rng import ImageRandom
from shapebias.runtime.result_checks import check_images

CPU = torch.device("cpu")


def image(index, height=6, width=8):
    """Draw noise that belongs to an index."""
    return np.random.default_rng(index).integers(256, size=(height, width, 3), dtype=np.uint8)


@attrs.frozen(eq=False)
class Noise:
    """Ten images; counts how often each is decoded."""

    changes: dict[int, dict] = attrs.field(factory=dict)
    decoded: list[int] = attrs.field(factory=list)
    classes = ("one", "two", "three")
    _lock = threading.Lock()

    def __len__(self):
        return 10

    def __getitem__(self, index):
        with self._lock:
            self.decoded.append(index)
        usual = {
            "image": image(index),
            "id": f"{index}.png",
            "label": index % 3,
            "shape": 1,
            "mask": image(index)[..., 0] > 99,
        }
        change = self.changes.get(index, {})
        if isinstance(change, Exception):
            raise change
        return Sample(**{**usual, **change})


class Slow(Noise):
    """Ten images, none of which is there at once."""

    def __getitem__(self, index):
        time.sleep(0.02)
        return super().__getitem__(index)


def test_pixels_are_divided_by_255_and_each_image_is_decoded_once():
    dataset = Noise()
    decoded = DecodedImages(dataset, [3, 5, 9], workers=2)
    for _ in range(2):
        batch = decoded.take([2, 0], CPU)
        expected = np.stack([image(9), image(3)]).transpose(0, 3, 1, 2) / 255
        np.testing.assert_allclose(batch.images.numpy(), expected, rtol=1e-6)
    assert list(batch.ids) == ["9.png", "3.png"]
    assert batch.labels.tolist() == [0, 0]
    assert batch.shape_labels.tolist() == [1, 1]
    assert batch.texture_labels.tolist() == [-1, -1]
    decoded.close()
    assert sorted(dataset.decoded) == [0, 3, 5, 9]  # the first of all tells the size


def test_images_go_to_the_device_with_their_channels_together():
    batch = DecodedImages(Noise(), range(4)).take([0, 1], CPU)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image": image(0, 6, 9), "mask": None},
            r"'2.png' is \(6, 9, 3\) uint8, the first image of the data set is \(6, 8, 3\)",
        ),
        ({"image": image(0)[..., 0]}, r"'2.png' is \(6, 8\) uint8; it must be \(H, W, 3\)"),
        ({"image": image(0).astype(np.float64)}, "'2.png' has float pixels from .* divide by 255"),
        ({"image": image(0) / 128.0 - 1}, "'2.png' has float pixels from -.* undo the normalisation"),
        ({"label": 3}, "'2.png' has label 3; its data set has 3 classes"),
        ({"mask": np.ones((8, 6), bool)}, r"'2.png' has a mask \(8, 6\) bool; it must be \(6, 8\) bool"),
    ],
)
def test_a_sample_that_breaks_its_contract_is_named_when_it_is_taken(change, message):
    decoded = DecodedImages(Noise({2: change}), range(4))
    assert decoded.take([0, 1, 3], CPU).ids == ["0.png", "1.png", "3.png"]
    with pytest.raises(DataError, match=message):
        decoded.take([2], CPU)
    assert decoded.readable() == [0, 1, 3]


def test_float_images_are_taken_as_they_are():
    changes = {row: {"image": image(row) / 255} for row in range(10)}
    floats, bytes_ = (DecodedImages(Noise(change), range(3)).take([0, 2], CPU).images for change in (changes, {}))
    assert torch.allclose(floats, bytes_, atol=1e-7)


def test_masks_are_those_of_the_images():
    decoded = DecodedImages(Noise({1: {"mask": None}}), range(3))
    np.testing.assert_array_equal(decoded.masks([2, 0], CPU).numpy(), [image(2)[..., 0] > 99, image(0)[..., 0] > 99])
    with pytest.raises(DataError, match=r"'1\.png' has no mask, and a transform of this condition needs one"):
        decoded.masks([0, 1], CPU)


def test_a_partner_is_another_image_of_the_whole_data_set_by_the_image_s_own_random_numbers():
    ids = [f"{row}.png" for row in range(10)]
    whole = DecodedImages(Noise(), range(10)).partners(range(10), ImageRandom.for_images(0, "x", 0, ids), CPU)
    everyone = torch.from_numpy(np.stack([image(row) for row in range(10)])).permute(0, 3, 1, 2) / 255
    rows = [next(row for row in range(10) if torch.allclose(everyone[row], partner)) for partner in whole]
    assert all(row != partner for row, partner in enumerate(rows))
    assert len(set(rows)) > 3
    part = DecodedImages(Noise(), [4, 7]).partners([1], ImageRandom.for_images(0, "x", 0, ["7.png"]), CPU)
    assert torch.equal(part[0], whole[7])


def test_thumbnails_wait_for_their_images_and_keep_the_proportions_and_the_mean():
    large = {row: {"image": image(row, 128, 256), "mask": None} for row in range(10)}
    small = DecodedImages(Slow(large), [0, 1]).thumbnails([0, 1])
    assert (small.shape, small.dtype) == ((2, 32, 64, 3), np.uint8)
    blocks = image(1, 128, 256).reshape(32, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(small[1] - blocks).max() <= 0.51


def test_a_kept_stimulus_is_made_once_and_looks_the_same_in_any_company():
    calls = []

    def darken(images, _rng):
        calls.append(len(images))
        return images / 2

    component = default_catalog().component("transform", "grayscale")
    kept, transformed_again = (
        TransformedImages(DecodedImages(Noise(), range(6)), [(component, darken)], seed=0, device=CPU, keep=keep)
        for keep in (True, False)
    )
    for stimuli in (kept, transformed_again):
        first = stimuli.take([0, 1, 2, 3])
        again = stimuli.take([3, 1])
        assert torch.equal(again.images, first.images[[3, 1]])
        assert again.labels.tolist() == first.labels[[3, 1]].tolist()
    assert calls == [4, 4, 2]


def test_the_same_plugin_at_another_place_draws_other_numbers():
    shuffle = default_catalog().component("transform", "patch-shuffle:k=2")
    steps = [(shuffle, shuffle.settings)]
    once, twice = (
        TransformedImages(DecodedImages(Noise(), range(8)), chain, 0, CPU, keep=False) for chain in (steps, steps * 2)
    )
    ids = [f"{row}.png" for row in range(8)]
    expected = shuffle.settings(once.take(range(8)).images, ImageRandom.for_images(0, "patch-shuffle", 1, ids))
    assert torch.equal(twice.take(range(8)).images, expected)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 3, 4, 4), r"grayscale returned \(2, 3, 4, 4\) for images of shape \(1, 3, 4, 4\)"),
        (torch.full((1, 3, 4, 4), 1.001), r"grayscale returned pixels outside \[0, 1\]"),
        (torch.full((1, 3, 4, 4), -0.001), r"grayscale returned pixels outside \[0, 1\]"),
        (torch.full((1, 3, 4, 4), float("nan")), r"grayscale returned pixels outside \[0, 1\] \(or NaN\)"),
    ],
)
def test_what_is_no_image_is_refused(images, message):
    with pytest.raises(PluginError, match=message):
        check_images("grayscale", images, torch.Size([1, 3, 4, 4]))


def test_batches_are_no_larger_than_asked():
    assert batched([], 3) == []
    assert [position for batch in batched(range(11), 4) for position in batch] == list(range(11))
