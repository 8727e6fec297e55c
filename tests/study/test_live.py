"""Live objects: what they give, what identifies them, and where they are refused."""

from __future__ import annotations

import functools
import logging
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from torchvision.transforms import v2

import shapebias
from shapebias.engine.plan import ComputeOptions, Plan
from shapebias.errors import EvaluationError, StudyError
from shapebias.study.live import LiveData, LiveTransform
from shapebias.study.live_identity import identify

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (24, 3, 32, 32), generator=GENERATOR).float() / 255
LABELS = torch.arange(24) % 8
EIGHT = [f"class {index}" for index in range(8)]


class Pairs(Dataset):
    classes = EIGHT

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, index):
        return IMAGES[index], int(LABELS[index])


class Pictures(Pairs):
    """As Hugging Face gives them: mappings with pictures of Pillow, and names in the features."""

    classes = None
    features = {"image": object(), "label": type("ClassLabel", (), {"names": EIGHT})()}  # noqa: RUF012

    def __getitem__(self, index):
        pixels = (IMAGES[index].permute(1, 2, 0) * 255).round().byte().numpy()
        return {"image": Image.fromarray(pixels), "label": int(LABELS[index])}


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(IMAGES, LABELS.tolist(), strict=True)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 8))


def logits(network, images):
    classifier = shapebias.Classifier(network)
    with torch.no_grad():
        return classifier(images).numpy()


DATA = {
    "pair of tensors": (IMAGES, LABELS),
    "pair with a list": (IMAGES, LABELS.tolist()),
    "pair of arrays": (IMAGES.permute(0, 2, 3, 1).numpy(), LABELS.numpy()),
    "tensor data set": TensorDataset(IMAGES, LABELS),
    "pairs": Pairs(),
    "mappings": Pictures(),
    "loader": DataLoader(Pairs(), batch_size=5, shuffle=True),
    "stream": Stream(),
}


@pytest.mark.parametrize("form", DATA)
def test_live_data_reach_the_model(network, form):
    for given in (DATA[form], {"mine": DATA[form]}, [DATA[form]]):
        results = shapebias.evaluate(network, given)
        assert np.allclose(results.logits(), logits(network, IMAGES), atol=1e-5)
        assert results.answers()[0].labels.tolist() == LABELS.tolist()
    assert shapebias.Study({"mine": DATA[form]}, {"net": network}).datasets[0].title == "mine"
    assert len(results.answers()[0].classes) == 8


@pytest.mark.parametrize(
    ("given", "message"),
    [((IMAGES, LABELS[:20]), "24 images and 20 labels"), (IMAGES, r"two tensors \(images, labels\)")],
)
def test_images_without_their_labels_are_refused(network, given, message):
    with pytest.raises(StudyError, match=message):
        shapebias.evaluate(network, given)


def test_what_a_data_set_says_about_its_classes_is_taken():
    assert LiveData.of("a", Pairs()).classes == tuple(EIGHT)
    assert LiveData.of("a", Pictures()).classes == tuple(EIGHT)
    assert LiveData.of("a", (IMAGES, LABELS)).classes == tuple("01234567")


def test_data_are_identified_by_their_content():
    again = LiveData.of("a", (IMAGES.clone(), LABELS.clone()))
    assert again == LiveData.of("a", (IMAGES, LABELS))
    changed = IMAGES.clone()
    changed[7, 0, 3, 3] += 0.01
    assert again != LiveData.of("a", (changed, LABELS))
    assert LiveData.of("b", Pairs()).fingerprint == LiveData.of("b", Pairs()).fingerprint


def halve(images):
    return images / 2


def shuffle_rows(images):
    return images[:, :, torch.randperm(images.shape[2])]


def step(model, images, labels):
    images = images.clone().requires_grad_()
    nn.functional.cross_entropy(model(images), labels, reduction="sum").backward()
    return (images + 4 / 255 * images.grad.sign()).clamp(0, 1).detach()


def slopes(model, images, targets):
    images = images.clone().requires_grad_()
    model(images).gather(1, targets[:, None]).sum().backward()
    return images.grad.abs().sum(1)


def test_functions_are_conditions_and_saliency_methods(network):
    conditions = ["clean", halve, step, v2.GaussianBlur(5, 1.0), {"a": 1} and [halve, "pgd:steps=1"]]
    results = shapebias.evaluate(network, (IMAGES, LABELS), conditions, saliency=slopes, saliency_limit=3)
    titles = [answers.condition for answers in results.answers()]
    assert titles == ["clean", "halve", "step", "GaussianBlur", "live:halve+pgd:eps=8/255,steps=1"]
    assert np.allclose(results.logits(condition="halve"), logits(network, IMAGES / 2), atol=1e-5)
    attacked = step(shapebias.Classifier(network), IMAGES, LABELS)
    assert np.allclose(results.logits(condition="step"), logits(network, attacked), atol=1e-4)
    assert results.saliency(condition="clean").shape == (3, 32, 32)
    blurred = v2.functional.gaussian_blur(IMAGES, [5, 5], [1.0, 1.0])
    assert np.allclose(results.logits(condition="GaussianBlur"), logits(network, blurred), atol=1e-4)


def test_random_functions_belong_to_the_image(network):
    logits = [
        shapebias.evaluate(network, (IMAGES, LABELS), {"rows": shuffle_rows}, batch_size=size, seed=seed).logits()
        for size, seed in ((24, 0), (5, 0), (24, 1))
    ]
    assert np.allclose(logits[0], logits[1], atol=1e-5)
    assert not np.allclose(logits[0], logits[2], atol=1e-3)


def test_a_run_is_continued_with_the_same_function_and_refused_with_another(network, tmp_path):
    def scaled(factor):
        return lambda images: images * factor

    def study(*factors):
        conditions = {f"times {factor}": scaled(factor) for factor in factors}
        return shapebias.Study({"mine": (IMAGES, LABELS)}, {"net": network}, conditions)

    told = []
    shapebias.run(study(0.5), tmp_path / "run.h5").close()
    shapebias.run(study(0.5, 0.25), tmp_path / "run.h5", progress=told.append).close()
    assert told[-1].total == 24  # the first condition is there
    other = shapebias.Study({"mine": (IMAGES, LABELS)}, {"net": network}, {"times 0.5": scaled(0.4)})
    with pytest.raises(StudyError, match=r"times 0\.5: live:.* changed since"):
        shapebias.run(other, tmp_path / "run.h5")


def test_functions_are_identified_by_what_they_refer_to(caplog, monkeypatch):
    assert identify("a", functools.partial(torch.clamp, max=1)) == identify("a", functools.partial(torch.clamp, max=1))
    assert identify("a", functools.partial(torch.clamp, max=1)) != identify("a", functools.partial(torch.clamp, max=2))
    assert identify("a", v2.GaussianBlur(5)) == identify("a", v2.GaussianBlur(5))
    assert identify("a", v2.GaussianBlur(5)) != identify("a", v2.GaussianBlur(7))
    layer = nn.Conv2d(3, 3, 1)
    before = identify("a", layer)
    with torch.no_grad():
        layer.weight += 1
    assert identify("a", layer) != before
    stream = iter([1])
    with caplog.at_level(logging.WARNING):
        first, second = (identify("odd", lambda images: images * next(stream)) for _ in range(2))
    assert first != second
    assert first != second
    assert "'odd' cannot be recognised in a later run" in caplog.text


def test_a_live_object_has_a_name_and_is_sent_to_other_processes(network):
    with pytest.raises(StudyError, match="a lambda has no name"):
        shapebias.Study((IMAGES, LABELS), {"net": network}, lambda images: images)
    study = shapebias.Study({"mine": (IMAGES, LABELS)}, "cnn:num_classes=8", {"half": halve})
    assert study.live == ("mine", "half")
    sent = pickle.loads(pickle.dumps(Plan(study, ComputeOptions(), ())))  # noqa: S301 - our own
    assert sent.study.live == study.live


def test_what_fails_in_an_evaluation_is_an_error_that_has_the_rest(network):
    with pytest.raises(EvaluationError, match=r"grad-cam reads a feature layer") as caught:
        shapebias.evaluate(network, (IMAGES, LABELS), saliency="grad-cam")
    assert len(caught.value.results.metric("accuracy:top=1")) == 1
    ten = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 10))
    with pytest.raises(shapebias.ShapebiasError, match="10 unnamed outputs"):
        shapebias.evaluate(ten, "stimuli:images=8,size=32")


def test_a_transform_that_takes_random_numbers_gets_ours():
    seen = []
    LiveTransform("a", lambda images, rng: seen.append(rng) or images, "")(IMAGES[:2], "ours")
    assert seen == ["ours"]
