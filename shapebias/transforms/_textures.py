"""Synthetic textures: coloured noise, each with its own grain and direction, to use without photographs of textures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["COUNT", "draw_texture"]

COUNT = 64
_SIDE = 256


def draw_texture(index: int) -> Image.Image:
    """Draw one of the ``COUNT`` textures, 256 x 256 pixels.

    A texture is noise with random phases whose amplitudes are a Gaussian bump around one frequency: in one direction,
    which gives stripes, waves and grain, or in all directions, which gives blotches and labyrinths.  The noise, with
    random contrast, is mapped to a scale of three random colours.

    Source: Lagae et al. 2009, Procedural noise using sparse Gabor convolution, for the spectrum.

    >>> draw_texture(0).size
    (256, 256)
    """
    random = np.random.Generator(np.random.Philox(key=[0, index]))
    amplitudes = _bump(random)
    steepness, colours = 2 ** random.uniform(0, 4), random.random((3, 3))
    phases = np.exp(2j * np.pi * random.random(amplitudes.shape))
    noise = np.fft.irfft2(amplitudes * phases, s=(_SIDE, _SIDE))
    tone = np.tanh(steepness * noise / noise.std())
    pixels = np.stack([np.interp(tone, [-1, 0, 1], channel) for channel in colours.T], axis=-1)
    return Image.fromarray(np.rint(255 * pixels).astype(np.uint8))


def _bump(random: np.random.Generator) -> NDArray[np.float64]:
    """Return the amplitudes of the frequencies of numpy's ``rfft2``; the mean has none."""
    frequency, width = 2 ** random.uniform(2, 5), 2 ** random.uniform(-2, 1)  # cycles per side; share of the frequency
    angle, every_direction = random.uniform(0, math.pi), random.random() < 1 / 3
    y, x = np.fft.fftfreq(_SIDE, 1 / _SIDE)[:, None], np.fft.rfftfreq(_SIDE, 1 / _SIDE)
    if every_direction:
        distance = np.hypot(x, y) - frequency
    else:
        to_x, to_y = frequency * math.cos(angle), frequency * math.sin(angle)
        distance = np.minimum(np.hypot(x - to_x, y - to_y), np.hypot(x + to_x, y + to_y))
    amplitudes: NDArray[np.float64] = np.exp(-((distance / (width * frequency)) ** 2))
    amplitudes[0, 0] = 0
    return amplitudes
