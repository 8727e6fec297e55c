"""The declared feature layer has the layout that it declares, and a gradient everywhere on its grid."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.errors import SpellingError
from shapebias.models.features import as_features
from shapebias.models.timm import Timm
from shapebias.models.torchvision import Torchvision

CPU = torch.device("cpu")
FAMILIES = [
    (Timm("resnet18", pretrained=False), "NCHW", 0, 512),
    (Timm("mobilenetv2_100", pretrained=False), "NCHW", 0, 1280),  # the convolution after the stages
    (Timm("hrnet_w18_small", pretrained=False), "NCHW", 0, 2048),
    (Timm("convnext_atto", pretrained=False), "NCHW", 0, 320),
    (Timm("vit_tiny_patch16_224", pretrained=False), "NLC", 1, 192),
    (Timm("deit_tiny_distilled_patch16_224", pretrained=False), "NLC", 2, 192),
    (Timm("cait_xxs24_224", pretrained=False), "NLC", 0, 192),  # its class token comes later
    (Timm("swin_tiny_patch4_window7_224", pretrained=False), "NHWC", 0, 768),
    (Timm("mvitv2_tiny", pretrained=False), "NLC", 0, 768),
    (Timm("twins_pcpvt_small", pretrained=False), "NLC", 0, 512),
    (Torchvision("resnet18", weights=None), "NCHW", 0, 512),
    (Torchvision("squeezenet1_1", weights=None), "NCHW", 0, 512),
    (Torchvision("swin_t", weights=None), "NHWC", 0, 768),
    (Torchvision("vit_b_32", weights=None), "NLC", 1, 768),
]


@pytest.mark.parametrize(
    ("settings", "layout", "prefix", "channels"), FAMILIES, ids=lambda value: getattr(value, "architecture", None)
)
def test_the_layer_has_the_declared_layout(settings, layout, prefix, channels):
    model = settings.load(CPU)
    features = model.features
    assert (features.layout, features.prefix_tokens) == (layout, prefix)
    outputs = []
    features.module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    scores = model(torch.rand(1, 3, 224, 224, requires_grad=True))
    (output,) = outputs
    assert output.shape[layout.index("C")] == channels
    if layout == "NLC":
        assert (output.shape[1] - prefix) ** 0.5 % 1 == 0
    else:
        assert output.shape[layout.index("H")] == output.shape[layout.index("W")]
    # Heads that start at zero hide the gradient of the scores; the sum of what comes before them does not matter here.
    if scores.detach().abs().max() > 0:
        (gradient,) = torch.autograd.grad(scores.square().sum(), output)
        reached = gradient.abs().sum(dim=layout.index("C")).flatten(1)[:, prefix:]
        assert (reached > 0).float().mean() > 0.9


@pytest.mark.parametrize("architecture", ["crossvit_tiny_240", "pit_ti_224"])
def test_a_layer_that_returns_no_grid_is_not_declared(architecture):
    assert Timm(architecture, pretrained=False).load(CPU).features is None


def test_nothing_stays_behind():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()).train()
    before = network[1].running_mean.clone()
    features = as_features(network, network[0], (8, 8))
    assert features.module is network[0]
    assert not network[0]._forward_hooks
    assert torch.equal(network[1].running_mean, before)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_what_networks_cache_in_eval_mode_is_forgotten():
    """LeViT keeps its attention biases; a weight file read later must count."""
    model = Timm("levit_128s", pretrained=False).load(CPU)
    attention = next(module for module in model.module.modules() if hasattr(module, "attention_bias_cache"))
    assert not attention.attention_bias_cache
    images = torch.rand(1, 3, 224, 224, requires_grad=True)
    model(images).sum().backward()
    assert images.grad.isfinite().all()


def test_a_size_that_the_network_does_not_take_is_a_clear_error():
    with pytest.raises(SpellingError, match=r"does not take an RGB image of 192 x 192 pixels.*arg\.img_size"):
        Timm("vit_tiny_patch16_224", pretrained=False, input_size=192).load(CPU)


@pytest.mark.parametrize("arrange", [[], [nn.Flatten(), nn.Unflatten(1, (1, 4))]], ids=["NCHW", "NLC"])
def test_one_place_is_no_grid(arrange):
    layer = nn.Sequential(nn.Conv2d(3, 4, 8), *arrange)
    assert as_features(layer, layer, (8, 8), prefix_tokens=3) is None


def test_oblong_images_give_no_features():
    network = nn.Conv2d(3, 4, 1)
    assert as_features(network, network, (8, 6)) is None
