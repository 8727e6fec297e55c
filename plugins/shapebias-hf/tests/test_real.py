"""Real photos and real weights against answers that were computed independently of this project."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import datasets
import pytest
import safetensors.torch
import timm
import torch
import transformers

import shapebias as sb
from shapebias import plugin

pytestmark = pytest.mark.slow  # MobileNetV2 looks at 330 photos three times


@pytest.fixture(scope="module")
def data_dir():
    folder = Path(os.environ.get("SHAPEBIAS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real test data at {folder}: set SHAPEBIAS_TEST_DATA to the folder that has them")
    return folder


@pytest.fixture(scope="module")
def photos(data_dir, tmp_path_factory):
    """Write the photos as one parquet file, with the content of the image files in it."""
    folder = data_dir / "photos-imagenet"
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=list(plugin.imagenet_wnids())))
    stored = [{"path": row["file"], "bytes": (folder / row["file"]).read_bytes()} for row in rows]
    labels = [int(row["imagenet_index"]) for row in rows]
    path = tmp_path_factory.mktemp("photos") / "photos.parquet"
    datasets.Dataset.from_dict({"image": stored, "label": labels}, features=features).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def weights(data_dir):
    return data_dir / "weights/imagenet/mobilenetv2_100.safetensors"


@pytest.fixture(scope="module")
def mobilenet(weights, tmp_path_factory):
    """Put the weights into the network of transformers: both list the same layers in the same order."""
    stored = safetensors.torch.load_file(weights)
    counters = "num_batches_tracked"
    values = [
        stored[name].float() for name in timm.create_model("mobilenetv2_100").state_dict() if counters not in name
    ]
    classes = dict(enumerate(timm.data.ImageNetInfo().label_descriptions()))
    config = transformers.MobileNetV2Config(tf_padding=True, layer_norm_eps=1e-5, id2label=classes)
    network = transformers.MobileNetV2ForImageClassification(config)
    positions = [name for name in network.state_dict() if counters not in name]
    network.load_state_dict(dict(zip(positions, values, strict=True)), strict=False)
    folder = tmp_path_factory.mktemp("mobilenet")
    network.save_pretrained(folder)
    transformers.MobileNetV2ImageProcessor().save_pretrained(folder)
    return folder


def test_real_photos_have_the_published_answers(data_dir, photos, weights, mobilenet, tmp_path):
    timms = f"timm:mobilenetv2_100,checkpoint={weights},mean=0.5,std=0.5,arg.pad_type=same"
    models = {"timm": timms, "hf": f"hf:{mobilenet}"}
    sets = {"hf": f"hf:{photos},size=224,crop=0.875"}
    results = sb.run(sb.Study(sets, models), tmp_path / "hf.h5")
    folder = (
        f"folder:{data_dir / 'photos-imagenet'},labels=labels.csv,label_column=imagenet_index,"
        "label_space=imagenet-1k,size=224,crop=0.875"
    )
    built_in = sb.run(sb.Study({"folder": folder}, {"timm": timms}), tmp_path / "folder.h5")
    (expected,) = built_in.answers()
    assert int((expected.prediction == expected.labels).sum()) == 242
    for answers in results.answers():
        assert list(answers.ids) == list(expected.ids)
        assert (answers.prediction == expected.prediction).all()


def test_a_model_of_imagenet_answers_cue_conflict_at_once(data_dir, weights, mobilenet, tmp_path):
    timms = f"timm:mobilenetv2_100,checkpoint={weights},mean=0.5,std=0.5,arg.pad_type=same"
    sets = f"cue-conflict:{data_dir / 'silhouettes'}"
    results = sb.run(sb.Study(sets, {"timm": timms, "hf": f"hf:{mobilenet}"}), tmp_path / "run.h5")
    first, second = results.answers()
    assert (first.prediction == second.prediction).all()
    assert torch.allclose(torch.tensor(first.logits), torch.tensor(second.logits), atol=1e-3)
