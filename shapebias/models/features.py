"""Find the output layout of the layer that feature-based saliency methods use."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shapebias.errors import SpellingError
from shapebias.networks.features import Features

__all__ = ["as_features"]


def as_features(
    network: nn.Module, layer: nn.Module | None, size: Sequence[int], prefix_tokens: int = 0
) -> Features | None:
    """Describe a layer by its output for one blank image, because no library states the layout of every layer.

    A layer has a square grid for a square image, so (N, C, G, G) is NCHW, (N, G, G, C) is NHWC, and (N, L, C) is NLC
    if the L tokens are a square number of patch tokens after some prefix tokens.  A single position is not a grid.

    Args:
        network: an image classifier; it is put into eval mode.
        layer: one of its modules, or None if the library names none.
        size: height and width of the images that it takes.
        prefix_tokens: tokens that the network declares before the patch tokens.  Some add them after this layer.

    Returns:
        None if the layer's output is not a grid, or the image is not square.

    Raises:
        SpellingError: the network does not take images of that size.
    """
    height, width = size
    if layer is None or height != width:
        return None
    outputs: list[object] = []
    device = next(network.parameters()).device
    hook = layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, height, width, device=device))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise SpellingError(
            f"{type(network).__name__} does not take an RGB image of {height} x {width} pixels: {error}; if the size "
            "is the reason, choose another input_size, or make it for this one with an option such as arg.img_size"
        ) from error
    finally:
        hook.remove()
        network.train().eval()  # some networks cache what they compute from their weights until the next training
    match outputs:
        case [Tensor(shape=(_, _, rows, columns))] if rows == columns > 1:
            return Features(layer, "NCHW")
        case [Tensor(shape=(_, rows, columns, _))] if rows == columns > 1:
            return Features(layer, "NHWC")
        case [Tensor(shape=(_, tokens, _))]:
            for prefix in (prefix_tokens, 0):
                if tokens - prefix > 1 and math.isqrt(tokens - prefix) ** 2 == tokens - prefix:
                    return Features(layer, "NLC", prefix)
    return None
