"""What the browser shows: after an attack each model has a picture of its own."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

import shapebias as sb
from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.image_browser import browse

STUDY = sb.Study(
    "stimuli:images=8,size=32",
    {"one": "cnn:num_classes=8,width=4", "two": "cnn:num_classes=8,width=4,seed=1"},
    ["clean", "grayscale", "fgsm:eps=128/255"],
    keep_images=True,
)


def pixels(uri):
    data = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def test_after_an_attack_each_model_has_its_own_picture(tmp_path):
    with sb.run(STUDY, tmp_path / "run.h5", device="cpu") as results:
        (browsed,) = browse(CombinedResults([results]), 8)
        stored = {model: results.images(model=model, condition="fgsm:eps=128/255") for model in ("one", "two")}
        ids = results.answers()[0].ids
    assert browsed.kept
    different = 0
    for image in browsed.images:
        clean, grey, attacked = image["seen"]
        assert np.ptp(pixels(grey), axis=2).max() <= 2 < np.ptp(pixels(clean), axis=2).max()  # compressed
        assert attacked is None
        assert not any("seen" in answer for answers in image["answers"][:2] for answer in answers.values())
        row = ids.index(image["id"])
        if np.array_equal(stored["one"][row], stored["two"][row]):  # wrong without an attack
            continue
        different += 1
        for model in stored:
            shown = pixels(image["answers"][2][model]["seen"])
            # The picture is compressed: its own image is still nearer than that of the other model.
            wanted = {other: 255 * np.moveaxis(images[row], 0, -1) for other, images in stored.items()}
            assert min(wanted, key=lambda other: np.abs(shown - wanted[other]).mean()) == model
    assert different >= 2
