"""The wrapper around networks: pixels in, scores out, nothing left behind."""

from __future__ import annotations

import copy
import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.transforms import functional as transforms

from shapebias.errors import ShapebiasError
from shapebias.networks.classifier import Classifier, LiveModel, grouped
from shapebias.networks.labels import LabelMapping
from shapebias.networks.state_hash import hash_state


class Recorder(nn.Module):
    """Keeps what it was given and answers with the mean of each channel."""

    def forward(self, images):
        self.seen = images
        return images.mean(dim=(2, 3))


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5))


def test_pixels_are_normalised_channel_by_channel():
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
    images = torch.rand(2, 3, 4, 6)
    recorder = Recorder()
    Classifier(recorder, mean=mean, std=std)(images)
    wanted = (images.numpy() - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(recorder.seen.numpy(), wanted, atol=1e-6)


def test_images_of_the_right_size_are_not_touched():
    images = torch.rand(2, 3, 8, 8)
    recorder = Recorder()
    Classifier(recorder, mean=(0.0,) * 3, std=(1.0,) * 3, input_size=(8, 8))(images)
    assert torch.equal(recorder.seen, images)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(12, 20), (5, 7)])
def test_other_images_are_resized_as_torchvision_does_with_antialiasing(interpolation, size):
    images = torch.rand(2, 3, 8, 10)
    recorder = Recorder()
    Classifier(recorder, mean=(0.0,) * 3, std=(1.0,) * 3, input_size=size, interpolation=interpolation)(images)
    mode = transforms.InterpolationMode(interpolation)
    assert torch.allclose(recorder.seen, transforms.resize(images, list(size), mode, antialias=True), atol=1e-6)


def test_without_an_input_size_every_size_goes_in():
    recorder = Recorder()
    Classifier(recorder)(torch.rand(1, 3, 5, 9))
    assert recorder.seen.shape == (1, 3, 5, 9)


def test_gradients_flow_through_resizing_and_normalisation():
    model = Classifier(Recorder(), std=(0.5, 0.25, 0.125), input_size=(4, 4))
    images = torch.rand(1, 3, 8, 8, requires_grad=True)
    model(images).sum().backward()
    # Every score is a mean of its channel divided by std, and resizing by one half keeps means.
    assert torch.allclose(images.grad.sum(dim=(0, 2, 3)), torch.tensor([2.0, 4.0, 8.0]), atol=1e-4)


def test_evaluating_restores_every_flag():
    module = network().train()
    module[1].eval()
    module[0].weight.requires_grad_(requires_grad=False)
    modes = [part.training for part in module.modules()]
    needed = [parameter.requires_grad for parameter in module.parameters()]
    with Classifier(module).evaluating():
        assert not any(part.training for part in module.modules())
        assert not any(parameter.requires_grad for parameter in module.parameters())
    assert [part.training for part in module.modules()] == modes
    assert [parameter.requires_grad for parameter in module.parameters()] == needed


def test_evaluating_restores_after_an_error():
    module = network().train()
    with pytest.raises(KeyError), Classifier(module).evaluating():
        raise KeyError
    assert all(part.training for part in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_evaluating_leaves_running_statistics_alone():
    module = network().train()
    before = copy.deepcopy(module.state_dict())
    with Classifier(module).evaluating():
        Classifier(module)(torch.rand(4, 3, 8, 8))
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=6, max_size=6))
def test_groups_score_the_log_of_their_mean_probability(values):
    logits = np.array(values)
    probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    groups = ((4,), (0, 2, 5), (1, 3))
    wanted = [probabilities[list(members)].mean() for members in groups]
    scores = grouped(torch.tensor(logits)[None], groups)
    np.testing.assert_allclose(scores.exp()[0].numpy(), wanted, rtol=1e-9)


@pytest.mark.parametrize(("aggregate", "of"), [("mean", np.mean), ("sum", np.sum), ("max", np.max)])
def test_groups_score_the_log_of_what_is_taken_of_their_probabilities(aggregate, of):
    logits = np.random.default_rng(0).normal(size=(20, 7)) * 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    groups = ((4,), (0, 2, 5), (1, 3))
    scores = grouped(torch.tensor(logits), groups, aggregate).exp().numpy()
    np.testing.assert_allclose(scores, np.stack([of(probabilities[:, list(one)], axis=1) for one in groups], axis=1))


def test_the_largest_probability_decides_as_the_largest_logit():
    logits, groups = torch.randn(50, 6), ((0, 1, 2), (3,), (4, 5))
    largest = torch.stack([logits[:, list(one)].amax(dim=1) for one in groups], dim=1)
    assert torch.equal(grouped(logits, groups, "max").argmax(dim=1), largest.argmax(dim=1))


def test_groups_of_extreme_logits_stay_finite():
    scores = grouped(torch.tensor([[1000.0, 0.0, -1000.0]]), ((0,), (1, 2)))
    assert scores.isfinite().all()
    assert scores[0].tolist() == pytest.approx([0, -1000 - np.log(2)])


def test_scores_follow_the_mapping():
    module = network().eval()
    images = torch.rand(2, 3, 8, 8)
    untouched = LabelMapping("identical", "5 outputs", tuple("abcde"), None)
    pairs = LabelMapping("file", "5 outputs", ("ab", "c"), ((0, 1), (2,)))
    plain = Classifier(module)
    assert torch.equal(Classifier(module, mapping=untouched)(images), plain(images))
    assert torch.allclose(Classifier(module, mapping=pairs)(images), grouped(plain(images), pairs.groups))
    summed = LabelMapping("file", "5 outputs", ("ab", "c"), ((0, 1), (2,)), "sum")
    assert torch.allclose(Classifier(module, mapping=summed)(images), grouped(plain(images), pairs.groups, "sum"))
    assert plain.has_logits
    assert Classifier(module, mapping=untouched).has_logits
    assert not Classifier(module, mapping=pairs).has_logits


def test_scores_are_float_whatever_the_network_computes_in():
    half = Classifier(network().eval().to(torch.bfloat16))
    assert half(torch.rand(1, 3, 8, 8, dtype=torch.bfloat16)).dtype == torch.float32


def test_the_device_of_a_network_without_parameters_is_the_cpu():
    assert Classifier(Recorder()).device == torch.device("cpu")


def test_a_live_model_is_named_by_the_user_and_identified_by_its_state():
    module = network()
    first, same = LiveModel.of("mine", module), LiveModel.of("mine", Classifier(copy.deepcopy(module)))
    assert first == same
    assert first.load(torch.device("cpu")).module is module
    module[3].bias.data += 1
    assert LiveModel.of("mine", module) != first


def pooled():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)).eval()


@dataclasses.dataclass
class Output:
    loss: torch.Tensor | None
    scores: torch.Tensor


@dataclasses.dataclass
class WithLogits:
    hidden: torch.Tensor
    logits: torch.Tensor


class Returning(nn.Module):
    def __init__(self, arrange):
        super().__init__()
        self.inner, self.arrange = pooled(), arrange

    def forward(self, images):
        return self.arrange(self.inner(images))


class Named(NamedTuple):
    aux: torch.Tensor
    logits: torch.Tensor


@pytest.mark.parametrize(
    "arrange",
    [
        lambda y: (y, -y),
        lambda y: [None, y],
        lambda y: {"out": y, "aux": -y},
        lambda y: {"aux": -y, "logits": y},
        lambda y: Output(None, y),
        lambda y: WithLogits(-y, y),
        lambda y: Named(-y, y),
    ],
)
def test_the_logits_among_several_outputs_are_found(arrange):
    network, images = Returning(arrange), torch.rand(2, 3, 8, 8)
    assert torch.equal(Classifier(network)(images), Classifier(network.inner)(images))


@pytest.mark.parametrize(
    ("arrange", "found"),
    [(lambda y: "scores", "a str"), (lambda y: y[..., None], r"\(2, 5, 1\)"), (lambda y: (y.mean(), y), r"\(\)")],
)
def test_outputs_that_are_no_logits_are_refused_in_words(arrange, found):
    with pytest.raises(ShapebiasError, match=rf"Returning returns {found} for 2 images, not logits.*wrap it"):
        Classifier(Returning(arrange))(torch.rand(2, 3, 8, 8))


@pytest.mark.filterwarnings("ignore")  # torch calls its quantisation and TorchScript deprecated
class TestUnusualNetworks:
    """Quantised and scripted networks, and layers with a state of their own."""

    @staticmethod
    def quantised(network):
        return torch.ao.quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)

    @pytest.mark.parametrize("make", [quantised, torch.jit.script, lambda n: torch.jit.freeze(torch.jit.script(n))])
    def test_they_answer_and_are_told_apart(self, make):
        first, second = pooled(), pooled()
        assert hash_state(make(first)) == hash_state(make(first))
        assert hash_state(make(first)) != hash_state(make(second))
        classifier, images = Classifier(make(first)), torch.rand(2, 3, 8, 8)
        with classifier.evaluating(), torch.no_grad():
            torch.testing.assert_close(classifier(images), Classifier(first)(images), atol=0.05, rtol=0.05)

    def test_a_scripted_network_has_gradients_and_the_hash_of_its_state(self):
        network, images = pooled(), torch.rand(2, 3, 8, 8, requires_grad=True)
        scripted = Classifier(torch.jit.script(network))
        assert hash_state(scripted.module) == hash_state(network)
        with scripted.evaluating():
            (gradient,) = torch.autograd.grad(scripted(images).sum(), images)
        (wanted,) = torch.autograd.grad(Classifier(network)(images).sum(), images)
        torch.testing.assert_close(gradient, wanted)

    def test_gradients_of_a_quantised_network_are_refused(self):
        classifier = Classifier(self.quantised(pooled()))
        with classifier.evaluating(), pytest.raises(ShapebiasError, match="no gradient from its answers to the pixels"):
            classifier(torch.rand(1, 3, 8, 8, requires_grad=True))
