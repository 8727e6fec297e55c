"""The networks of RobustBench against its own definitions: names, shapes and numbers of parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from shapebias.networks.preact_resnet import PreActResNet
from shapebias.networks.published_cifar import StandardisedImages, last_stage, make_network, own_key

# Keys and shapes of the networks of RobustBench 1.1.1, printed with its own code; wide ones with depth 16 and width 2.
KEYS = (Path(__file__).parent / "robustbench_keys.txt").read_text(encoding="utf-8")
# Numbers of parameters of the same, with the depths and widths that are published.
PARAMETERS = {
    "wrn-28-10": 36_479_194,
    "wrn-28-10-spare": 38_119_866,
    "dm-wrn-28-10": 36_479_194,
    "preact-18": 11_171_146,
    "preact-18-norm": 11_172_170,
    "dm-preact-18": 12_548_426,
    "resnet-18": 11_173_962,
    "resnet-50": 23_520_842,
    "resnext-29-4x32": 6_807_882,
    "wrn-28-4": 5_849_050,
    "wrn-34-10": 46_160_474,
    "wrn-40-2": 2_243_546,
    "dm-wrn-34-20": 184_531_674,
    "wrn-70-16": 266_796_506,
    "dm-wrn-70-16": 266_796_506,
}


def published_keys():
    for section in KEYS.split("[")[1:]:
        name, *lines = section.splitlines()
        yield name.removesuffix("]"), dict(line.split() for line in lines)


@pytest.mark.parametrize(("architecture", "keys"), list(published_keys()))
def test_every_published_key_has_its_place_and_its_shape(architecture, keys):
    with torch.device("meta"):
        state = make_network(architecture, classes=10).state_dict()
    own = {key: "x".join(map(str, value.shape)) for key, value in state.items() if not key.endswith("batches_tracked")}
    assert {own_key(architecture, key): shape for key, shape in keys.items()} == own


@pytest.mark.parametrize("architecture", PARAMETERS)
def test_the_number_of_parameters_is_that_of_the_published_network(architecture):
    with torch.device("meta"):
        network = make_network(architecture, classes=10)
    assert sum(weight.numel() for weight in network.parameters()) == PARAMETERS[architecture]


def test_unknown_architectures_are_refused():
    with pytest.raises(ValueError, match="no architecture 'wrn-28'"):
        make_network("wrn-28", classes=10)


def by_hand(network, images, *, activation, pad_right_and_below, shortcut_of_input):
    """Compute a network of two stages of one block each from its weights, with functions alone."""
    state = network.state_dict()

    def norm(name, features):
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(features, *parts)

    features = functional.conv2d(images, state["stem.weight"], padding=1)
    for stage, stride in ((0, 1), (1, 2)):
        block = f"stages.{stage}.0"
        activated = activation(norm(f"{block}.norm1", features))
        uneven = pad_right_and_below and stride == 2
        padded = functional.pad(activated, (0, 1, 0, 1) if uneven else (1, 1, 1, 1))
        inner = activation(
            norm(f"{block}.norm2", functional.conv2d(padded, state[f"{block}.conv1.weight"], None, stride))
        )
        residual = functional.conv2d(inner, state[f"{block}.conv2.weight"], padding=1)
        around = features if shortcut_of_input else activated
        if f"{block}.shortcut.weight" in state:
            weight = state[f"{block}.shortcut.weight"]
            if weight.shape[-1] == 3:
                around = functional.pad(around, (0, 1, 0, 1) if uneven else (1, 1, 1, 1))
            around = functional.conv2d(around, weight, None, stride)
        else:
            around = features
        features = around + residual
    if "norm.weight" in state:
        features = activation(norm("norm", features))
    return features.mean(dim=(2, 3)) @ state["classifier.weight"].T + state["classifier.bias"]


@pytest.mark.parametrize("widths", [(4, 4, 8), (4, 6, 8)])
@pytest.mark.parametrize(
    ("options", "activation", "uneven", "of_input"),
    [
        ({}, torch.relu, False, False),
        ({"final_norm": False, "shortcut": (1, False)}, torch.relu, False, True),
        ({"same_padding": True}, functional.silu, True, False),
        ({"same_padding": True, "shortcut": (3, False), "spare_stage": True}, functional.silu, True, True),
    ],
)
def test_the_network_computes_what_the_papers_say(widths, options, activation, uneven, of_input):
    generator = torch.Generator().manual_seed(0)
    network = PreActResNet((1, 1), widths, 5, activation, **options).eval()
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + 0.1)
    images = torch.rand(2, 3, 8, 8, generator=generator)
    found = network(images)
    wanted = by_hand(network, images, activation=activation, pad_right_and_below=uneven, shortcut_of_input=of_input)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_last_grid_is_that_before_the_mean():
    for architecture, side in (("wrn-16-1", 8), ("preact-18", 4), ("resnet-18", 4), ("resnext-29-4x32", 8)):
        network = make_network(architecture, classes=2).eval()
        seen = []
        last_stage(network).register_forward_hook(lambda *call, seen=seen: seen.append(call[-1].shape))
        with torch.no_grad():
            network(torch.rand(1, 3, 32, 32))
        assert seen[0][2:] == (side, side)


def test_each_image_is_standardised_by_itself():
    """Ding et al. 2020: by the mean and deviation of all its values, at least one over the root of their number."""
    images = torch.rand(3, 3, 4, 4)
    images[2] = 0.25
    found = StandardisedImages(torch.nn.Identity())(images)
    for image, given in zip(found[:2], images, strict=False):
        torch.testing.assert_close(image, (given - given.mean()) / given.std())
    assert not found[2].any()
