"""The standard profile of two real networks: known counts, beside people and published models."""

from __future__ import annotations

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from readme_commands import commands
from safetensors.torch import load_file

MODELS = {
    "squeezenet": "torchvision:squeezenet1_1,weights={}/squeezenet1_1.safetensors",
    "mobilenet": (
        "timm:mobilenetv2_100,checkpoint={}/mobilenetv2_100.safetensors,"
        "mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same"
    ),
}


@pytest.fixture(scope="module")
def profiled(data_dir, real_runs):
    """Return a function that gives the table of a network's profile; it continues the README's run of SqueezeNet."""
    (alone,) = (command for command, _ in commands() if "profile squeezenet" in command)

    def profile(model):
        real_runs.printed(alone)
        text = f"{model}={MODELS[model].format(data_dir / 'weights/imagenet')}"
        lines = real_runs.printed(f"shapebias profile {text} -q --json -o {real_runs.folder / 'profile.h5'}")
        return {row["measure"]: row for row in json.loads(lines) if row["model"] == model}

    return profile


def test_squeezenet_has_the_counts_that_were_computed_independently(profiled):
    printed = profiled("squeezenet")
    row = printed["shape bias"]
    assert row["counts"] == "48 shape, 126 texture of 300"
    assert round(row["value"], 4) == 0.2759
    assert printed["accuracy, edges"]["counts"] == "15 of 80 right"
    assert printed["accuracy, silhouettes"]["counts"] == "27 of 80 right"


@pytest.mark.slow
def test_mobilenet_has_the_counts_of_a_plain_loop(profiled, data_dir):
    model = timm.create_model("mobilenetv2_100", pad_type="same").eval()
    model.load_state_dict(load_file(data_dir / "weights/imagenet/mobilenetv2_100.safetensors"))
    groups = json.loads((data_dir / "imagenet_to_16_classes.json").read_text())
    shape = texture = conflicts = 0
    paths = sorted((data_dir / "cue-conflict").glob("*/*.png"))
    pixels = torch.stack([torch.from_numpy(np.array(Image.open(path).convert("RGB"))) for path in paths])
    with torch.inference_mode():
        scores = torch.cat([model(some.permute(0, 3, 1, 2) / 255 * 2 - 1) for some in pixels.split(16)])
    for path, shares in zip(paths, scores.double().softmax(dim=1), strict=True):
        answer = max(groups, key=lambda name: float(shares[groups[name]].mean()))
        drawn, filled = (word.rstrip("0123456789") for word in path.stem.split("-"))
        conflicts += drawn != filled
        shape += answer == drawn != filled
        texture += answer == filled != drawn
    assert profiled("mobilenet")["shape bias"]["counts"] == f"{shape} shape, {texture} texture of {conflicts}"


@pytest.mark.parametrize("model", ["squeezenet", pytest.param("mobilenet", marks=pytest.mark.slow)])
def test_people_and_published_models_lie_beside_them(profiled, model):
    row = profiled(model)["shape bias"]
    assert row["people_source"] == "5 observers"
    assert 0.92 <= row["people_low"] < row["people"] < row["people_high"] <= 0.97
    assert (row["resnet50 (texture-vs-shape)"], row["alexnet (texture-vs-shape)"]) == (0.2207, 0.2531)
    assert 1 < row["rank"] < row["ranked"] == 78
