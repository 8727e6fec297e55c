"""The layer of a network that feature-based saliency methods read, found without knowing the architecture."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from shapebias.errors import ShapebiasError
from shapebias.networks.features import Features

__all__ = ["last_grid"]

_MOST_PREFIX_TOKENS = 8  # class, distillation and register tokens
_USUAL_SIDE = 224
_COLLECTING = ("BmmBackward", "ScaledDotProduct")  # operations that collect rows of their other factors


@torch.enable_grad()
def last_grid(network: nn.Module, size: tuple[int, int] | None) -> Features | None:
    """Find the last module whose output is a grid of image positions on which all logits depend.

    The output meets three conditions.  No path leads from the pixels to the logits around it, as one does around each
    branch of a residual block.  The logits have a gradient at the patches; in a vision transformer they have none after
    the last attention, which reads only the class token.  Each token belongs to a position of the image, unlike the
    latents of a Perceiver.  The result is the last stage of a convolutional network, and the hidden state before the
    last layer of a vision transformer, or after it if the network averages the patches.

    The network runs once, on a square image of noise, and is not changed.

    Args:
        network: normalised pixels in, logits out; in eval mode.
        size: (H, W) of the images that it takes; None tries 224 pixels.

    Returns:
        The layer; None where the network has no such module, classifies from latents, or takes images that are not
        square.

    Raises:
        ShapebiasError: the network does not take images of that size.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> last_grid(network, (32, 32)).module is network[1]
    True
    """
    height, width = size or (_USUAL_SIDE, _USUAL_SIDE)
    outputs, logits = _traced(network, height, width)
    if height != width:
        return None
    answer = (logits * torch.linspace(-1, 1, logits.shape[1], device=logits.device)).sum()
    gradients = torch.autograd.grad(answer, [output for _, output in outputs], allow_unused=True)
    runs = Counter(id(module) for module, _ in outputs)
    for (module, output), gradient in reversed(list(zip(outputs, gradients, strict=True))):
        if gradient is None or runs[id(module)] > 1:
            continue
        if _is_latents(output) and not _reaches_pixels(answer, around=output):
            return None
        features = _as_grid(module, output)
        if features is None:
            continue
        patches = gradient[:, features.prefix_tokens :] if features.layout == "NLC" else gradient
        if patches.any() and not _reaches_pixels(answer, around=output):
            return features
    return None


def _traced(network: nn.Module, height: int, width: int) -> tuple[list[tuple[nn.Module, Tensor]], Tensor]:
    """Return the output of each module for an image of noise, in the order of the calls, and the logits.

    The pixels are the only leaf of the graph.
    """
    outputs: list[tuple[nn.Module, Tensor]] = []

    def keep(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.grad_fn is not None:
            outputs.append((module, output))

    hooks = [module.register_forward_hook(keep) for module in network.modules()]
    needed = [parameter for parameter in network.parameters() if parameter.requires_grad]
    device = next(network.parameters()).device
    pixels = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    try:
        network.requires_grad_(requires_grad=False)
        with torch.enable_grad():
            logits: Tensor = network(pixels)
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise ShapebiasError(
            f"{type(network).__name__} does not take images of {height} x {width} pixels: {error}; leave input_size "
            "out, or give one that it takes"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
        for parameter in needed:
            parameter.requires_grad_()
    return outputs, logits


def _as_grid(module: nn.Module, output: Tensor) -> Features | None:
    """Describe an output by its shape if a square image can have such a grid of at least 2 x 2 positions."""
    match tuple(output.shape):
        case (_, _, rows, columns) if rows == columns > 1:
            return Features(module, "NCHW")
        case (_, rows, columns, channels) if rows == columns > 1 and channels > 1:
            return Features(module, "NHWC")
        case (_, tokens, channels) if channels > 1:
            side = math.isqrt(tokens)
            if side > 1 and tokens - side**2 <= _MOST_PREFIX_TOKENS:
                return Features(module, "NLC", tokens - side**2)
    return None


def _is_latents(output: Tensor) -> bool:
    """Return whether tokens (N, L, C) have no position in the image, as those of learned queries.

    Attention returns one token for each query, so a token has a position if its query has one, or if a residual path
    leads around the attention.
    """
    return output.ndim == 3 and output.shape[1] > 1 and not _reaches_pixels(output, queries_only=True)


def _reaches_pixels(end: Tensor, *, around: Tensor | None = None, queries_only: bool = False) -> bool:
    """Return whether a path of the graph leads from a tensor back to the pixels, its only leaf.

    Args:
        end: where the path begins.
        around: a tensor that the path must not contain.
        queries_only: follow only the first factor of batched matrix products, whose rows are those of the product, and
            only the queries of fused attention, not its keys and values.
    """
    seen: set[Any] = {None} if around is None else {None, around.grad_fn}
    ahead: list[Any] = [end.grad_fn]
    while ahead:
        node = ahead.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            return True
        earlier = [function for function, _ in node.next_functions]
        ahead += earlier[:1] if queries_only and node.name().startswith(_COLLECTING) else earlier
    return False
