"""Random weights in the published layouts of style transfer, and folders of styles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

# Outputs, inputs and side of each convolution, by its place in the published nn.Sequential.
VGG = {
    0: (3, 3, 1), 2: (64, 3, 3), 5: (64, 64, 3), 9: (128, 64, 3), 12: (128, 128, 3), 16: (256, 128, 3),
    19: (256, 256, 3), 22: (256, 256, 3), 25: (256, 256, 3), 29: (512, 256, 3), 32: (512, 512, 3),
}  # fmt: skip
ADAIN_DECODER = {
    1: (256, 512, 3), 5: (256, 256, 3), 8: (256, 256, 3), 11: (256, 256, 3), 14: (128, 256, 3), 18: (128, 128, 3),
    21: (64, 128, 3), 25: (64, 64, 3), 28: (3, 64, 3),
}  # fmt: skip
_ENCODER = {
    "enc1.0": (16, 3, 9), "enc1.2": (32, 1, 3), "enc1.4": (32, 32, 1), "enc1.6": (64, 1, 3), "enc1.8": (64, 64, 1),
    "enc1.10.conv1": (64, 64, 3), "enc1.10.conv2": (64, 64, 3),
    "enc2.0.conv1": (64, 64, 3), "enc2.0.conv2": (64, 64, 3),
}  # fmt: skip
MICROAST = {
    "content_encoder": _ENCODER,
    "style_encoder": _ENCODER,
    "modulator": dict.fromkeys(("weight1.0", "bias1.0", "weight2.0", "bias2.0"), (64, 1, 3)),
    "decoder": {
        "dec1.conv1": (64, 64, 3), "dec1.conv2": (64, 64, 3), "dec2.conv1": (64, 64, 3), "dec2.conv2": (64, 64, 3),
        "dec3.1": (32, 2, 3), "dec3.3": (32, 32, 1), "dec3.6": (16, 2, 3), "dec3.8": (16, 16, 1), "dec3.10": (3, 16, 9),
    },
}  # fmt: skip


def random_weights(shapes, suffix=""):
    """Draw weights under which signals neither vanish nor explode."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for key, (outputs, inputs, side) in shapes.items():
        spread = (2 / (inputs * side * side)) ** 0.5
        weights[f"{key}{suffix}.weight"] = torch.randn(outputs, inputs, side, side, generator=generator) * spread
        weights[f"{key}{suffix}.bias"] = torch.randn(outputs, generator=generator) * 0.1
    return weights


@pytest.fixture(scope="session")
def adain_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adain")
    torch.save(random_weights(VGG), folder / "vgg_normalised.pth")
    torch.save(random_weights(ADAIN_DECODER), folder / "decoder.pth")
    return folder


@pytest.fixture(scope="session")
def microast_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("microast")
    for name, shapes in MICROAST.items():
        save_file(random_weights(shapes, ".conv_layer"), folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def styles_folder(tmp_path):
    """Return three style images of different colours, sizes and depths in the folder."""
    folder = tmp_path / "styles"
    for position, (name, size) in enumerate({"b/wide.png": (40, 24), "a.jpg": (24, 24), "c.webp": (24, 30)}.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(position).integers(0, 80, (*size[::-1], 3))
        pixels[..., position] += 150
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder
