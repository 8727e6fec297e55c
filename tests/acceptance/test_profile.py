"""The standard profile of two real networks: known counts, beside people and published models."""

from __future__ import annotations

import json

import numpy as np
import pytest
import timm
import torch
from click.testing import CliRunner
from lay_out_data import lay_out
from PIL import Image
from safetensors.torch import load_file

from shapebias.cli import main

MODELS = {
    "squeezenet": "torchvision:squeezenet1_1,weights={}/squeezenet1_1.safetensors",
    "mobilenet": (
        "timm:mobilenetv2_100,checkpoint={}/mobilenetv2_100.safetensors,"
        "mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same"
    ),
}


@pytest.fixture(scope="module")
def printed(data_dir, tmp_path_factory):
    """Return the table of the profile of both networks, laid out without a network."""
    folder = tmp_path_factory.mktemp("profile")
    lay_out(data_dir, folder / "data")
    models = [f"{name}={text.format(data_dir / 'weights/imagenet')}" for name, text in MODELS.items()]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SHAPEBIAS_DATA", str(folder / "data"))
        done = CliRunner().invoke(main, ["profile", *models, "-q", "--json", "-o", str(folder / "profile.h5")])
    assert done.exit_code == 0, done.output
    return {(row["model"], row["measure"]): row for row in json.loads(done.stdout)}


def test_squeezenet_has_the_counts_that_were_computed_independently(printed):
    row = printed["squeezenet", "shape bias"]
    assert row["counts"] == "48 shape, 126 texture of 300"
    assert round(row["value"], 4) == 0.2759
    assert printed["squeezenet", "accuracy, edges"]["counts"] == "15 of 80 right"
    assert printed["squeezenet", "accuracy, silhouettes"]["counts"] == "27 of 80 right"


def test_mobilenet_has_the_counts_of_a_plain_loop(printed, data_dir):
    model = timm.create_model("mobilenetv2_100", pad_type="same").eval()
    model.load_state_dict(load_file(data_dir / "weights/imagenet/mobilenetv2_100.safetensors"))
    groups = json.loads((data_dir / "imagenet_to_16_classes.json").read_text())
    shape = texture = conflicts = 0
    for path in sorted((data_dir / "cue-conflict").glob("*/*.png")):
        pixels = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            shares = model((pixels - 0.5) / 0.5).double().softmax(dim=1)[0]
        answer = max(groups, key=lambda name: float(shares[groups[name]].mean()))
        drawn, filled = (word.rstrip("0123456789") for word in path.stem.split("-"))
        conflicts += drawn != filled
        shape += answer == drawn != filled
        texture += answer == filled != drawn
    assert printed["mobilenet", "shape bias"]["counts"] == f"{shape} shape, {texture} texture of {conflicts}"


@pytest.mark.parametrize("model", MODELS)
def test_people_and_published_models_lie_beside_them(printed, model):
    row = printed[model, "shape bias"]
    assert row["people_source"] == "5 observers"
    assert 0.92 <= row["people_low"] < row["people"] < row["people_high"] <= 0.97
    assert (row["resnet50 (texture-vs-shape)"], row["alexnet (texture-vs-shape)"]) == (0.2207, 0.2531)
    assert 1 < row["rank"] < row["ranked"] == 78
