"""The layer of a model that feature-based saliency methods read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    import torch


__all__ = ["Features", "Layout"]


Layout: TypeAlias = Literal["NCHW", "NHWC", "NLC"]


@attrs.frozen(eq=False)
class Features:
    """The layer of a model that a feature-based saliency method reads.

    Args:
        module: the module that returns the features.
        layout: axes of that output: ``NCHW``, ``NHWC``, or ``NLC`` for tokens.
        prefix_tokens: number of tokens before the patch tokens (class token, registers); 0 by default.
    """

    module: torch.nn.Module
    layout: Layout = "NCHW"
    prefix_tokens: int = 0
