"""Networks of torchvision: weights, normalisation and errors."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision.models

from shapebias.errors import SpellingError, UnknownNameError, WeightsError
from shapebias.models.torchvision import Torchvision
from shapebias.networks.labels import imagenet_wnids
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build, files_named, spell

CPU = torch.device("cpu")


def torchvision_model(text):
    return build(Torchvision, parse(text))


def test_answers_are_those_of_torchvision_itself():
    model = Torchvision("mobilenet_v3_small", weights=None).load(CPU)
    preset = torchvision.models.MobileNet_V3_Small_Weights.DEFAULT.transforms(resize_size=224)
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(model(images), model.module(preset(images)), atol=1e-4)
    assert model.classes == imagenet_wnids()


@pytest.mark.parametrize(("architecture", "size"), [("resnet18", 224), ("inception_v3", 299), ("efficientnet_b1", 240)])
def test_the_input_size_is_the_crop_of_the_weights(architecture, size):
    assert Torchvision(architecture, weights=None).load(CPU).input_size == (size, size)


def test_what_is_given_overrides_torchvision():
    text = "torchvision:resnet18,weights=none,mean=0.5,std=0.1,0.2,0.3,input_size=64,arg.num_classes=7"
    model = torchvision_model(text).load(CPU)
    assert (model.mean, model.std, model.input_size) == ((0.5,) * 3, (0.1, 0.2, 0.3), (64, 64))
    assert model.classes is None
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, 7)


def test_an_option_that_sets_the_image_size_sets_the_input_size():
    model = torchvision_model("torchvision:vit_b_32,weights=none,arg.image_size=64,arg.num_classes=3").load(CPU)
    assert model.input_size == (64, 64)
    assert model(torch.rand(1, 3, 80, 80)).shape == (1, 3)


def test_the_largest_vision_transformer_is_made_for_the_size_of_its_default_weights(monkeypatch):
    made = []

    def get_model(architecture, weights, **options):
        made.append((architecture, weights, options))
        raise TypeError

    monkeypatch.setattr(torchvision.models, "get_model", get_model)
    with pytest.raises(SpellingError):
        Torchvision("vit_h_14", weights=None).load(CPU)
    assert made == [("vit_h_14", None, {"image_size": 518})]


def test_random_weights_depend_on_the_seed_alone():
    weights = [Torchvision("resnet18", weights=None, seed=seed).load(CPU).module.conv1.weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("save", ["pth", "safetensors"])
def test_weight_files_are_loaded(tmp_path, save):
    import safetensors.torch

    source = torchvision.models.squeezenet1_1(num_classes=4)
    path = tmp_path / f"weights.{save}"
    {"pth": torch.save, "safetensors": safetensors.torch.save_file}[save](source.state_dict(), path)
    model = torchvision_model(f'torchvision:squeezenet1_1,weights="{path}",arg.num_classes=4').load(CPU)
    assert torch.equal(model.module.classifier[1].weight, source.classifier[1].weight)
    with pytest.raises(WeightsError, match="another network than SqueezeNet"):
        torchvision_model(f'torchvision:squeezenet1_0,weights="{path}",arg.num_classes=4').load(CPU)


def test_names_of_weights_and_files_are_told_apart():
    assert torchvision_model("torchvision:resnet18,weights=IMAGENET1K_V1").weights == "IMAGENET1K_V1"
    assert torchvision_model("torchvision:resnet18").weights == "DEFAULT"
    assert torchvision_model("torchvision:resnet18,weights=none").weights is None
    settings = torchvision_model("torchvision:resnet18,weights=folder/mine.pth")
    assert files_named(settings) == [Path("folder/mine.pth")]
    assert torchvision_model(spell("torchvision", settings)) == settings
    assert settings.untrained().weights is None


def test_unknown_names_are_named():
    with pytest.raises(UnknownNameError, match="no image classifier 'resnte18'; did you mean 'resnet18'"):
        Torchvision("resnte18").load(CPU)
    with pytest.raises(
        UnknownNameError, match="no weights 'IMAGENET1K_V9'; it has IMAGENET1K_V1, DEFAULT, or give a file"
    ):
        Torchvision("resnet18", weights="IMAGENET1K_V9").load(CPU)
    with pytest.raises(SpellingError, match=r"refuses an option: .*'depth'"):
        torchvision_model("torchvision:resnet18,weights=none,arg.depth=3").load(CPU)


def test_detectors_are_no_classifiers():
    with pytest.raises(UnknownNameError, match="no image classifier"):
        Torchvision("fasterrcnn_resnet50_fpn").load(CPU)


def test_without_a_network_the_error_names_the_way_out(monkeypatch):
    def offline(*arguments, **options):
        raise URLError("name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(WeightsError, match=r"(?s)not known.*weights=FILE, or weights=none"):
        Torchvision("resnet18").load(CPU)


def test_weights_are_channels_last_and_in_eval_mode():
    module = Torchvision("resnet18", weights=None).load(CPU).module
    assert module.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert not any(part.training for part in module.modules())
