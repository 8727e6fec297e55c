"""A data set of photographs in each model's own crop is one data set: of one name, stored once, compared by image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.datasets.imagenet_val import ImageNetVal
from shapebias.engine.identity import Recorder
from shapebias.engine.pieces import Sender
from shapebias.engine.plan import all_works
from shapebias.images.first import FirstImages
from shapebias.models.cnn import Cnn
from shapebias.models.torchvision import Torchvision
from shapebias.reporting.caption import caption
from shapebias.store.verifying import verify
from shapebias.study import Study

SMALL = Torchvision("squeezenet1_1", weights=None, input_size=32)
LARGE = Torchvision("squeezenet1_1", weights=None, input_size=48)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("val")
    generator = np.random.default_rng(0)
    for position, wnid in enumerate(("n01440764", "n01443537", "n01484850")):
        (folder / wnid).mkdir()
        pixels = generator.integers(0, 256, (60 + position, 80, 3), np.uint8)
        Image.fromarray(pixels).save(folder / wnid / f"{position}.png")
    return folder


def _study(folder: Path, **models: object) -> Study:
    named = models or {"small": SMALL, "large": LARGE, "silent": Cnn(num_classes=1000, width=1)}
    return Study({"val": ImageNetVal(folder)}, named, seed=1)


def test_each_model_answers_to_its_own_crop(photographs: Path, tmp_path: Path) -> None:
    """The stored scores are those of the network and torchvision's own functions, computed here by hand."""
    results = sb.run(_study(photographs), tmp_path / "run.h5")
    assert not results.failures
    views = results.answers()
    assert {view.dataset for view in views} == {"val"}
    assert {view.ids for view in views} == {tuple(results.answers()[0].ids)}
    for name, settings, size, resize in (("small", SMALL, 32, 36), ("large", LARGE, 48, 54)):
        network = settings.load(torch.device("cpu"))
        pixels = [ImageNetVal(photographs, size, resize=resize)[row].image for row in range(3)]
        images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad(), network.evaluating():
            expected = network(images).numpy()
        np.testing.assert_allclose(results.logits(model=name), expected, atol=1e-4)
    assert list(results.metric("paired-difference", against="small")["n"]) == [3, 3]
    (line,) = (line for line in caption(results) if "cropped" in line)
    assert line == (
        "val is cropped for each model: small 32 of 36 pixels, bilinear; large 48 of 54 pixels, bilinear; silent 224 "
        "of 256 pixels, bilinear, as the model says none"
    )
    assert results.thumbnails() is not None
    assert not verify(tmp_path / "run.h5")


def test_nothing_is_computed_twice_and_another_crop_is_told(photographs: Path, tmp_path: Path) -> None:
    """Cells are identified by the crop: the same is kept; another one stops the run."""
    messages: list[object] = []
    study = _study(photographs, small=SMALL)
    sb.run(study, tmp_path / "run.h5").close()
    sb.run(study, tmp_path / "run.h5", progress=messages.append).close()
    assert messages == []
    record = Recorder(study, "float32").cells()[0].record
    assert record.settings["crop"] == "32 of 36 pixels, bilinear"
    assert record.dataset.canonical == study.datasets[0].canonical  # as the user wrote it


def test_works_survive_the_way_to_another_process(photographs: Path) -> None:
    """A worker with an equal study finds the same crop."""
    study, again = _study(photographs), _study(photographs)
    works = [*all_works(study, Recorder(study, "float32").cells(), FirstImages())]
    assert [work.dataset.settings.size for work in works] == [32, 48, 224]
    sender = Sender(study)
    received = [sender.sent(work).work(again) for work in works]
    assert [work.dataset for work in received] == [work.dataset for work in works]
    assert all(task.cell.dataset is again.datasets[0] for work in received for task in work.tasks)
