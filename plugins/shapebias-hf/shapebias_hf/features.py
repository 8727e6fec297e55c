"""The layer of a network that feature-based saliency methods read, found without knowing the architecture."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from shapebias.plugin import Features, ShapebiasError

__all__ = ["last_grid"]

_MOST_PREFIX_TOKENS = 8  # class, distillation and register tokens
_USUAL_SIDE = 224


def last_grid(network: nn.Module, size: tuple[int, int] | None) -> Features | None:
    """Find the last module whose output is a grid that the whole answer, and each part of it, goes through.

    Whole: no way leads from the pixels to the logits past this output, as one does past every branch of a residual
    block.  Each part: the answer has a gradient in the patches, which those of a vision transformer lose after the last
    attention, where it reads the class token alone.  So a convolutional network gives its last stage, and a vision
    transformer the hidden state before its last layer, or after it where it averages the patches.

    The network is tried on one square image of noise, and left as it was.

    Args:
        network: normalised pixels in, logits out; in eval mode.
        size: of the images that it takes; None tries 224 pixels.

    Returns:
        None where the network has no such module, or takes images that are not square.

    Raises:
        ShapebiasError: the network does not take images of that size.
    """
    height, width = size or (_USUAL_SIDE, _USUAL_SIDE)
    outputs: list[tuple[nn.Module, Tensor]] = []

    def keep(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.grad_fn is not None:
            outputs.append((module, output))

    hooks = [module.register_forward_hook(keep) for module in network.modules()]
    needed = [parameter for parameter in network.parameters() if parameter.requires_grad]
    device = next(network.parameters()).device
    pixels = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    try:
        network.requires_grad_(requires_grad=False)  # so that the pixels are the only beginning of the graph
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
    if height != width:
        return None
    answer = (logits * torch.linspace(-1, 1, logits.shape[1], device=device)).sum()
    gradients = torch.autograd.grad(answer, [output for _, output in outputs], allow_unused=True)
    runs = Counter(id(module) for module, _ in outputs)
    for (module, output), gradient in reversed(list(zip(outputs, gradients, strict=True))):
        features = _as_grid(module, output)
        if features is None or gradient is None or runs[id(module)] > 1:
            continue
        patches = gradient[:, features.prefix_tokens :] if features.layout == "NLC" else gradient
        if patches.any() and not _leads_past(output, answer):
            return features
    return None


def _as_grid(module: nn.Module, output: Tensor) -> Features | None:
    """Describe an output by its shape, if a square image can have such a grid.  One place alone is no grid."""
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


def _leads_past(output: Tensor, answer: Tensor) -> bool:
    """Say whether a way leads through the graph from the answer to the pixels that does not touch the output."""
    seen: set[Any] = {output.grad_fn, None}
    ahead: list[Any] = [answer.grad_fn]
    while ahead:
        node = ahead.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # a leaf, and the pixels are the only one
            return True
        ahead += [earlier for earlier, _ in node.next_functions]
    return False
