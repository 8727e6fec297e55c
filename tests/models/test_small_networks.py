"""The two networks for small images."""

from __future__ import annotations

import itertools

import pytest
import torch

from shapebias.errors import SpellingError
from shapebias.models.cnn import Cnn
from shapebias.models.resnet_cifar import ResNetCifar

CPU = torch.device("cpu")
BOTH = pytest.mark.parametrize("settings", [Cnn, ResNetCifar])


def parameters(model):
    return sum(parameter.numel() for parameter in model.module.parameters())


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_residual_networks_have_the_published_number_of_parameters(depth, millions):
    """He et al. 2016, table 6."""
    assert parameters(ResNetCifar(depth=depth).load(CPU)) / 1e6 == pytest.approx(
        millions, abs=0.04 if depth > 100 else 0.006
    )


def test_plain_networks_have_the_number_of_parameters_that_their_layers_have():
    width, classes = 8, 5
    channels = [3, 8, 16, 32]
    convolutions = sum(9 * before * after for before, after in itertools.pairwise(channels))
    normalisations = 2 * sum(channels[1:])
    model = Cnn(num_classes=classes, width=width, depth=3).load(CPU)
    assert parameters(model) == convolutions + normalisations + 32 * classes + classes


def test_depth_must_be_six_n_plus_two():
    with pytest.raises(SpellingError, match=r"depth must be 6n \+ 2 .* got 21"):
        ResNetCifar(depth=21)


@BOTH
@pytest.mark.parametrize("size", [32, 48, 64])
def test_sides_are_those_of_the_image_at_first_and_shrink_to_the_features(settings, size):
    model = settings(num_classes=3).load(CPU)
    outputs = []
    model.features.module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    assert model(torch.rand(2, 3, size, size)).shape == (2, 3)
    assert model.features.layout == "NCHW"
    side = size // {Cnn: 8, ResNetCifar: 4}[settings]
    assert outputs[0].shape[2:] == (side, side)


def test_a_stride_of_two_halves_the_sides_of_every_stage():
    model = ResNetCifar(depth=8, width=4, stride=2).load(CPU)
    outputs = []
    for stage in (model.module.layer1, model.module.layer2, model.module.layer3):
        stage.register_forward_hook(lambda _module, _inputs, output: outputs.append(tuple(output.shape[1:])))
    model(torch.rand(1, 3, 64, 64))
    assert outputs == [(4, 32, 32), (8, 16, 16), (16, 8, 8)]
    assert parameters(model) == parameters(ResNetCifar(depth=8, width=4).load(CPU))


@BOTH
def test_random_weights_depend_on_the_seed_alone(settings):
    state = torch.random.get_rng_state()
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    first, same, other = (settings(seed=seed).load(CPU)(images) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@BOTH
def test_they_learn(settings):
    """Twenty steps tell bright images from dark ones."""
    model = settings(num_classes=2, width=8).load(CPU)
    labels = torch.arange(16) % 2
    images = (torch.rand(16, 3, 32, 32) + labels.view(-1, 1, 1, 1)) / 2
    optimiser = torch.optim.SGD(model.module.parameters(), lr=0.1, momentum=0.9)
    model.module.train()
    for _ in range(20):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimiser.step()
    assert (model(images).argmax(dim=1) == labels).all()


def test_a_shortcut_without_parameters_pads_with_zeros():
    """Option A: with all residuals at zero the block is a strided identity between zero channels."""
    from shapebias.models.resnet_cifar import Block

    block = Block(4, 8, stride=2).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    images = torch.rand(1, 4, 6, 6)
    result = block(images)
    assert torch.equal(result[:, 2:6], images[:, :, ::2, ::2])
    assert not result[:, :2].any()
    assert not result[:, 6:].any()
