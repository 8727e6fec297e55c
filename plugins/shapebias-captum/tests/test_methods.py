"""The methods against plain loops, against Captum called by hand, and against what their papers promise."""

from __future__ import annotations

import captum.attr
import pytest
import timm
import torch
from shapebias_captum.layers import GuidedGradCam, LayerConductance, LayerGradientXActivation
from shapebias_captum.modified_backprop import Deconvolution, DeepLift, Lrp
from shapebias_captum.perturbation import FeatureAblation, KernelShap, Lime, ShapleySampling, grid
from shapebias_captum.stochastic import VarGrad
from torch import nn

from shapebias.plugin import Classifier, Features, ImageRandom, ShapebiasError

IDS = ["a.png", "b.png"]


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = (
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 8 * 8, 4))
    network.eval().requires_grad_(requires_grad=False)
    return Classifier(network, mean=(0.0,) * 3, std=(1.0,) * 3, features=Features(network[2]), chunk=4)


@pytest.fixture(scope="module")
def vit():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, num_classes=4, depth=2)
    network.eval().requires_grad_(requires_grad=False)
    return Classifier(network, features=Features(network.blocks[0], "NLC", prefix_tokens=1))


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


TARGETS = torch.tensor([1, 3])


def numbers(name):
    return ImageRandom.for_images(0, name, 0, IDS)


def test_ablation_is_a_loop_over_cells(model, images):
    found = FeatureAblation(cells=2, baseline="zero")(model, images, TARGETS, numbers("x"))
    for row in range(2):
        whole = model(images[row : row + 1]).log_softmax(1)[0, TARGETS[row]]
        for top, left in [(0, 0), (0, 4), (4, 0), (4, 4)]:
            without = images[row : row + 1].clone()
            without[..., top : top + 4, left : left + 4] = 0
            fall = whole - model(without).log_softmax(1)[0, TARGETS[row]]
            cell = found[row, top : top + 4, left : left + 4]
            assert torch.allclose(cell, fall.expand(4, 4), atol=1e-5)


def test_cells_of_sides_that_do_not_divide_are_a_grid():
    cells = grid(torch.zeros(1, 3, 7, 5), 3)[0, 0]
    assert sorted(cells.unique().tolist()) == list(range(9))
    assert (cells[:, 1:] >= cells[:, :-1]).all()


@pytest.mark.parametrize("method", [ShapleySampling(samples=3, cells=2), KernelShap(samples=300, cells=2)])
def test_shapley_values_of_all_cells_add_up(model, images, method):
    found = method(model, images, TARGETS, numbers("x"))
    grey = torch.zeros_like(images)  # the model's mean
    whole, nothing = (model(pixels).log_softmax(1).gather(1, TARGETS[:, None])[:, 0] for pixels in (images, grey))
    assert torch.allclose(
        found[:, ::4, ::4].sum(dim=(1, 2)), whole - nothing, atol=2e-2 * float((whole - nothing).abs().max())
    )


def test_lime_finds_the_cells_that_a_linear_model_reads():
    class OneCell(nn.Module):
        def forward(self, pixels):
            seen = pixels[..., :4, 4:].mean(dim=(1, 2, 3))
            return torch.stack([seen, -seen], dim=1) * 4

    found = Lime(samples=200, cells=2, objective="logit")(
        Classifier(OneCell(), (0.0,) * 3, (1.0,) * 3),
        torch.ones(2, 3, 8, 8),
        torch.zeros(2, dtype=torch.long),
        numbers("x"),
    )
    cells = found[:, ::4, ::4].flatten(1)
    assert cells.argmax(dim=1).tolist() == [1, 1]


def test_deep_lift_adds_up_on_a_convolutional_network(model, images):
    explained = DeepLift(objective="logit")(model, images, TARGETS, numbers("x"))
    assert (explained.extras["completeness_error"].abs() < 1e-4).all()
    signed = DeepLift(objective="logit", reduce="signed-sum")(model, images, TARGETS, numbers("x")).maps
    difference = (model(images) - model(torch.zeros_like(images))).gather(1, TARGETS[:, None])[:, 0]
    assert torch.allclose(signed.sum(dim=(1, 2)), difference, atol=1e-4)


def test_deep_lift_is_refused_where_it_does_not_add_up(vit):
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with pytest.raises(
        ShapebiasError, match=r"captum-deep-lift: the sum of the attributions differs .* use integrated-gr"
    ):
        DeepLift(tolerance=1e-3)(vit, pixels, TARGETS, numbers("x"))


def test_lrp_hands_down_the_logit(model, images):
    with torch.no_grad():
        for layer in (model.module[0], model.module[2], model.module[5]):
            layer.bias.zero_()  # a bias takes relevance away
    found = Lrp(objective="logit")(model, images, TARGETS, numbers("x"))
    assert torch.allclose(found.sum(dim=(1, 2)), model(images).gather(1, TARGETS[:, None])[:, 0], rtol=1e-3, atol=1e-4)


def test_lrp_says_which_layer_has_no_rule(vit, images):
    network = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.GELU(), nn.Linear(5, 4)))
    with pytest.raises(ShapebiasError, match=r"captum-lrp: Sequential has a layer without a rule: .*GELU"):
        Lrp()(network, images, TARGETS, numbers("x"))
    with pytest.raises(ShapebiasError, match=r"VisionTransformer calls add, .* as a function or method"):
        Lrp()(vit, torch.rand(2, 3, 32, 32), TARGETS, numbers("x"))


@pytest.mark.parametrize("method", [DeepLift(), Lrp()])
def test_too_little_memory_is_left_to_the_engine(method, model, images, monkeypatch):
    def attribute(*_args, **_options):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(getattr(captum.attr, {DeepLift: "DeepLift", Lrp: "LRP"}[type(method)]), "attribute", attribute)
    with pytest.raises(torch.OutOfMemoryError):
        method(model, images, TARGETS, numbers("x"))


def test_deconvolution_is_captum_s_on_the_logit(model, images):
    plain = nn.Sequential(*(type(layer)() if isinstance(layer, nn.ReLU) else layer for layer in model.module))
    expected = captum.attr.Deconvolution(plain).attribute(images.clone().requires_grad_(), target=TARGETS)
    found = Deconvolution(objective="logit")(model, images, TARGETS, numbers("x"))
    assert torch.allclose(found, expected.abs().sum(dim=1), atol=1e-6)


def test_var_grad_of_a_linear_network_is_zero(images):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), chunk=4)
    found = VarGrad(samples=6, objective="logit")(linear, images, TARGETS, numbers("x"))
    assert found.abs().max() < 1e-7


def test_conductance_adds_up(model, images):
    found = LayerConductance(steps=60, objective="logit")(model, images, TARGETS, numbers("x"))
    difference = (model(images) - model(torch.zeros_like(images))).gather(1, TARGETS[:, None])[:, 0]
    # The layer has the size of the image, so nothing is enlarged.
    assert torch.allclose(found.sum(dim=(1, 2)), difference, atol=2e-2 * float(difference.abs().max()))


def test_tokens_are_put_back_into_their_grid(vit):
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    found = LayerGradientXActivation()(vit, pixels, TARGETS, numbers("x"))
    seen = []
    hook = vit.features.module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.enable_grad():
        values = vit(pixels.requires_grad_()).log_softmax(1).gather(1, TARGETS[:, None]).sum()
        (gradient,) = torch.autograd.grad(values, seen)
    hook.remove()
    grid_ = (gradient * seen[0]).detach()[:, 1:].sum(dim=2).view(2, 1, 4, 4)
    expected = nn.functional.interpolate(grid_, (32, 32), mode="bilinear", align_corners=False)[:, 0]
    assert torch.allclose(found, expected, atol=1e-6)


def test_guided_grad_cam_of_tokens_is_refused(vit):
    with pytest.raises(ShapebiasError, match=r"needs a convolutional feature layer \(NCHW\), this one is NLC"):
        GuidedGradCam()(vit, torch.rand(2, 3, 32, 32), TARGETS, numbers("x"))


def test_a_model_without_features_is_refused(images):
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)))
    with pytest.raises(
        ShapebiasError, match="captum-layer-conductance reads a feature layer, and Sequential declares none"
    ):
        LayerConductance()(model, images, TARGETS, numbers("x"))


class Functional(nn.Module):
    """The layers of another network, its ReLUs called as functions."""

    def __init__(self, layers):
        super().__init__()
        self.first, self.second, self.last = layers[0], layers[2], layers[5]

    def forward(self, images):
        hidden = nn.functional.relu(self.first(images))
        return self.last(torch.relu(self.second(hidden)).flatten(1))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(192, 4)

    def forward(self, images):
        return self.last((images + self.conv(images)).flatten(1))


class Reused(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.first, self.second, self.last, self.relu = layers[0], layers[2], layers[5], nn.ReLU()

    def forward(self, images):
        return self.last(self.relu(self.second(self.relu(self.first(images)))).flatten(1))


def around(model, network):
    return Classifier(network, mean=model.mean, std=model.std, features=Features(network.second), chunk=4)


@pytest.mark.parametrize("method", [Deconvolution(), GuidedGradCam()])
def test_relus_that_are_functions_count_as_modules_do(model, images, method):
    found = method(around(model, Functional(model.module)), images, TARGETS, numbers("x"))
    assert torch.allclose(found, method(model, images, TARGETS, numbers("x")), atol=1e-6)


def test_deconvolution_without_relus_is_refused(images):
    linear = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)))
    with pytest.raises(
        ShapebiasError, match="captum-deconvolution changes how gradients pass ReLUs, and Sequential has"
    ):
        Deconvolution()(linear, images, TARGETS, numbers("x"))


def test_what_deep_lift_s_hooks_do_not_see_is_refused(model, images):
    with pytest.raises(ShapebiasError, match="Functional calls relu as a function or method"):
        DeepLift()(around(model, Functional(model.module)), images, TARGETS, numbers("x"))


def test_a_relu_that_deep_lift_meets_twice_is_refused_in_words(model, images):
    with pytest.raises(ShapebiasError, match="one of its activations is used more than once"):
        DeepLift()(around(model, Reused(model.module)), images, TARGETS, numbers("x"))


def test_relevance_is_not_handed_through_functions_without_a_rule(images):
    with pytest.raises(ShapebiasError, match="Residual calls add as a function or method"):
        Lrp()(Classifier(Residual()), images, TARGETS, numbers("x"))
