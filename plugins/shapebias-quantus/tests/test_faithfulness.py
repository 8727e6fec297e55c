"""Probes that take pixels away: exact attributions, plain loops, the built-in probe, and Quantus called by hand."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import quantus
import torch
from scipy import stats
from shapebias_quantus.adapter import MaskedInputModel
from shapebias_quantus.correlation import FaithfulnessCorrelation, FaithfulnessEstimate, MonotonicityCorrelation
from shapebias_quantus.removal import Infidelity, PixelFlipping, RegionPerturbation
from torch import nn

from shapebias.plugin import Classifier, ImageRandom, ShapebiasError, default_catalog

IDS = ["ant.png", "bee.png", "cat.png"]
TARGETS = torch.tensor([0, 2, 1])


def classifier(network):
    return Classifier(network.eval().requires_grad_(requires_grad=False), (0.0,) * 3, (1.0,) * 3, chunk=2)


@pytest.fixture(scope="module")
def linear():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 12, 4)))


@pytest.fixture(scope="module")
def curved():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 6 * 10, 4)
    return classifier(nn.Sequential(*layers))


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 8, 12, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def maps():
    return torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def shares(linear, images):
    """What each pixel adds to the logit: weight x pixel, exact for a linear network on black."""
    return (linear.module[1].weight[TARGETS].view(3, 3, 8, 12) * images).sum(dim=1)


def rng(name="x"):
    return ImageRandom.for_images(0, name, 0, IDS)


def logits(model, images):
    return model(images).gather(1, TARGETS[: len(images), None])[:, 0]


@pytest.mark.parametrize(
    "probe",
    [
        FaithfulnessCorrelation(runs=30, baseline="zero", objective="logit"),
        FaithfulnessEstimate(steps=12, baseline="zero", objective="logit"),
    ],
)
def test_exact_shares_of_a_linear_network_correlate_perfectly(linear, images, shares, probe):
    found = probe(linear, images, TARGETS, shares, rng())["correlation"]
    np.testing.assert_allclose(found, 1, atol=1e-4)
    np.testing.assert_allclose(probe(linear, images, TARGETS, -shares, rng())["correlation"], -1, atol=1e-4)
    noise = torch.randn(3, 8, 12, generator=torch.Generator().manual_seed(3))
    assert (probe(linear, images, TARGETS, noise, rng())["correlation"].abs() < 0.7).all()


def test_exact_shares_have_no_infidelity(linear, images, shares):
    probe = Infidelity(patch=2, objective="logit")
    assert probe(linear, images, TARGETS, shares, rng())["infidelity"].max() < 1e-9
    black = torch.zeros_like(images)
    kept = images.clone()
    losses = []
    for top in range(0, 8, 2):
        for left in range(0, 12, 2):
            kept[..., top : top + 2, left : left + 2] = 0
            losses.append(logits(linear, images) - logits(linear, kept))
    assert torch.equal(kept, black)
    # A map of zeros adds up to nothing, so all that is lost is missed.
    nothing = probe(linear, images, TARGETS, torch.zeros_like(shares), rng())["infidelity"]
    torch.testing.assert_close(nothing, torch.stack(losses).square().mean(dim=0))


def test_the_monotonicity_correlation_is_a_loop_over_groups(curved, images, maps):
    found = MonotonicityCorrelation(steps=12, baseline="zero", objective="logit")(curved, images, TARGETS, maps, rng())
    for row in range(3):
        order = maps[row].abs().flatten().argsort().view(12, 8)
        whole, changes = logits(curved, images)[row], []
        for group in order:
            without = images[row].flatten(1).clone()
            without[:, group] = 0
            changes.append((curved(without.view(1, 3, 8, 12))[0, TARGETS[row]] - whole) ** 2)
        sums = maps[row].abs().flatten()[order].sum(dim=1)
        expected = stats.spearmanr(sums, torch.stack(changes)).statistic
        assert found["correlation"][row].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("baseline", ["mean", "blur"])
def test_pixel_flipping_is_the_built_in_deletion(curved, images, maps, baseline):
    found = PixelFlipping(steps=16, baseline=baseline)(curved, images, TARGETS, maps, rng())
    deletion = default_catalog().component("probe", f"deletion:steps=16,baseline={baseline}").settings
    expected = deletion(curved, images, TARGETS, maps, None)["curve"][:, 1:]  # Quantus leaves the whole picture out
    torch.testing.assert_close(found["curve"], expected)
    area = (expected[:, :-1] + expected[:, 1:]).mean(dim=1) / 2
    torch.testing.assert_close(found["auc"], area)


def test_steps_that_do_not_divide_the_pixels_still_empty_the_picture(curved, images, maps):
    curve = PixelFlipping(steps=7, baseline="zero", objective="logit")(curved, images, TARGETS, maps, rng())["curve"]
    assert curve.shape == (3, 7)
    torch.testing.assert_close(curve[:, -1], logits(curved, torch.zeros_like(images)))


@pytest.mark.parametrize("order", ["morf", "lerf"])
def test_region_perturbation_is_a_loop_over_patches(curved, images, maps, order):
    probe = RegionPerturbation(patch=4, patches=4, order=order, baseline="zero")
    found = probe(curved, images, TARGETS, maps, rng())
    sums = nn.functional.avg_pool2d(maps[:, None], 4).flatten(1)
    for row in range(3):
        kept, falls = images[[row]].clone(), []
        whole = curved(kept).softmax(dim=1)[0, TARGETS[row]]
        for patch in sums[row].argsort(descending=order == "morf")[:4]:
            top, left = divmod(int(patch), 3)
            kept[..., 4 * top : 4 * top + 4, 4 * left : 4 * left + 4] = 0
            falls.append(whole - curved(kept).softmax(dim=1)[0, TARGETS[row]])
        torch.testing.assert_close(found["curve"][row], torch.stack(falls))
        torch.testing.assert_close(found["aopc"][row], torch.stack([torch.tensor(0.0), *falls]).mean())


def test_patches_at_the_border_may_be_smaller_but_for_infidelity(curved, images, maps):
    probe = RegionPerturbation(patch=5, baseline="zero", objective="logit")
    curve = probe(curved, images, TARGETS, maps, rng())["curve"]
    fall = logits(curved, images) - logits(curved, torch.zeros_like(images))
    torch.testing.assert_close(curve[:, -1], fall)
    with pytest.raises(ShapebiasError, match=r"patches of 5 pixels do not fill an image of 8 x 12; give patch"):
        Infidelity(patch=5)(curved, images, TARGETS, maps, rng())


class OfOneChannel(nn.Module):
    """A network of grey pictures, where pixels and Quantus's features are the same."""

    def __init__(self):
        super().__init__()
        self.of_grey = nn.Sequential(nn.Flatten(), nn.Linear(96, 16), nn.Tanh(), nn.Linear(16, 4))

    def forward(self, pixels):
        return self.of_grey(pixels[:, :1])


def test_quantus_called_by_hand_on_grey_pictures_gives_the_same(images, maps):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = OfOneChannel().eval()
    metrics = {
        FaithfulnessEstimate(steps=12, baseline="zero", objective="probability"): quantus.FaithfulnessEstimate,
        PixelFlipping(steps=12, baseline="zero"): quantus.PixelFlipping,
    }
    for probe, metric in metrics.items():
        found = probe(classifier(network), images, TARGETS, maps, rng())
        by_hand = metric(features_in_step=8, perturb_baseline=0.0, normalise=False, disable_warnings=True)(
            network.of_grey,
            images[:, :1].numpy(),
            TARGETS.numpy(),
            maps[:, None].numpy(),
            softmax=True,
            channel_first=True,
        )
        np.testing.assert_allclose(next(iter(found.values())), by_hand, atol=1e-5)


def test_what_has_no_correlation_is_nan_for_that_image_alone(curved, images, maps):
    flat = maps.clone()
    flat[1] = 1
    for probe in (FaithfulnessCorrelation(runs=5), FaithfulnessEstimate(steps=8), MonotonicityCorrelation(steps=8)):
        found = probe(curved, images, TARGETS, flat, rng())["correlation"]
        assert found.isnan().tolist() == [False, True, False]


def test_no_warning_reaches_the_user(curved, images, recwarn, capsys):
    for probe in (FaithfulnessCorrelation(runs=5), PixelFlipping(steps=4), FaithfulnessEstimate(steps=8)):
        probe(curved, images, TARGETS, torch.zeros(3, 8, 12), rng())
    assert [str(each.message) for each in recwarn] == []
    assert capsys.readouterr() == ("", "")


def test_nothing_keeps_the_images_alive(curved, maps):
    pixels = torch.rand(3, 3, 8, 12)
    known = weakref.ref(pixels)
    PixelFlipping(steps=4)(curved, pixels, TARGETS, maps, rng())
    del pixels
    gc.collect()
    assert known() is None


def test_all_pixels_present_is_the_picture_bit_for_bit(curved, images):
    model = MaskedInputModel(curved, images, torch.rand_like(images), TARGETS, "logit")
    assert torch.equal(torch.from_numpy(model.predict(np.ones((3, 1, 8, 12)))).float()[:, 0], logits(curved, images))
