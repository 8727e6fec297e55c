"""Parameters that saliency methods share, each declared once."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from shapebias.networks.objectives import Reduction
from shapebias.spelling.params import param

__all__ = ["ExplainedClass", "explained_class_param", "reduce_param"]

ExplainedClass: TypeAlias = Literal["label", "prediction"] | int


def explained_class_param() -> Any:
    """Declare ``target``, the class whose objective is explained; its type is :data:`ExplainedClass`."""
    return param("the class to explain; a number is its index", default="label")


def reduce_param(default: Reduction = "abs-sum") -> Any:
    """Declare ``reduce``, for :func:`shapebias.plugin.reduce_channels`."""
    return param("how three channels become one map", default=default)
