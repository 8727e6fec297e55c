from __future__ import annotations

import base64
import io
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shapebias.reporting.pictures import data_uri, map_picture, one_of_each, spread_over_classes


@given(st.lists(st.integers(-1, 4), max_size=30), st.integers(1, 12))
def test_chosen_images_are_spread_over_the_classes_and_keep_their_order(labels, most):
    ids = [str(position) for position in range(len(labels))]
    chosen = spread_over_classes(ids, labels, most)
    assert chosen == sorted(set(chosen), key=int)
    assert len(chosen) == min(most, len(ids))
    there = Counter(labels)
    counts = Counter(labels[int(identity)] for identity in chosen)
    for label in there:  # no class waits while another one gets two more
        assert counts[label] == there[label] or counts[label] + 1 >= max(counts.values())


def test_conditions_are_one_of_each_kind_then_the_second_of_each():
    blocks = [("clean", None), ("a:p=1", None), ("a:p=2", None), ("b", None), ("c:eps=1,2", 1.0), ("c:eps=1,2", 2.0)]
    assert one_of_each(blocks, 4) == [blocks[0], blocks[1], blocks[3], blocks[4]]
    assert one_of_each(blocks, 5) == [blocks[0], blocks[1], blocks[2], blocks[3], blocks[4]]
    assert one_of_each(blocks, 99) == blocks


def test_a_map_is_drawn_from_black_to_white_at_its_99th_percentile():
    values = np.arange(10_000, dtype=np.float32).reshape(100, 100)
    picture = map_picture(values)
    expected = np.minimum(values / np.percentile(values, 99), 1) * 255
    assert np.abs(picture - expected[..., None]).max() <= 0.5 + 1e-3


def test_a_map_with_signs_is_orange_for_and_purple_against():
    red, green, blue = np.moveaxis(map_picture(np.array([[-1.0, 0.0, 1.0]])), -1, 0).astype(int)
    assert blue[0, 0] > green[0, 0]
    assert min(red[0, 1], green[0, 1], blue[0, 1]) > 235
    assert red[0, 2] > green[0, 2] > blue[0, 2]


def test_a_map_without_anything_is_black():
    assert map_picture(np.zeros((4, 4))).max() == 0
    assert map_picture(np.full((4, 4), np.nan)).max() == 0


def test_a_picture_is_webp_of_at_most_that_size():
    pixels = np.zeros((30, 60, 3), np.uint8)
    pixels[:, 30:] = 255
    head, _, data = data_uri(pixels, 20).partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == "data:image/webp;base64"
    assert image.size == (20, 10)
    assert np.asarray(image)[:, [0, -1], 0].mean(axis=0).round(-1).tolist() == [0, 260]
