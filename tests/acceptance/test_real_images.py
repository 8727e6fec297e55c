"""Real photographs and real weights against answers that were computed independently of this project."""

from __future__ import annotations

import shapebias as sb


def correct(results, **selectors):
    (answers,) = [
        answers
        for answers in results.answers()
        if all(getattr(answers, name) == value for name, value in selectors.items())
    ]
    return int((answers.prediction == answers.labels).sum())


def test_squeezenet_on_cue_conflict(real_runs):
    with sb.open(real_runs.store("squeezenet.h5")) as results:
        table = results.metric("shape-bias")
    row = table[(table.condition == "clean") & (table.averaging == "micro")].iloc[0]
    assert (row.shape_hits, row.texture_hits, row.n_conflict) == (48, 126, 300)
    assert round(row.value, 4) == 0.2759
    assert row.low < row.value < row.high


def test_imagenet_photos(data_dir, real_runs):
    """The README's run of MobileNetV2 continues with SqueezeNet."""
    photos = (
        f"photos=folder:{data_dir}/photos-imagenet,labels=labels.csv,label_column=imagenet_index,"
        "label_space=imagenet-1k,size=224,crop=0.875"
    )
    weights = data_dir / "weights/imagenet"
    models = {
        "mobilenet": f"timm:mobilenetv2_100,checkpoint={weights}/mobilenetv2_100.safetensors,"
        "mean=0.5,0.5,0.5,std=0.5,0.5,0.5,arg.pad_type=same",
        "squeezenet": f"torchvision:squeezenet1_1,weights={weights}/squeezenet1_1.safetensors",
    }
    results = sb.run(sb.Study(photos, models), real_runs.store("photos.h5"))
    assert correct(results, model="squeezenet") == 167
    assert correct(results, model="mobilenet") == 242
    table = results.metric("accuracy:top=5").set_index("model")
    assert round(table.value["squeezenet"] * 330) == 257
    assert round(table.value["mobilenet"] * 330) == 302
