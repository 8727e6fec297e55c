"""Parameters that saliency methods share, each declared once."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from shapebias.networks.objectives import Reduction
from shapebias.spelling.params import param

__all__ = ["ExplainedClass", "explained_class_param", "reduce_param"]

ExplainedClass: TypeAlias = Literal["label", "prediction"] | int


def explained_class_param() -> Any:
    """Declare ``target``, the class to explain; its type is :data:`ExplainedClass`; ``label`` by default.

    >>> explained_class_param().metadata["help"]
    'the class to explain; a number is its index'
    """
    return param("the class to explain; a number is its index", default="label")


def reduce_param(default: Reduction = "abs-sum") -> Any:
    """Declare ``reduce``, for :func:`shapebias.plugin.reduce_channels`; its type is :data:`shapebias.plugin.Reduction`.

    Args:
        default: the default, such as ``signed-sum``.

    >>> reduce_param().metadata["help"]
    'how three channels become one map'
    """
    return param("how three channels become one map", default=default)
