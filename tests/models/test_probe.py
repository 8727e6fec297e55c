"""Probes against the formula of the papers, a plain loop, and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import shapebias as sb
from shapebias.errors import DataError, ShapebiasError, StudyError, WeightsError
from shapebias.models.probe import ProbedModel
from shapebias.models.timm import Timm
from shapebias.networks.backbones import without_classifier
from shapebias.networks.classifier import Classifier
from shapebias.networks.probe_heads import NearestNeighbours, fit_linear

CPU = torch.device("cpu")
CNN = "cnn:num_classes=4,width=4"
TRAIN = "stimuli:images=112,size=32"
TEST = "stimuli:images=56,size=32,seed=1"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SHAPEBIAS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def clusters():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    return torch.randn(60, 5, generator=generator) + 2 * torch.eye(3, 5)[labels], labels


def test_neighbours_vote_as_in_a_plain_loop(clusters):
    features, labels = clusters
    head = NearestNeighbours(features[10:], labels[10:], 3, k=7, temperature=0.07)
    found = head(features[:10]).exp()
    for row in range(10):
        similarity = nn.functional.cosine_similarity(features[row], features[10:], dim=1)
        votes = [0.0, 0.0, 0.0]
        for neighbour in sorted(range(50), key=lambda each: -float(similarity[each]))[:7]:
            votes[int(labels[10 + neighbour])] += math.exp(float(similarity[neighbour]) / 0.07)
        assert found[row].tolist() == pytest.approx([vote / sum(votes) for vote in votes], abs=1e-4)


def test_linear_is_logistic_regression_of_scikit_learn(clusters):
    linear_model = pytest.importorskip("sklearn.linear_model")
    features, labels = clusters
    head = fit_linear(features, labels, 3, penalty=4)
    expected = linear_model.LogisticRegression(C=0.25, tol=1e-8, max_iter=1000).fit(features.numpy(), labels.numpy())
    assert np.allclose(head.weight.detach(), expected.coef_, atol=2e-3)
    with torch.no_grad():
        assert np.allclose(head(features).softmax(dim=1), expected.predict_proba(features.numpy()), atol=1e-3)


def test_features_are_what_the_last_linear_layer_reads():
    whole = sb.default_catalog().component("model", CNN).load(CPU)
    images = torch.rand(3, 3, 32, 32)
    expected = whole(images)
    linear = [layer for layer in whole.module.modules() if isinstance(layer, nn.Linear)][-1]
    features = without_classifier(whole)(images)
    assert torch.allclose(linear(features), expected, atol=1e-6)


def test_timm_gives_what_its_classifier_reads():
    settings = Timm("resnet18", pretrained=False, num_classes=5)
    whole, backbone = settings.load(CPU), settings.backbone(CPU)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(whole.module.get_classifier()(backbone(images)), whole(images), atol=1e-4)
    dino = Timm("vit_small_patch14_dinov2", pretrained=False, arg={"img_size": 28, "num_classes": 0})
    with pytest.raises(WeightsError, match="probe:timm:vit_small_patch14_dinov2,train=DATASET"):
        dino.load(CPU)
    with torch.no_grad():
        assert dino.backbone(CPU)(torch.rand(2, 3, 28, 28)).shape == (2, 384)


def test_networks_without_a_last_linear_layer_are_refused():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(WeightsError, match="does not end in a linear layer"):
        without_classifier(Classifier(network, input_size=(8, 8)))
    with pytest.raises(WeightsError, match="does not end in a linear layer"):
        without_classifier(Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 2), nn.Softmax(1)), input_size=(8, 8)))


def test_a_linear_layer_that_classifies_only_some_images_is_not_the_last():
    class Routed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(192, 2), nn.Linear(192, 2)

        def forward(self, pixels):
            flat = pixels.flatten(1)
            return torch.where(flat.mean(dim=1, keepdim=True) > 0.5, self.first(flat), self.second(flat))

    with pytest.raises(WeightsError, match="does not end in a linear layer"):
        without_classifier(Classifier(Routed(), (0.0,) * 3, (1.0,) * 3, input_size=(8, 8)))


@pytest.mark.parametrize("method", ["knn", "linear"])
def test_a_study_answers_attacks_and_explains(tmp_path, method):
    model = f'probe:"{CNN}",train="{TRAIN}",method={method},k=5,penalty=10'
    study = sb.Study(TEST, model, ["clean", "pgd:steps=1"], "grad-cam", limit=8)
    with sb.run(study, tmp_path / "run.h5") as results:
        assert not results.failures
        clean, attacked = results.answers()
        assert clean.logits.shape == (8, 8)
        assert not np.array_equal(clean.logits, attacked.logits)


def test_features_are_computed_once(monkeypatch):
    from shapebias.models import probe

    model = ProbedModel(CNN, TRAIN)
    first = model.load(CPU)
    monkeypatch.setattr(probe, "_extract", None)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(model.load(CPU)(images), first(images))
    with pytest.raises(TypeError):
        ProbedModel("cnn:num_classes=4,width=4,seed=1", TRAIN).load(CPU)


def test_training_images_are_learnt_and_the_head_is_part_of_the_identity():
    """With one neighbour every training image is its own."""
    model = ProbedModel(CNN, TRAIN, k=1).load(CPU)
    dataset = sb.default_catalog().component("dataset", TRAIN).settings
    images = torch.stack([torch.from_numpy(dataset[row].image) for row in range(0, 112, 10)]).permute(0, 3, 1, 2) / 255
    with torch.no_grad(), model.evaluating():
        found = model(images).argmax(dim=1)
    assert found.tolist() == [dataset[row].label for row in range(0, 112, 10)]
    fingerprints = {
        ProbedModel(network, train).fingerprint
        for network, train in [(CNN, TRAIN), (f"{CNN},seed=1", TRAIN), (CNN, TEST)]
    }
    assert len(fingerprints) == 3


@pytest.mark.parametrize("test", [TRAIN, "stimuli:images=112,size=64"])
def test_train_and_test_are_apart(tmp_path, test):
    with pytest.raises(StudyError, match="trained on the images"):
        sb.run(sb.Study(test, f'probe:"{CNN}",train="{TRAIN}"'), tmp_path / "run.h5")


def test_one_class_is_not_enough(tmp_path):
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "cat" / "a.png")
    with pytest.raises(DataError, match="two classes"):
        ProbedModel(CNN, f"folder:{tmp_path}").load(CPU)
    with pytest.raises(ShapebiasError, match="nothing-such"):
        ProbedModel("nothing-such:a", TRAIN).load(CPU)
