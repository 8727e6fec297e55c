from __future__ import annotations

import random

import numpy as np
import pytest
import torch


def write_into(images):
    images[0, 0, 0, 0] = 0.5
    return images


def noise_of_everybody(images):
    return (images + 0.1 * torch.rand_like(images)).clamp(0, 1)


def as_if_contiguous(images):
    _, channels, height, width = images.shape
    strides = (channels * height * width, height * width, width, 1)
    return torch.as_strided(images, images.shape, strides).clone()


BROKEN = {
    "keeps shape, type and device": [
        lambda images: images[:, :, 1:],
        lambda images: images.double(),
        lambda images: images.numpy(),
    ],
    "stays in [0, 1]": [
        lambda images: 1.01 * images,
        lambda images: images / images.amax(dim=(1, 2, 3), keepdim=True),  # a black image becomes NaN
    ],
    "leaves its arguments and global random state alone": [
        write_into,
        noise_of_everybody,
        lambda images: random.random() * images,  # noqa: S311 - the mistake
        lambda images: float(np.random.rand()) * images,  # noqa: NPY002 - the mistake
    ],
    "gives the same for the same random numbers": [noise_of_everybody],
    "treats an image alone as in a batch": [lambda images: 0.5 * images + 0.5 * images.mean(dim=0, keepdim=True)],
    "does not depend on the layout in memory": [as_if_contiguous],
}


@pytest.mark.parametrize(("rule", "change"), [(rule, change) for rule, changes in BROKEN.items() for change in changes])
def test_each_rule_finds_who_breaks_it(failures, plugin, rule, change):
    assert rule in failures("transform", plugin(lambda _self, images, _rng: change(images)))


def test_a_transform_that_breaks_no_rule(failures, plugin):
    assert failures("transform", plugin(lambda _self, images, _rng: 1 - images)) == {}


def test_mask_and_partner_are_given_where_they_are_declared(failures, plugin):
    def call(_self, images, _rng, mask, partner):
        return torch.where(mask[:, None], images, partner)

    assert failures("transform", plugin(call), needs=("mask", "partner")) == {}
    assert "TypeError" in failures("transform", plugin(call))["stays in [0, 1]"]


def test_a_failure_says_what_was_seen_and_why_it_is_asked(failures, plugin):
    message = failures("transform", plugin(lambda _self, images, _rng: 0 * images + 2))["stays in [0, 1]"]
    first, second, third = message.splitlines()
    assert first == "transform thing stays in [0, 1]?"
    assert second == "No: random images give pixels from 2 to 2"
    assert third.startswith("Reason for the rule: ")
