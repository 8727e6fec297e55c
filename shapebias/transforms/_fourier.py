"""What the transforms in the Fourier domain share: how frequencies are counted, and filtering."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["filtered", "spectrum", "squared_frequency"]


def squared_frequency(images: Tensor) -> Tensor:
    """Return the squared frequency of each coefficient of ``torch.fft.rfft2``, in (cycles per image)^2.

    Frequencies are counted along the shorter side, so that circles are circles in images that are not square, too.  On
    square images the squares are whole numbers and exact in float32, and so is the edge of a mask.

    Args:
        images: (..., H, W).

    Returns:
        (H, W // 2 + 1), 0 at the mean.

    >>> squared_frequency(torch.zeros(3, 4))
    tensor([[0.0000, 0.5625, 2.2500],
            [1.0000, 1.5625, 3.2500],
            [1.0000, 1.5625, 3.2500]])
    """
    height, width = images.shape[-2:]
    short = min(height, width)
    # Whole numbers before scaling: fftfreq rounds.
    rows = torch.fft.fftfreq(height, 1 / height, device=images.device).round() * (short / height)
    columns = torch.fft.rfftfreq(width, 1 / width, device=images.device).round() * (short / width)
    squared: Tensor = rows[:, None].square() + columns.square()
    return squared


def spectrum(images: Tensor) -> Tensor:
    """Return the spectrum of real images, (..., H, W // 2 + 1).

    Torch before 2.7 cannot transform expanded tensors on a CPU, such as three channels that share one memory.
    """
    result: Tensor = torch.fft.rfft2(images.contiguous())
    return result


def filtered(images: Tensor, gain: Tensor) -> Tensor:
    """Multiply the spectrum of real images by a gain, which depends only on the frequency and so keeps them real.

    Args:
        images: (..., H, W).
        gain: (H, W // 2 + 1), real or bool.

    Returns:
        (..., H, W), not clipped.
    """
    result: Tensor = torch.fft.irfft2(spectrum(images) * gain, s=images.shape[-2:])
    return result
