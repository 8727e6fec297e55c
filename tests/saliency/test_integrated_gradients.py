"""Integrated gradients against Captum, their axioms and a closed form."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from numpy.polynomial.legendre import leggauss
from torch import nn

from shapebias.networks.baselines import blank
from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import objective_values
from shapebias.saliency.integrated_gradients import IntegratedGradients


@pytest.mark.parametrize("baseline", ["zero", "mean"])
@pytest.mark.parametrize("steps", [1, 6, 50])
def test_agrees_with_captum(small, batch, baseline, steps):
    images, targets, _, _ = batch
    options = {"baselines": blank(small, images, baseline), "n_steps": steps, "return_convergence_delta": True}
    wanted, delta = captum.attr.IntegratedGradients(small).attribute(images, target=targets, **options)
    method = IntegratedGradients(steps=steps, baseline=baseline, objective="logit", reduce="signed-sum")
    found = method(small, images, targets, None)
    assert torch.allclose(found.maps, wanted.sum(dim=1), rtol=1e-4, atol=1e-7)
    assert torch.allclose(found.extras["completeness_error"], delta.double(), atol=1e-5)


@pytest.mark.parametrize("objective", ["cross-entropy", "logit", "log-prob"])  # the margin has kinks
def test_the_parts_add_up_to_the_difference(small, batch, objective):
    images, targets, _, _ = batch
    found = IntegratedGradients(steps=40, objective=objective, reduce="signed-sum")(small, images, targets, None)
    values = [objective_values(small, small(ends), targets, objective) for ends in (images, torch.zeros_like(images))]
    assert torch.allclose(found.extras["difference"], values[0] - values[1], atol=1e-6)
    assert torch.allclose(found.maps.sum(dim=(1, 2)), (values[0] - values[1]).double(), atol=1e-5)
    assert found.extras["completeness_error"].abs().max() < 1e-5


def test_the_error_is_what_the_parts_are_off_by(small, batch):
    """One step of a curved path misses; the error says by how much, whatever becomes of the channels."""
    images, targets, _, _ = batch
    signed = IntegratedGradients(steps=1, reduce="signed-sum")(small, images, targets, None)
    error = signed.extras["completeness_error"]
    assert torch.allclose(error, signed.maps.sum(dim=(1, 2)) - signed.extras["difference"], atol=1e-9)
    assert error.abs().min() > 1e-5
    assert torch.equal(IntegratedGradients(steps=1)(small, images, targets, None).extras["completeness_error"], error)


def test_the_weights_add_up_to_one():
    for steps in (1, 2, 50, 300):
        assert sum(leggauss(steps)[1]) / 2 == pytest.approx(1, abs=1e-12)


class Cubes(nn.Module):
    """Class 0 gets the sum of the cubes: of x^3 the integrated gradient from 0 is x^3."""

    def forward(self, images):
        scores = images.pow(3).sum(dim=(1, 2, 3))
        return torch.stack([scores, torch.zeros_like(scores)], dim=1)


@pytest.mark.parametrize("steps", [2, 3, 30])
def test_two_points_are_exact_for_cubes(steps):
    """Quadrature of n points is exact for polynomials of degree 2n - 1; the gradient has degree 2."""
    model = Classifier(Cubes(), mean=(0.0,) * 3, std=(1.0,) * 3)
    images = torch.rand(3, 3, 4, 5, dtype=torch.float64)
    method = IntegratedGradients(steps=steps, objective="logit", reduce="signed-sum")
    found = method(model, images, torch.zeros(3, dtype=torch.long), None)
    assert torch.allclose(found.maps, images.pow(3).sum(dim=1), atol=1e-6)


def test_pixels_of_the_baseline_get_nothing(small, batch):
    images, targets, _, _ = batch
    images[:, :, :2] = torch.tensor(small.mean).view(3, 1, 1)
    maps = IntegratedGradients(steps=4, baseline="mean")(small, images, targets, None).maps
    assert maps[:, :2].max() < 1e-7
    assert (maps[:, 2:] > 0).all()
