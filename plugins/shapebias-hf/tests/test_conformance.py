"""A small model and a small data set keep to the contract of shapebias."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from shapebias.testing import conformance

FOLDER = Path(tempfile.gettempdir(), f"shapebias-hf-{os.getpid()}")  # a text that is known before there are fixtures

test_conformance = conformance("shapebias-hf", [f"model hf:{FOLDER}/model", f"dataset hf:{FOLDER}/animals"])


@pytest.fixture(scope="module", autouse=True)
def _files():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.ViTConfig(
            image_size=32,
            patch_size=8,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
        )
        transformers.ViTForImageClassification(config).save_pretrained(FOLDER / "model")
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(FOLDER / "model")
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=["ant", "bee"]))
    noise = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), np.uint8)
    rows = {"image": [Image.fromarray(each) for each in noise], "label": [0, 1] * 3}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(FOLDER / "animals")
    yield
    shutil.rmtree(FOLDER)
