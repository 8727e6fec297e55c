"""ReLUs with the modified gradients of guided backpropagation and deconvolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from shapebias.errors import ShapebiasError

__all__ = ["ModifiedReLUs", "ReluRule"]

ReluRule: TypeAlias = Literal["guided", "deconvolution"]

_IN_PLACE = {torch.relu_, Tensor.relu_}
_RELU6 = {functional.relu6, functional.hardtanh}
_RELUS = {torch.relu, Tensor.relu, functional.relu, *_IN_PLACE, functional.relu6}


class ModifiedReLUs(TorchFunctionMode):
    """A context in which ReLUs pass gradients by another rule; the network is neither changed nor copied.

    ReLUs are intercepted where they call PyTorch: modules, functions and methods, in place or not, and ReLU6.  Other
    activations, ``clamp`` and TorchScript keep their own gradients.

    Args:
        rule: ``guided`` passes a gradient where it and the input are positive (Springenberg et al. 2015, section 3.4),
            ``deconvolution`` where it is positive, whatever the input was (Zeiler & Fergus 2014, section 2).

    >>> pixels = torch.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    >>> with ModifiedReLUs("deconvolution"):
    ...     (torch.tensor([1.0, 1.0, -1.0]) * torch.relu(pixels)).sum().backward()
    >>> pixels.grad
    tensor([1., 1., 0.])
    """

    def __init__(self, rule: ReluRule) -> None:
        super().__init__()
        self.rule = rule
        self.seen = 0

    def require(self, method: str, network: torch.nn.Module) -> None:
        """Refuse a network in which no ReLU was changed: the result would be the plain gradient.

        Raises:
            ShapebiasError: no ReLU was called in this context.
        """
        if not self.seen:
            raise ShapebiasError(
                f"{method} changes how gradients pass ReLUs, and {type(network).__name__} has none; "
                "use another method, such as smoothgrad"
            )

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        relu6_module = func is functional.hardtanh and kwargs.get("min_val") == 0
        inputs: Any = args[0] if args else kwargs.get("input")
        if not (func in _RELUS or relu6_module) or not inputs.requires_grad:
            return func(*args, **kwargs)
        self.seen += 1
        if self.rule == "guided":
            output = func(*args, **kwargs)
            output.register_hook(lambda gradient: gradient.clamp(min=0))
            return output
        in_place = func in _IN_PLACE or kwargs.get("inplace", args[1] if len(args) == 2 else False)
        return _Deconvolved.apply(inputs, kwargs.get("max_val", 6) if func in _RELU6 else None, in_place)


class _Deconvolved(torch.autograd.Function):
    """A ReLU with a maximum of ``largest`` that passes back only positive gradients."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, largest: float | None, in_place: bool) -> Tensor:  # noqa: FBT001 - autograd passes no keywords
        if not in_place:
            return inputs.clamp(0, largest)
        ctx.mark_dirty(inputs)
        return inputs.clamp_(0, largest)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:  # noqa: ARG004 - the gradient does not depend on the input
        return gradients[0].clamp(min=0), None, None
