"""The channel of spatial frequencies through which a classifier recognises objects: thresholds of noise and their fit.

Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial robustness", section 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANDS", "STRENGTHS", "channel", "fit", "thresholds"]

STRENGTHS = (0.16, 0.08, 0.04, 0.02, 0.0)
"""Standard deviations of the noise, strongest first: the order in which a threshold is looked for."""

BANDS = 7
_STEPS = len(STRENGTHS) - 1
_PLACES, _WIDTHS = (-4.0, 10.0), (0.1, 20.0)  # where the fit looks for mu, and for sigma
_GRID, _FINE, _ROUNDS = 71, 9, 18
_BLOCK = 256  # rows fitted at a time: bounds the memory, changes no number


def thresholds(correct: NDArray[np.int64], shown: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the steps down from the strongest noise until accuracy exceeds 1/2; 4 also where it never does.

    Args:
        correct, shown: (..., 5, 7) images answered right, and all images, by strength and band.

    Returns:
        (..., 7).

    >>> shown = np.full((5, 7), 10)
    >>> correct = np.tile([[0], [2], [6], [5], [9]], 7)
    >>> thresholds(correct, shown)
    array([2, 2, 2, 2, 2, 2, 2])
    """
    above = 2 * correct > shown
    return np.where(above.any(axis=-2), above.argmax(axis=-2), _STEPS)


def fit(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Fit A exp(-(k - mu)^2 / 2 sigma^2) with 0 <= A <= 4 to thresholds, by least squares.

    A follows from mu and sigma; these are looked for on a grid that is made finer around its best point, so that the
    fit depends on no starting point.

    Args:
        steps: (R, 7) thresholds by band k.

    Returns:
        (R, 3): A, mu and sigma; NaN where the best mu or sigma lies at the end of where it is looked for, so that the
        thresholds have no peak, or no width.
    """
    different, inverse = np.unique(steps, axis=0, return_inverse=True)
    starts = range(0, len(different), _BLOCK)
    found = [_fit(different[start : start + _BLOCK].astype(np.float64)) for start in starts]
    result: NDArray[np.float64] = np.concatenate(found)[inverse.reshape(-1)]
    return result


def _fit(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    ends = np.log(_WIDTHS)
    middle = np.tile([np.mean(_PLACES), np.mean(ends)], (len(steps), 1))  # mu and log sigma
    reach = np.array([np.ptp(_PLACES) / 2, np.ptp(ends) / 2])
    for size in [_GRID] + [_FINE] * _ROUNDS:
        offsets = np.linspace(-1, 1, size)
        grid = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 2) * reach
        # In the first round all rows have one grid.
        points = middle[:1, None] + grid if size == _GRID else middle[:, None] + grid
        amplitude, errors = _errors(steps, points)
        best = errors.argmin(axis=1)
        rows = np.arange(len(steps))
        middle = points[0, best] if size == _GRID else points[rows, best]
        fitted = amplitude[rows, best]
        reach = reach * 4 / (size - 1)  # two steps of the grid: the valley of the errors is not straight
    mu, log_sigma = middle.T
    inside = (mu > _PLACES[0]) & (mu < _PLACES[1]) & (log_sigma > ends[0] + 1e-6) & (log_sigma < ends[1] - 1e-6)
    result = np.stack([fitted, mu, np.exp(log_sigma)], axis=1)
    return np.where((inside & (fitted > 0))[:, None], result, np.nan)


def _errors(steps: NDArray[np.float64], points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best A and the summed squared error, less that of A = 0, at each point, (R, P)."""
    mu, sigma = points[..., 0, None], np.exp(points[..., 1, None])
    curve = np.exp(-((np.arange(BANDS) - mu) ** 2) / (2 * sigma**2))  # 1 or R, P, bands
    product = np.einsum("rk,rpk->rp", steps, np.broadcast_to(curve, (len(steps), *curve.shape[1:])))
    squared = (curve**2).sum(axis=-1)
    amplitude = np.clip(product / np.maximum(squared, 1e-300), 0, _STEPS)
    return amplitude, amplitude**2 * squared - 2 * amplitude * product


def channel(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return bandwidth in octaves, centre in cycles per image of 224 pixels, and sensitivity, (R, 3), for (R, 7).

    >>> channel(np.array([[0, 0, 2, 2, 3, 4, 2]])).round(3)  # ResNet-50, as published
    array([[ 3.988, 39.422,  0.71 ]])
    """
    amplitude, mu, sigma = fit(steps).T
    return np.stack([2 * np.sqrt(np.log(4)) * sigma, 1.75 * 2**mu, 2 ** (amplitude - _STEPS)], axis=1)
