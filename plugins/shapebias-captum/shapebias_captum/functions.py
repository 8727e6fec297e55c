"""Functions that a network calls outside of its layers, which Captum's hooks on modules do not see."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from shapebias.plugin import Classifier

__all__ = ["NONLINEAR", "WITHOUT_RULE", "called_outside_layers"]

# DeepLift has rules for these as modules, and treats them as linear if they are called as functions.
NONLINEAR = frozenset(
    [
        "relu",
        "relu_",
        "relu6",
        "hardtanh",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "softplus",
        "sigmoid",
        "tanh",
        "softmax",
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "clamp",
        "clamp_",
        "clamp_min",
        "clamp_max",
    ]
)
# LRP would pass relevance through these by the plain gradient, which does not conserve it.
WITHOUT_RULE = frozenset(
    [
        "add",
        "__add__",
        "__iadd__",
        "add_",
        "mul",
        "__mul__",
        "__imul__",
        "mul_",
        "matmul",
        "__matmul__",
        "bmm",
        "cat",
        "stack",
        "conv2d",
        "linear",
        "batch_norm",
        "layer_norm",
        "group_norm",
        "avg_pool2d",
        "adaptive_avg_pool2d",
        "max_pool2d",
        "interpolate",
        "mean",
        "sum",
        "softmax",
        "scaled_dot_product_attention",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
    ]
)


class _Calls(TorchFunctionMode):
    """Collect the names of functions that are called while no layer runs."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.names: set[str] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if self.depth == 0:
            self.names.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def called_outside_layers(model: Classifier, images: Tensor, names: Collection[str]) -> list[str]:
    """List which of the named functions the network calls outside of its layers (modules without children).

    Args:
        model: the classifier.
        images: (N, 3, H, W); only the first is used.
        names: names of functions and methods of torch.
    """
    calls, network = _Calls(), model.module

    def enter(_module: nn.Module, _inputs: object) -> None:
        calls.depth += 1

    def leave(_module: nn.Module, _inputs: object, _output: object) -> None:
        calls.depth -= 1

    layers = [module for module in network.modules() if module is not network and not list(module.children())]
    hooks = [
        network.register_forward_pre_hook(lambda _module, _inputs: calls.names.clear()),  # drop those of normalisation
        *(layer.register_forward_pre_hook(enter) for layer in layers),
        *(layer.register_forward_hook(leave) for layer in layers),
    ]
    try:
        with torch.no_grad(), calls:
            model.logits(images[:1])
    finally:
        for hook in hooks:
            hook.remove()
    return sorted(calls.names & set(names))
