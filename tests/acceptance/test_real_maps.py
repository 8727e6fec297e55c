"""Maps of networks with published weights: they agree with Captum, and say more than the controls."""

from __future__ import annotations

import copy

import captum.attr
import pytest
import torch
from torch import nn

from shapebias.plugins.catalog import default_catalog
from shapebias.probes.insertion import Insertion
from shapebias.rng import ImageRandom

pytestmark = pytest.mark.slow

NETWORKS = {
    "mobilenet": 'timm:mobilenetv2_100,checkpoint="{}/mobilenetv2_100.safetensors",mean=0.5,std=0.5,arg.pad_type=same',
    "squeezenet": 'torchvision:squeezenet1_1,weights="{}/squeezenet1_1.safetensors"',
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request, data_dir):
    text = NETWORKS[request.param].format(data_dir / "weights" / "imagenet")
    classifier = default_catalog().component("model", text).settings.load(torch.device("cpu"))
    with classifier.evaluating():
        yield classifier


@pytest.fixture(scope="module")
def photos(network, data_dir):
    """Return two photographs, what the network says that they are, and their ids."""
    text = f'folder:"{data_dir}/photos-imagenet",labels=labels.csv,label_column=imagenet_index,label_space=imagenet-1k'
    dataset = default_catalog().component("dataset", f"{text},size=224,crop=0.875").settings
    samples = [dataset[index] for index in range(2)]
    images = torch.stack([torch.from_numpy(sample.image) for sample in samples]).permute(0, 3, 1, 2) / 255
    return images, network(images).argmax(dim=1), [sample.id for sample in samples]


def explain(text, network, photos):
    images, targets, ids = photos
    method = default_catalog().component("saliency", text)
    return method.settings(network, images, targets, ImageRandom.for_images(0, method.name, 0, ids))


def assert_close(found, wanted):
    wanted = wanted.detach()
    assert (found - wanted).abs().max() <= 1e-3 * wanted.abs().max()


def test_agree_with_captum(network, photos):
    images, targets, _ = photos
    gradient = captum.attr.Saliency(network).attribute(images, target=targets, abs=False).sum(dim=1)
    assert_close(explain("gradient:objective=logit,reduce=signed-sum", network, photos), gradient)
    layer = captum.attr.LayerGradCam(network, network.features.module)
    coarse = layer.attribute(images, target=targets, relu_attributions=True)
    wanted = captum.attr.LayerAttribution.interpolate(coarse, (224, 224), "bilinear").squeeze(1)
    assert_close(explain("grad-cam:objective=logit", network, photos), wanted)


def test_guided_backprop_agrees_with_captum(network, photos):
    """Captum knows ReLU only, not ReLU6, and not in place."""
    images, targets, _ = photos
    inner = copy.deepcopy(network.module)
    relus = [module for module in inner.modules() if isinstance(module, nn.ReLU)]
    for relu in relus:
        relu.inplace = False
    found = explain("guided-backprop:objective=logit,reduce=signed-sum", network, photos)
    plain = explain("gradient:objective=logit,reduce=signed-sum", network, photos)
    assert (found - plain).abs().max() > 0.1 * plain.abs().max()
    if relus:
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (network.mean, network.std))
        wanted = captum.attr.GuidedBackprop(inner).attribute((images - mean) / std, target=targets) / std
        assert_close(found, wanted.sum(dim=1))


def test_occlusion_agrees_with_captum(network, photos):
    images, targets, _ = photos
    options = {"sliding_window_shapes": (3, 112, 112), "strides": (3, 56, 56), "baselines": 0}
    wanted = captum.attr.Occlusion(network).attribute(images, target=targets, **options)[:, 0]
    assert_close(explain("occlusion:window=112,stride=56,baseline=zero,objective=logit", network, photos), wanted)


@pytest.mark.parametrize("text", ["smoothgrad:samples=8", "grad-cam"])
def test_what_maps_point_out_says_more_than_what_chance_does(network, photos, text):
    """Petsiuk et al. 2018: with the most important pixels first, the probability comes up sooner."""
    images, targets, _ = photos
    area = {
        name: Insertion(steps=8)(network, images, targets, explain(name, network, photos), None)["auc"].mean()
        for name in (text, "random")
    }
    assert area[text] > 1.2 * area["random"]
