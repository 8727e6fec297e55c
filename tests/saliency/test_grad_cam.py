"""Grad-CAM against Captum, for convolutions, for channels in the last place and for tokens; and its closed form."""

from __future__ import annotations

import copy

import attrs
import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.models.timm import Timm
from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.saliency.grad_cam import GradCam

LOGIT = GradCam(objective="logit")


def of_captum(network, layer, images, targets):
    """Return Captum's map, as large as the images."""
    maps = captum.attr.LayerGradCam(network, layer).attribute(images, target=targets, relu_attributions=True)
    return captum.attr.LayerAttribution.interpolate(maps, images.shape[2:], "bilinear").squeeze(1)


def assert_close(ours, wanted):
    assert wanted.max() > 0
    assert torch.allclose(ours, wanted, rtol=1e-3, atol=1e-4 * float(wanted.max()))


@pytest.fixture
def convolutional(small):
    """Return the small network with its second convolution as the feature layer."""
    return attrs.evolve(small, features=Features(small.module[2]))


def test_agrees_with_captum(convolutional, batch):
    images, targets, _, _ = batch
    wanted = of_captum(convolutional, convolutional.features.module, images, targets)
    assert torch.allclose(LOGIT(convolutional, images, targets, None), wanted, rtol=1e-4, atol=1e-8)
    assert wanted.max() > 0


class Between(nn.Module):
    """Arrange an array, let it pass a place where Captum can look, and arrange it back."""

    def __init__(self, layer, to_grid, from_grid):
        super().__init__()
        self.layer, self.to_grid, self.from_grid, self.grid = layer, to_grid, from_grid, nn.Identity()

    def forward(self, inputs):
        output = self.layer(inputs)
        return self.from_grid(self.grid(self.to_grid(output)), output)


def patches_to_grid(output):
    return output[:, 1:].transpose(1, 2).unflatten(2, (4, 4))


def grid_to_patches(grid, output):
    return torch.cat([output[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


def test_agrees_with_captum_on_a_vision_transformer():
    """The class token, in front, is not a patch."""
    options = {"img_size": 64, "depth": 2}
    model = Timm("vit_tiny_patch16_224", pretrained=False, num_classes=4, arg=options).load(torch.device("cpu"))
    nn.init.normal_(model.module.head.weight)
    assert (model.features.layout, model.features.prefix_tokens) == ("NLC", 1)
    images, targets = torch.rand(3, 3, 64, 64), torch.tensor([0, 3, 1])
    ours = LOGIT(model, images, targets, None)

    network = copy.deepcopy(model.module)
    network.blocks[-1].norm1 = Between(network.blocks[-1].norm1, patches_to_grid, grid_to_patches)
    wanted = of_captum(attrs.evolve(model, module=network), network.blocks[-1].norm1.grid, images, targets)
    assert_close(ours, wanted.detach())


def test_agrees_with_captum_where_channels_come_last():
    options = {"img_size": 64, "window_size": 4, "embed_dim": 24}
    model = Timm("swin_tiny_patch4_window7_224", pretrained=False, num_classes=4, arg=options).load(torch.device("cpu"))
    nn.init.normal_(model.module.head.fc.weight)
    assert model.features.layout == "NHWC"
    images, targets = torch.rand(2, 3, 64, 64), torch.tensor([0, 3])
    ours = LOGIT(model, images, targets, None)

    network = copy.deepcopy(model.module)
    network.layers[-1] = Between(
        network.layers[-1], lambda output: output.permute(0, 3, 1, 2), lambda grid, _: grid.permute(0, 2, 3, 1)
    )
    wanted = of_captum(attrs.evolve(model, module=network), network.layers[-1].grid, images, targets)
    assert_close(ours, wanted.detach())


class Pooled(nn.Module):
    """Two channels, red and green, and a linear answer from their means: Grad-CAM is the class activation map."""

    def __init__(self, arrange):
        super().__init__()
        self.features, self.arrange = nn.Identity(), arrange
        self.weights = torch.tensor([[2.0, -1.0], [-3.0, 1.0]])

    def forward(self, images):
        features = self.features(self.arrange(images[:, :2]))
        dims = {4: (2, 3) if features.shape[1] == 2 else (1, 2), 3: 1}[features.ndim]
        return features.mean(dim=dims) @ self.weights.T


LAYOUTS = {
    "NCHW": lambda grid: grid,
    "NHWC": lambda grid: grid.permute(0, 2, 3, 1),
    "NLC": lambda grid: grid.flatten(2).transpose(1, 2),
}


def pooled(layout):
    network = Pooled(LAYOUTS[layout])
    return Classifier(network, (0.0,) * 3, (1.0,) * 3, features=Features(network.features, layout), chunk=2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(4, 4), (4, 6), (9, 3)])
def test_of_a_linear_answer_it_is_the_class_activation_map(layout, shape):
    """Zhou et al. 2016: the map is sum_k w_k A_k, up to the number of places that the means run over."""
    images, targets = torch.rand(3, 3, *shape), torch.tensor([0, 1, 0])
    network = pooled(layout)
    cams = torch.einsum("nc,nchw->nhw", network.module.weights[targets], images[:, :2]) / (shape[0] * shape[1])
    assert torch.allclose(GradCam(objective="logit", relu=False)(network, images, targets, None), cams, atol=1e-7)
    assert torch.allclose(LOGIT(network, images, targets, None), cams.clamp(min=0), atol=1e-7)


def test_a_model_that_resizes_gets_maps_of_the_images_size(convolutional, batch):
    images, targets, _, _ = batch
    resizing = attrs.evolve(convolutional, input_size=(12, 12))
    smaller = functional.interpolate(images, (12, 12), mode="bilinear", antialias=True)
    wanted = GradCam()(convolutional, smaller, targets, None)
    found = GradCam()(resizing, images, targets, None)
    assert found.shape == (5, 6, 8)
    grid = functional.interpolate(wanted[:, None], images.shape[2:], mode="bilinear").squeeze(1)
    assert torch.allclose(found, grid, rtol=1e-5, atol=1e-8)


def test_a_grid_is_enlarged_between_the_centres_of_its_cells():
    """Two cells, 0 and 1, on four pixels: 0, 1/4, 3/4, 1."""
    network = nn.Sequential(nn.AvgPool2d((1, 2)), nn.Conv2d(3, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    nn.init.constant_(network[1].weight, 1 / 3)
    model = Classifier(network, (0.0,) * 3, (1.0,) * 3, features=Features(network[0]))
    images = torch.zeros(1, 3, 1, 4)
    images[..., 2:] = 1
    (row,) = LOGIT(model, images, torch.tensor([0]), None)[0]
    assert torch.allclose(row / row.max(), torch.tensor([0, 0.25, 0.75, 1]))


def test_layers_after_the_features_may_work_in_place(batch):
    images, targets, _, _ = batch
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
    network = nn.Sequential(*layers).double()
    maps = LOGIT(Classifier(network, features=Features(network[0])), images, targets, None)
    network[1] = nn.ReLU()
    assert torch.equal(maps, LOGIT(Classifier(network, features=Features(network[0])), images, targets, None))


def test_nothing_below_the_features_is_differentiated(convolutional, batch):
    images, targets, _, _ = batch
    seen = []
    first = convolutional.module[0]
    hook = first.register_forward_hook(lambda _module, _inputs, output: seen.append(output.requires_grad))
    try:
        GradCam()(convolutional, images, targets, None)
    finally:
        hook.remove()
    assert seen == [False, False]


def test_a_model_without_features_is_refused(small, batch):
    images, targets, _, _ = batch
    with pytest.raises(ShapebiasError, match=r"Sequential declares none.*Classifier\(network, features=Features"):
        GradCam()(small, images, targets, None)


def test_a_layer_that_runs_twice_or_never_is_refused(batch):
    images, targets, _, _ = batch
    shared = nn.Tanh()
    network = nn.Sequential(nn.Conv2d(3, 4, 3), shared, shared, nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    with pytest.raises(ShapebiasError, match="Tanh ran 2 times"):
        GradCam()(Classifier(network, features=Features(shared)), images, targets, None)
    with pytest.raises(ShapebiasError, match="Sigmoid ran 0 times"):
        GradCam()(Classifier(network, features=Features(nn.Sigmoid())), images, targets, None)
    assert not shared._forward_hooks
