"""Functions of every shape against the network inside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import nn

import shapebias as sb
from shapebias.errors import ShapebiasError
from shapebias.networks.adapting import adapt

STIMULI = "stimuli:cue=conflict,images=56,size=32"


class Pair(NamedTuple):
    features: torch.Tensor
    logits: torch.Tensor


@dataclass
class Output:
    hidden: torch.Tensor
    scores: torch.Tensor


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 8))


@pytest.mark.parametrize(
    ("returns", "output"),
    [
        (lambda scores: (torch.zeros(1), scores), "1"),
        (lambda scores: (scores * 0, scores), "-1"),
        (lambda scores: (scores * 0, scores), 1),
        (lambda scores: {"aux": scores * 0, "head": [scores]}, "head.0"),
        (lambda scores: {0: scores, "aux": scores * 0}, "0"),
        (lambda scores: Pair(scores * 0, scores), "logits"),
        (lambda scores: Output(scores * 0, scores), "scores"),
        (lambda scores: {"a": scores * 2}, lambda found: found["a"] / 2),
        (lambda scores: {"logits": scores}, None),
    ],
)
def test_the_output_is_found(network, returns, output):
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(adapt(lambda pixels: returns(network(pixels)), output)(images), network(images))


def test_channels_last_networks_get_them_last():
    images = torch.rand(2, 3, 4, 5)
    assert torch.equal(adapt(lambda pixels: pixels[:, 0, 0], layout="NHWC")(images), images[:, :, 0, 0])


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_a_binary_network_is_its_sigmoid(shape):
    logits = torch.linspace(-3, 3, 4)
    scores = adapt(lambda _: logits.view(shape), binary=True)(torch.rand(4, 3, 2, 2))
    assert torch.allclose(scores.softmax(dim=1)[:, 1], logits.sigmoid())


@pytest.mark.parametrize(
    ("returned", "settings", "words"),
    [
        ({"a": torch.zeros(2, 3)}, {"output": "b"}, "without 'b'; it has a"),
        ((torch.zeros(2, 3),), {"output": "4"}, "it has 0 to 0"),
        ({"a": [torch.zeros(2)]}, {"output": "a"}, "is a list, not a tensor"),
        ("text", {"output": None}, "give the path to the logits: output="),
        (torch.zeros(2, 3), {"binary": True}, "leave binary out"),
        (
            {"a": torch.zeros(2, 3)},
            {"output": lambda found: found["b"]},
            "KeyError: 'b'; the network returns a dict with a",
        ),
        (torch.zeros(2, 3), {"layout": "HWC"}, "layout is 'HWC'; give NCHW or NHWC"),
    ],
)
def test_what_is_not_there_is_named(returned, settings, words):
    with pytest.raises(ShapebiasError, match=words):
        adapt(lambda _: returned, **settings)(torch.rand(2, 3, 4, 4))


def test_a_wrong_guess_of_the_logits_says_how_to_give_them(network):
    with pytest.raises(ShapebiasError, match=r"returns \(1, 3, 32, 32\) for 1 images.*say where they are.*output="):
        sb.evaluate(lambda images: {"features": images, "scores": network(images)}, STIMULI)


def test_evaluate_takes_any_function(network):
    def function(images):
        return {"aux": images.mean(), "scores": (network(images.permute(0, 3, 1, 2)),)}

    found = sb.evaluate(function, STIMULI, ["clean", "fgsm"], output="scores.0", layout="NHWC")
    expected = sb.evaluate(network, STIMULI, ["clean", "fgsm"])
    assert not found.failures
    for one, other in zip(found.answers(), expected.answers(), strict=True):
        assert (one.prediction == other.prediction).all()
