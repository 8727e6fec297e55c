"""Cascading randomisation: layers go from the outputs to the inputs, and the model itself stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import shapebias as sb
from shapebias import plugin
from shapebias.networks.classifier import Classifier
from shapebias.networks.state_hash import hash_state
from shapebias.probes.randomization import Randomization, _rank_correlation
from shapebias.rng import ImageRandom
from shapebias.saliency.edge_detector import EdgeDetector
from shapebias.saliency.grad_cam import GradCam
from shapebias.saliency.gradient import Gradient


def classifier():
    torch.manual_seed(0)
    convolutions = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
    network = nn.Sequential(convolutions, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 5))
    return Classifier(network, features=plugin.Features(convolutions))


def measure(method, stages=3, n=4):
    model, images = classifier(), torch.rand(n, 3, 16, 16)
    targets, rng = torch.arange(n) % 5, ImageRandom.for_images(0, "x", 0, [str(position) for position in range(n)])
    before, seen = hash_state(model.module), []

    def explain(network):
        seen.append(network)
        return method(network, images, targets, rng)

    maps = method(model, images, targets, rng)
    values = Randomization(stages)(model, images, targets, maps, rng, explain=explain)
    assert hash_state(model.module) == before
    return values["spearman"], seen


def test_a_gradient_changes_with_the_weights_and_the_picture_alone_does_not():
    similar, _ = measure(Gradient())
    assert similar.shape == (4, 3)
    assert similar[:, -1].abs().mean() < 0.6
    edges, _ = measure(EdgeDetector())
    np.testing.assert_allclose(edges, 1, atol=1e-6)


def test_features_are_a_layer_of_the_network_that_forgets():
    similar, seen = measure(GradCam())
    assert similar.isfinite().all()
    assert all(model.features.module is model.module[0] for model in seen)


def test_layers_go_from_the_outputs_to_the_inputs_and_keep_their_numbers():
    changed = []
    images, whole = torch.rand(1, 3, 16, 16), dict(classifier().module.named_parameters())

    def explain(network):
        now = dict(network.module.named_parameters())
        changed.append({name.rpartition(".")[0] for name in now if not torch.equal(now[name], whole[name])})
        for name, parameter in now.items():
            torch.testing.assert_close(parameter.flatten().sort().values, whole[name].flatten().sort().values)
        return torch.rand(1, 16, 16)

    Randomization(3)(classifier(), images, torch.tensor([0]), torch.rand(1, 16, 16), None, explain=explain)
    assert changed == [{"3"}, {"3", "0.2"}, {"3", "0.2", "0.0"}]


def test_more_stages_than_layers_leave_some_without_a_change():
    similar, _ = measure(Gradient(), stages=5)
    assert similar.shape == (4, 5)
    np.testing.assert_allclose(similar[:, 0], 1, atol=1e-6)


def test_the_rank_correlation_is_scipys_with_ties():
    rng = np.random.default_rng(0)
    first, second = rng.integers(-3, 9, (2, 4, 6, 7)).astype(np.float32)
    found = _rank_correlation(torch.from_numpy(first), torch.from_numpy(second))
    expected = [stats.spearmanr(abs(a).ravel(), abs(b).ravel()).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert _rank_correlation(torch.ones(1, 4, 4), torch.rand(1, 4, 4)).item() == pytest.approx(0)


def test_a_study_explains_the_networks_that_forget(tmp_path):
    study = sb.Study(
        "stimuli:images=6,size=32", "cnn:num_classes=8,width=4", "clean", ["gradient", "edge-detector"],
        ["randomization:stages=2", "gradient-spectrum", "fourier-heatmap:radius=1"],
    )  # fmt: skip
    results = sb.run(study, tmp_path / "run.h5")
    assert not results.failures
    table = results.metric("sanity").set_index(["saliency", "randomized"])["value"]
    assert table.loc[("edge-detector", 1)] == pytest.approx(1, abs=1e-5)
    assert table.xs(1, level="randomized").drop("edge-detector").item() < 0.9
    assert len(results.metric("fourier-sensitivity")) == 5
    assert set(results.metric("spectrum")["probe"].dropna()) == {"gradient-spectrum:objective=cross-entropy"}
