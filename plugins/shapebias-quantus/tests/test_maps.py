"""Probes of the map alone, and of the map under a changed picture or class, against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import quantus
import torch
from scipy import stats
from shapebias_quantus.complexity import Complexity, EffectiveComplexity, Sparseness
from shapebias_quantus.randomization import RandomLogit
from shapebias_quantus.stability import AvgSensitivity, LocalLipschitz, MaxSensitivity
from torch import nn

from shapebias.plugin import Classifier, ImageRandom, ShapebiasError

IDS = ["ant.png", "bee.png", "cat.png"]
TARGETS = torch.tensor([0, 2, 1])


@pytest.fixture(scope="module")
def images():
    return 0.2 + 0.6 * torch.rand(3, 3, 8, 12, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def maps():
    return torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def model():
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(288, 5)).requires_grad_(requires_grad=False))


def rng(name="x"):
    return ImageRandom.for_images(0, name, 0, IDS)


def of_map(probe, maps):
    (found,) = probe(None, None, None, maps, None).values()
    return found.tolist()


def test_sparseness_is_the_mean_difference_of_two_pixels(maps):
    # The Gini index by its definition: mean |a - b| over all pairs, over twice the mean.
    flat = maps.abs().flatten(1).double()
    pairs = (flat[:, :, None] - flat[:, None, :]).abs().mean(dim=(1, 2))
    assert of_map(Sparseness(), maps) == pytest.approx((pairs / (2 * flat.mean(dim=1))).tolist(), abs=1e-5)


def test_complexity_is_the_entropy_of_the_shares(maps):
    expected = stats.entropy(maps.abs().flatten(1).numpy(), axis=1)
    assert of_map(Complexity(), maps) == pytest.approx(expected.tolist(), abs=1e-5)


def test_effective_complexity_counts_pixels(maps):
    expected = [(each.abs() > 0.25 * each.abs().max()).sum().item() for each in maps]
    assert of_map(EffectiveComplexity(threshold=0.25), maps) == expected


@pytest.mark.parametrize("scale", [1e-8, 1e6])
@pytest.mark.parametrize("probe", [Sparseness(), Complexity(), EffectiveComplexity()])
def test_the_scale_of_a_map_does_not_matter(probe, maps, scale):
    assert of_map(probe, scale * maps) == pytest.approx(of_map(probe, maps), rel=1e-4)


def test_maps_of_nothing(recwarn):
    nothing = torch.zeros(1, 4, 4)
    assert of_map(Sparseness(), nothing) == pytest.approx([0], abs=1e-6)
    assert np.isnan(of_map(Complexity(), nothing)).all()
    assert of_map(EffectiveComplexity(), nothing) == [0]
    assert [str(each.message) for each in recwarn] == []


def linear_maps(model, *, images):
    """Maps that are linear in the picture: what they change is known."""
    return images.sum(dim=1)


def noises(name, samples, images, radius):
    draw = rng(name)
    return [radius * (2 * draw.uniform("noise", copy, images.shape[1:]) - 1) for copy in range(samples)]


@pytest.mark.parametrize(("probe", "over_samples"), [(MaxSensitivity, np.max), (AvgSensitivity, np.mean)])
def test_sensitivity_of_maps_that_are_linear_in_the_picture(model, images, probe, over_samples):
    found = probe(samples=4, radius=0.1)(model, images, TARGETS, images.sum(dim=1), rng("s"), explain=linear_maps)
    changes = [each.sum(dim=1).flatten(1).norm(dim=1).numpy() for each in noises("s", 4, images, 0.1)]
    expected = over_samples(changes, axis=0) / images.sum(dim=1).flatten(1).norm(dim=1).numpy()
    np.testing.assert_allclose(found["sensitivity"], expected, rtol=1e-4)


def test_the_lipschitz_constant_of_maps_that_are_linear_in_the_picture(model, images):
    # |sum of channels| <= sqrt(3) |picture|, reached by grey noise; maps are relative to their largest value.
    def grey(model, *, images):
        return images.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1).sum(dim=1)

    found = LocalLipschitz(samples=20)(model, images, TARGETS, images.sum(dim=1), rng(), explain=grey)["lipschitz"]
    largest = images.sum(dim=1).amax(dim=(1, 2))
    assert (found < 1.2 * np.sqrt(3) / largest).all()
    assert (found > 0.3 * np.sqrt(3) / largest).all()


def test_max_sensitivity_is_quantus_s_by_hand(model, images):
    noise = iter(noises("m", 5, images, 0.1))

    def perturb(arr, **_):
        return arr + next(noise).flatten(1).numpy()

    metric = quantus.MaxSensitivity(nr_samples=5, perturb_func=perturb, disable_warnings=True)
    by_hand = metric(
        model.module,
        images.numpy(),
        TARGETS.numpy(),
        images.square().sum(dim=1).numpy(),
        explain_func=lambda inputs, **_: (inputs**2).sum(axis=1),
    )

    def explain(_model, *, images):
        return images.square().sum(dim=1)

    found = MaxSensitivity(samples=5, radius=0.1)(
        model, images, TARGETS, images.square().sum(dim=1), rng("m"), explain=explain
    )
    np.testing.assert_allclose(found["sensitivity"], by_hand, rtol=1e-4)


@pytest.mark.parametrize("probe", [MaxSensitivity(), AvgSensitivity(), LocalLipschitz()])
def test_maps_that_do_not_look_are_perfectly_steady(probe, model, images, maps):
    (found,) = probe(model, images, TARGETS, maps, rng(), explain=lambda model, *, images: maps).values()
    assert found.abs().max() == 0


def test_sensitivity_of_a_map_of_nothing_is_nan(model, images):
    maps = images.sum(dim=1)
    maps[1] = 0
    for probe in (MaxSensitivity(), AvgSensitivity()):
        found = probe(model, images, TARGETS, maps, rng(), explain=linear_maps)["sensitivity"]
        assert found.isnan().tolist() == [False, True, False]


def test_noisy_copies_are_pictures(model, images):
    def explain(model, *, images):
        assert images.min() >= 0
        assert images.max() <= 1
        return images.sum(dim=1)

    MaxSensitivity(samples=2, radius=0.9)(model, images, TARGETS, images.sum(dim=1), rng(), explain=explain)


def test_random_logit_explains_other_classes(model, images, maps):
    asked = []

    def explain(model, *, targets):
        asked.append(targets)
        return repeated

    repeated = maps.repeat(200, 1, 1)
    draw = ImageRandom.for_images(0, "x", 0, [f"{position}.png" for position in range(600)])
    arguments = images.repeat(200, 1, 1, 1), torch.full((600,), 3), repeated, draw
    assert RandomLogit()(model, *arguments, explain=explain)["similarity"].tolist() == [1] * 600
    counts = torch.bincount(asked[0], minlength=5)
    assert counts[3] == 0
    assert (counts[[0, 1, 2, 4]] > 110).all()  # 150 expected, standard deviation 11


@pytest.mark.parametrize(("similarity", "truth"), [("spearman", stats.spearmanr), ("pearson", stats.pearsonr)])
def test_random_logit_correlates(model, images, maps, similarity, truth):
    others = torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(5))
    found = RandomLogit(similarity)(model, images, TARGETS, maps, rng(), explain=lambda model, *, targets: others)
    expected = [truth(one.flatten(), other.flatten()).statistic for one, other in zip(maps, others, strict=True)]
    np.testing.assert_allclose(found["similarity"], expected, atol=1e-5)


def test_structural_similarity_sees_two_dimensions(model, images, maps):
    from skimage.metrics import structural_similarity

    others = maps.roll(1, dims=2)
    found = RandomLogit()(model, images, TARGETS, maps, rng(), explain=lambda model, *, targets: others)["similarity"]
    for row in range(3):
        one, other = (each[row].double().numpy() / each[row].abs().max().item() for each in (maps, others))
        span = max(one.max(), other.max()) - min(one.min(), other.min())
        assert found[row].item() == pytest.approx(structural_similarity(one, other, data_range=span), abs=1e-5)


def test_a_model_of_one_class_is_refused(images, maps):
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(288, 1)))
    with pytest.raises(ShapebiasError, match="quantus-random-logit compares two classes"):
        RandomLogit()(model, images, torch.zeros(3, dtype=torch.long), maps, rng(), explain=linear_maps)
