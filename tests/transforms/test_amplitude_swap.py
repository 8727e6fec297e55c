"""Amplitudes of one picture and phases of another, against numpy's transform of the whole plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import shapebias
from shapebias.images.decoded import DecodedImages
from shapebias.transforms.amplitude_swap import AmplitudeSwap


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([0, 0.25, 1]))
def test_every_pixel_follows_the_formula(height, width, strength):
    images, partner = torch.rand(2, 3, height, width), torch.rand(2, 3, height, width)
    own, other = (np.fft.fft2(one.double().numpy()) for one in (images, partner))
    amplitude = (1 - strength) * np.abs(own) + strength * np.abs(other)
    wanted = np.fft.ifft2(amplitude * np.exp(1j * np.angle(own)))
    assert np.abs(wanted.imag).max() < 1e-6
    result = AmplitudeSwap(strength)(images, None, partner=partner)
    assert np.abs(result.numpy() - wanted.real.clip(0, 1)).max() < 1e-4


def test_the_mean_is_the_partner_s():
    images, partner = 0.4 + 0.01 * torch.rand(1, 3, 16, 16), 0.6 + 0.01 * torch.rand(1, 3, 16, 16)
    result = AmplitudeSwap()(images, None, partner=partner)
    assert torch.allclose(result.mean((-2, -1)), partner.mean((-2, -1)), atol=1e-6)


def test_a_flat_picture_has_no_phase_to_give():
    flat, partner = torch.full((1, 3, 8, 8), 0.25), torch.rand(1, 3, 8, 8)
    means = partner.mean((-2, -1), keepdim=True).expand_as(partner)
    assert torch.allclose(AmplitudeSwap()(flat, None, partner=partner), means, atol=1e-6)


def test_rounding_gives_no_phase_to_frequencies_that_are_not_there():
    """Stripes have no frequency along themselves, so neither has the result, whatever the partner."""
    stripes, partner = torch.rand(4, 3, 1, 33).expand(4, 3, 31, 33), torch.rand(4, 3, 31, 33)
    assert AmplitudeSwap()(stripes, None, partner=partner).std(dim=2).max() < 1e-5


def test_an_edge_stays_where_it_is():
    """Phase keeps contours: the largest step of the result is that of the picture, not that of the partner."""
    step = torch.full((1, 3, 32, 32), 0.4)
    step[..., 8:24] = 0.6
    noise = torch.rand(1, 3, 32, 32)
    result = AmplitudeSwap()(step, None, partner=noise)
    correlation = np.corrcoef(result.ravel(), step.ravel())[0, 1]
    assert correlation > 3 * abs(np.corrcoef(result.ravel(), noise.ravel())[0, 1])


def test_in_a_study_the_partner_is_another_image_of_the_data_set(tmp_path):
    dataset = "stimuli:images=5,size=16"
    study = shapebias.Study(dataset, "cnn:num_classes=8,width=4,depth=2", "amplitude-swap", keep_images=True)
    shown = shapebias.run(study, tmp_path / "run.h5").images()
    pictures = DecodedImages(study.datasets[0].settings, range(5)).take(range(5), torch.device("cpu")).images
    for position, image in enumerate(shown):
        partners = [row for row in range(5) if row != position]
        results = [AmplitudeSwap()(pictures[[position]], None, partner=pictures[[row]])[0] for row in partners]
        assert min(np.abs(result.numpy() - image).max() for result in results) == pytest.approx(0, abs=1e-4)
