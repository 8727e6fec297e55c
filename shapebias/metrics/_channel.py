"""The spatial-frequency channel of a classifier: noise thresholds by band, and the Gaussian fitted to them.

Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial robustness", section 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANDS", "STRENGTHS", "channel", "fit", "thresholds"]

STRENGTHS = (0.16, 0.08, 0.04, 0.02, 0.0)
"""Standard deviations of the noise, strongest first: a threshold is an index into them."""

BANDS = 7
_STEPS = len(STRENGTHS) - 1
_CENTRES, _WIDTHS = (-4.0, 10.0), (0.1, 20.0)  # the range of mu, and of sigma
_GRID, _FINE, _ROUNDS = 71, 9, 3
_BLOCK = 256  # rows on the grid at a time: bounds the memory, changes no number


def thresholds(correct: NDArray[np.int64], shown: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the steps down from the strongest noise until accuracy exceeds 1/2; 4 if it never does.

    Args:
        correct, shown: (..., 5, 7) images answered correctly, and all images, by strength and band.

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

    The best A follows from mu and sigma.  The search for these two starts at the best point of a grid, to avoid local
    minima, and then follows the valley of the errors, which is long and bent if few bands are above 0.

    Args:
        steps: (R, 7) thresholds by band k.

    Returns:
        (R, 3): A, mu and sigma; NaN if the best mu or sigma is outside the range that is searched: then the thresholds
        have no peak, or no width.

    >>> fit(np.exp(-(np.arange(7) ** 2) / (2 * 0.5**2))[None]).round(6) + 0  # a peak in the first band
    array([[1. , 0. , 0.5]])
    """
    different, inverse = np.unique(steps, axis=0, return_inverse=True)
    rows = different.astype(np.float64)
    starts = np.concatenate([_best_on_grid(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)])
    found = np.stack([_refined(row, start) for row, start in zip(rows, starts, strict=True)])
    result: NDArray[np.float64] = found[inverse.reshape(-1)]
    return result


def _best_on_grid(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mu and log sigma with the smallest error, (R, 2), on a grid that becomes finer around its best point."""
    ends = np.log(_WIDTHS)
    middle = np.tile([np.mean(_CENTRES), np.mean(ends)], (len(steps), 1))
    reach = np.array([np.ptp(_CENTRES) / 2, np.ptp(ends) / 2])
    for size in [_GRID] + [_FINE] * _ROUNDS:
        offsets = np.linspace(-1, 1, size)
        grid = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 2) * reach
        # In the first round all rows have one grid.
        points = middle[:1, None] + grid if size == _GRID else middle[:, None] + grid
        best = _errors(steps, points).argmin(axis=1)
        middle = points[0, best] if size == _GRID else points[np.arange(len(steps)), best]
        reach = reach * 4 / (size - 1)  # two steps of the grid: the valley of the errors is not straight
    return middle


def _refined(steps: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return A, mu and sigma with the smallest error, (3,), starting at mu and log sigma; NaN outside their range."""
    from scipy.optimize import least_squares

    def residuals(point: NDArray[np.float64]) -> NDArray[np.float64]:
        curve = _curve(point)
        return _amplitude(curve @ steps, (curve**2).sum()) * curve - steps

    if _inside(start):
        start = least_squares(residuals, start, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    curve = _curve(start)
    amplitude = float(_amplitude(curve @ steps, (curve**2).sum()))
    if not _inside(start) or amplitude == 0:
        return np.full(3, np.nan)
    return np.array([amplitude, start[0], np.exp(start[1])])


def _inside(point: NDArray[np.float64]) -> bool:
    low, high = np.log(_WIDTHS)
    return bool(_CENTRES[0] < point[0] < _CENTRES[1] and low + 1e-6 < point[1] < high - 1e-6)


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a Gaussian of height 1 in each band, (..., 7), for (..., 2) mu and log sigma."""
    mu, sigma = points[..., 0, None], np.exp(points[..., 1, None])
    curve: NDArray[np.float64] = np.exp(-((np.arange(BANDS) - mu) ** 2) / (2 * sigma**2))
    return curve


def _amplitude(product: NDArray[np.float64], squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the best A for the products of curve and thresholds, and of the curve with itself."""
    return np.clip(product / np.maximum(squared, 1e-300), 0, _STEPS)


def _errors(steps: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the summed squared error of the best A minus that of A = 0, at each point, (R, P)."""
    curve = _curve(points)  # 1 or R, P, bands
    product = np.einsum("rk,rpk->rp", steps, np.broadcast_to(curve, (len(steps), *curve.shape[1:])))
    squared = (curve**2).sum(axis=-1)
    amplitude = _amplitude(product, squared)
    errors: NDArray[np.float64] = amplitude**2 * squared - 2 * amplitude * product
    return errors


def channel(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return bandwidth in octaves, centre in cycles per image of 224 pixels, and sensitivity, (R, 3), for (R, 7).

    >>> channel(np.array([[0, 0, 2, 2, 3, 4, 2]])).round(3)  # ResNet-50, as published
    array([[ 3.988, 39.422,  0.71 ]])
    """
    amplitude, mu, sigma = fit(steps).T
    return np.stack([2 * np.sqrt(np.log(4)) * sigma, 1.75 * 2**mu, 2 ** (amplitude - _STEPS)], axis=1)
