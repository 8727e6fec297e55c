"""Photographs reach each model as the evaluation of timm and torchvision cuts them: compared with their transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision.models
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from shapebias.datasets.imagenet_val import ImageNetVal
from shapebias.errors import SpellingError
from shapebias.models.published import BagNetModel
from shapebias.models.timm import Timm
from shapebias.models.torchvision import Torchvision
from shapebias.plugins.protocols import EvalCrop
from shapebias.study import Study


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Validation images of ImageNet in name only: wide, high, and of the size that a network takes."""
    generator = np.random.default_rng(0)
    for name, size in {"wide": (500, 333), "high": (301, 400), "square": (224, 224)}.items():
        (tmp_path / "n01440764").mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (*size[::-1], 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "n01440764" / f"{name}.png")
    return tmp_path


def _seen(folder: Path, model: Any) -> list[np.ndarray[Any, Any]]:
    """Return the images that a study gives a model."""
    study = Study({"photographs": ImageNetVal(folder)}, {"it": model})
    images = study.images_for(study.datasets[0], study.models[0])
    assert images.title == "photographs"
    return [images.settings[row].image for row in range(len(images.settings))]


def _files(folder: Path) -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in sorted(folder.glob("*/*.png"))]


@pytest.mark.parametrize(
    ("architecture", "crop"),
    [
        ("resnet18.a1_in1k", EvalCrop(224, 235, "bicubic")),  # 0.95
        ("mobilenetv2_100", EvalCrop(224, 256, "bicubic")),  # 0.875
        ("convnext_tiny.in12k_ft_in1k_384", EvalCrop(384, 384, "bicubic", squash=True)),
        ("tf_efficientnet_b0.ns_jft_in1k", EvalCrop(224, 256, "bicubic")),
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", EvalCrop(224, 248, "bicubic")),  # 0.9
    ],
)
def test_timm_says_how_its_weights_are_evaluated(photographs: Path, architecture: str, crop: EvalCrop) -> None:
    """The pixels are those of timm's own transform, which is asked of the network itself."""
    model = Timm(architecture)
    assert model.eval_crop == crop
    with torch.device("meta"):  # without computing weights
        config = resolve_model_data_config(timm.create_model(architecture, pretrained=False))
    transform = create_transform(**config, is_training=False, normalize=False)
    expected = [transform(image).permute(1, 2, 0).numpy() for image in _files(photographs)]
    assert all(map(np.array_equal, _seen(photographs, model), expected))


@pytest.mark.parametrize(
    ("architecture", "weights", "crop"),
    [
        ("squeezenet1_1", "DEFAULT", EvalCrop(224, 256)),
        ("resnet50", "IMAGENET1K_V1", EvalCrop(224, 256)),
        ("resnet50", "IMAGENET1K_V2", EvalCrop(224, 232)),
        ("efficientnet_b1", "DEFAULT", EvalCrop(240, 255)),
        ("vit_h_14", "IMAGENET1K_SWAG_E2E_V1", EvalCrop(518, 518, "bicubic")),
    ],
)
def test_torchvision_says_how_its_weights_are_evaluated(
    photographs: Path, architecture: str, weights: str, crop: EvalCrop
) -> None:
    """The pixels are those of the transform that comes with the weights, before it normalises."""
    model = Torchvision(architecture, weights)
    assert model.eval_crop == crop
    transform = torchvision.models.get_model_weights(architecture)[weights].transforms()
    mean, std = np.array(transform.mean), np.array(transform.std)
    for seen, image in zip(_seen(photographs, model), _files(photographs), strict=True):
        expected = transform(image).permute(1, 2, 0).numpy() * std + mean
        np.testing.assert_allclose(seen / 255, expected, atol=1e-6)


def test_every_square_crop_of_timm_can_be_made() -> None:
    """No weights of ImageNet need a crop that is not a square from the centre."""
    for name in timm.list_pretrained():
        config = timm.get_pretrained_cfg(name)
        if config is not None and config.num_classes == 1000:
            height, width = config.input_size[1:]
            assert height == width
            crop = Timm(name).eval_crop
            assert crop is not None
            assert (crop.size, config.crop_mode in {"center", "squash"}) == (height, True)
            assert crop.resize == int(height / config.crop_pct)


def test_an_input_of_another_size_keeps_the_share_that_is_cut_off() -> None:
    """``input_size`` is a setting of the model, and the images follow it."""
    assert Timm("resnet18.a1_in1k", input_size=288).eval_crop == EvalCrop(288, 303, "bicubic")
    assert Torchvision("resnet50", "IMAGENET1K_V2", input_size=448).eval_crop == EvalCrop(448, 464)


def test_networks_that_wrap_others_say_what_these_say() -> None:
    """The crop of a published robust network is the usual one; a name that does not exist is left to loading."""
    assert BagNetModel(9).eval_crop == EvalCrop(224, 256)
    assert Timm("resnet5").eval_crop is None
    assert Torchvision("resnet5").eval_crop is None


def test_with_a_size_all_models_get_the_same_pixels(photographs: Path) -> None:
    """A size is given where stimuli must not differ between models."""
    models = {"a": Torchvision("resnet50", "IMAGENET1K_V2"), "b": Timm("vit_tiny_patch16_224")}
    study = Study(ImageNetVal(photographs, size=64), models)
    assert {id(study.images_for(study.datasets[0], model)) for model in study.models} == {id(study.datasets[0])}


def test_models_with_the_same_crop_share_their_images(photographs: Path) -> None:
    """They are decoded once, because they are one object."""
    models = {"a": Torchvision("squeezenet1_1"), "b": Torchvision("alexnet"), "c": Torchvision("efficientnet_b1")}
    study = Study(ImageNetVal(photographs), models)
    a, b, c = (study.images_for(study.datasets[0], model) for model in study.models)
    assert a is b
    assert a is not c


@pytest.mark.parametrize("given", [{"crop": 0.9}, {"resize": 256}, {"squash": True}, {"interpolation": "bicubic"}])
def test_half_a_crop_is_refused(given: dict[str, Any]) -> None:
    """Without a size, the whole crop is the model's."""
    with pytest.raises(SpellingError, match="without size="):
        ImageNetVal(**given)
