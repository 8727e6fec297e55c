"""Real photographs and real weights against answers that were computed independently of this project."""

from __future__ import annotations

import pytest

import shapebias as sb


@pytest.fixture(scope="module")
def squeezenet(data_dir):
    return f"torchvision:squeezenet1_1,weights={data_dir}/weights/imagenet/squeezenet1_1.safetensors"


@pytest.fixture(scope="module")
def mobilenet(data_dir):
    weights = data_dir / "weights/imagenet/mobilenetv2_100.safetensors"
    return f"timm:mobilenetv2_100,checkpoint={weights},mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same"


def correct(results, **selectors):
    (answers,) = [
        answers
        for answers in results.answers()
        if all(getattr(answers, name) == value for name, value in selectors.items())
    ]
    return int((answers.prediction == answers.labels).sum())


def test_squeezenet_on_cue_conflict_edges_and_silhouettes(data_dir, squeezenet, tmp_path):
    datasets = {name: f"cue-conflict:{data_dir / name}" for name in ("cue-conflict", "edges", "silhouettes")}
    results = sb.run(sb.Study(datasets, {"squeezenet": squeezenet}), tmp_path / "run.h5")
    table = results.metric("shape-bias")
    row = table[(table.dataset == "cue-conflict") & (table.averaging == "micro")].iloc[0]
    assert (row.shape_hits, row.texture_hits, row.n_conflict) == (48, 126, 300)
    assert round(row.value, 4) == 0.2759
    assert row.low < row.value < row.high
    assert correct(results, dataset="edges") == 15
    assert correct(results, dataset="silhouettes") == 27


def test_imagenet_photos(data_dir, squeezenet, mobilenet, tmp_path):
    photos = (
        f"folder:{data_dir / 'photos-imagenet'},labels=labels.csv,label_column=imagenet_index,"
        "label_space=imagenet-1k,size=224,crop=0.875"
    )
    results = sb.run(sb.Study(photos, {"squeezenet": squeezenet, "mobilenet": mobilenet}), tmp_path / "run.h5")
    assert correct(results, model="squeezenet") == 167
    assert correct(results, model="mobilenet") == 242
    table = results.metric("accuracy:top=5").set_index("model")
    assert round(table.value["squeezenet"] * 330) == 257
    assert round(table.value["mobilenet"] * 330) == 302
