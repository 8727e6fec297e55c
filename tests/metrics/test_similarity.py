"""Similarity of maps against scipy and scikit-image, map by map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from skimage.metrics import structural_similarity

from shapebias.metrics import _similarity
from shapebias.metrics._similarity import ComparedMaps


def spearman(first, second):
    return _similarity.spearman(ComparedMaps(first), ComparedMaps(second))


def ssim(first, second):
    return _similarity.ssim(ComparedMaps(first), ComparedMaps(second))


def overlap(first, second, share):
    return _similarity.overlap(ComparedMaps(first, share), ComparedMaps(second, share))


def pair(seed, n=3, height=20, width=17, levels=50):
    """Two maps with ties that have something in common."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, levels, (n, height, width))
    return first.astype(np.float32), (first + rng.integers(0, levels, first.shape)).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([2, 5, 1000]))
def test_spearman_is_scipys(seed, levels):
    first, second = pair(seed, levels=levels)
    expected = [stats.spearmanr(one.ravel(), other.ravel()).statistic for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(spearman(first, second), expected, atol=1e-12)


def test_a_constant_map_ranks_nothing():
    assert np.isnan(spearman(np.ones((1, 4, 4)), np.arange(16.0).reshape(1, 4, 4))).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_ssim_is_that_of_scikit_image(seed):
    first, second = pair(seed)
    expected = [
        structural_similarity(
            (one / one.max()).astype(np.float64),
            (other / other.max()).astype(np.float64),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for one, other in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(ssim(first, second), expected, atol=1e-9)


def test_a_map_is_like_itself_at_any_scale_and_small_maps_can_be_compared():
    first, _ = pair(0, height=6, width=6)
    for measure in (spearman, ssim):
        np.testing.assert_allclose(measure(first, 7 * first), 1)
    np.testing.assert_allclose(ssim(np.zeros((1, 12, 12)), np.zeros((1, 12, 12))), 1)


def test_overlap_by_hand_and_in_a_loop():
    first = np.array([[[9, 8], [1, 2]]])
    second = np.array([[[1, 8], [9, 2]]])
    assert overlap(first, second, 0.5).tolist() == [0.5]
    one, other = pair(3)
    for share in (0.01, 0.1, 1):
        count = round(share * 340)
        expected = []
        for a, b in zip(one, other, strict=True):
            best = [
                set(sorted(range(340), key=lambda position, of=each: -of.ravel()[position])[:count]) for each in (a, b)
            ]
            expected.append(len(best[0] & best[1]) / count)
        assert overlap(one, other, share).tolist() == pytest.approx(expected)
