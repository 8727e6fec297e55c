"""Wrap any function as a network: find its logits, reorder its axes, and make two scores of one binary logit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, get_args

from torch import Tensor, nn
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.networks.classifier import logits_of

__all__ = ["Adapted", "AxisOrder", "adapt"]

AxisOrder: TypeAlias = Literal["NCHW", "NHWC"]
Output: TypeAlias = str | int | Callable[[Any], Tensor] | None
_NOT_THERE = (KeyError, IndexError, AttributeError, TypeError, ValueError)


class Adapted(nn.Module):
    """A network as :class:`shapebias.Classifier` takes it; made by :func:`adapt`."""

    def __init__(self, network: Callable[..., Any], output: Output, layout: AxisOrder, *, binary: bool) -> None:
        super().__init__()
        self.network, self.output, self.layout, self.binary = network, output, layout, binary

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, C) logits of normalised (N, 3, H, W) pixels."""
        found = self.network(pixels.permute(0, 2, 3, 1) if self.layout == "NHWC" else pixels)
        logits = _computed(found, self.output) if callable(self.output) else _entry(found, self.output)
        if self.binary:
            if logits.ndim not in (1, 2) or logits.numel() != len(pixels):
                raise ShapebiasError(
                    f"a binary network gives one logit for each image, and this one returns {tuple(logits.shape)} for "
                    f"{len(pixels)} images; leave binary out"
                )
            return functional.pad(logits.reshape(-1, 1), (1, 0))
        return logits


def adapt(
    network: Callable[..., Any], output: Output = None, layout: AxisOrder = "NCHW", *, binary: bool = False
) -> nn.Module:
    """Wrap a network so that it takes (N, 3, H, W) images and returns (N, C) logits.

    Args:
        network: a module, or any function of images; attacks and gradient-based saliency methods need one that torch
            can differentiate.
        output: where the logits are in its result: a path of names and indices, such as ``"head.0.logits"`` or 1, or a
            function; None finds them, see :func:`shapebias.networks.classifier.logits_of`.
        layout: the order of the axes of the images that it takes.
        binary: it returns one logit z, of the second of two classes; the scores are 0 and z, whose softmax is the
            sigmoid.

    Raises:
        ShapebiasError: the layout is unknown; or, when the result is called: the path leads to no tensor, the function
            fails, or a binary network has several outputs.

    >>> import torch
    >>> network = adapt(lambda images: {"z": images.mean(dim=(1, 2, 3))}, output="z", binary=True)
    >>> network(torch.ones(2, 3, 4, 4))
    tensor([[0., 1.],
            [0., 1.]])
    """
    if layout not in get_args(AxisOrder):
        raise ShapebiasError(f"layout is {layout!r}; give {' or '.join(get_args(AxisOrder))}")
    return Adapted(network, output, layout, binary=binary)


def _computed(found: Any, output: Callable[[Any], Tensor]) -> Tensor:
    """Apply the user's function to what the network returns."""
    try:
        return output(found)
    except _NOT_THERE as error:
        raise ShapebiasError(
            f"output: the function fails with {type(error).__name__}: {error}; the network returns a "
            f"{type(found).__name__} with {_names(found)}"
        ) from error


def _entry(found: Any, path: str | int | None) -> Tensor:
    """Follow a path of names and indices through mappings, sequences and attributes."""
    if path is None:
        logits = logits_of(found)
        if logits is None:
            raise ShapebiasError(
                f"the network returns a {type(found).__name__} without a tensor; give the path to the logits: output="
            )
        return logits
    at, names = found, str(path).split(".")
    for position, name in enumerate(names):
        try:
            at = _step(at, name)
        except _NOT_THERE as error:
            so_far = ".".join(names[:position]) or "what the network returns"
            raise ShapebiasError(
                f"output={path}: {so_far} is a {type(at).__name__} without {name!r}; it has {_names(at)}"
            ) from error
    if not isinstance(at, Tensor):
        raise ShapebiasError(f"output={path} is a {type(at).__name__}, not a tensor; add one of {_names(at)}")
    return at


def _step(at: Any, name: str) -> Any:
    if isinstance(at, Mapping):
        return at[name] if name in at else at[int(name)]
    if isinstance(at, (tuple, list)) and name.lstrip("-").isdecimal():
        return at[int(name)]
    return getattr(at, name)


def _names(at: Any) -> str:
    if isinstance(at, Mapping):
        return ", ".join(map(str, at)) or "nothing"
    if isinstance(at, (tuple, list)) and not hasattr(at, "_fields"):
        return f"0 to {len(at) - 1}"
    names = getattr(at, "_fields", None)
    if names is None and dataclasses.is_dataclass(at):
        names = [field.name for field in dataclasses.fields(at)]
    return ", ".join(names or vars(at) if hasattr(at, "__dict__") or names else []) or "nothing"
