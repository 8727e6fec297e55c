"""Parameters that all corruptions share: severity, and the benchmark whose constants are used."""

from __future__ import annotations

from typing import Generic, Literal, Protocol, TypeAlias, TypeVar, cast

import attrs

from shapebias.plugin import param

__all__ = ["CONSTANTS", "SEVERITY", "Constants", "Corruption", "PublishedConstants"]

Constants: TypeAlias = Literal["imagenet", "cifar"]
ValueT = TypeVar("ValueT")

SEVERITY = param("strength, from 1 to 5 as published", default=3, ge=1, le=5)
CONSTANTS = param("constants of ImageNet-C, for 224 pixels, or of CIFAR-10-C, for 32 pixels", default="imagenet")


class Corruption(Protocol):
    """Settings that select published constants."""

    @property
    def severity(self) -> int:
        """From 1 to 5."""

    @property
    def constants(self) -> Constants:
        """The benchmark."""


@attrs.frozen
class PublishedConstants(Generic[ValueT]):
    """A constant of a corruption at the severities 1 to 5, from the code that made each of the two benchmarks.

    >>> from types import SimpleNamespace
    >>> sigma = PublishedConstants(imagenet=(1, 2, 3, 4, 6), cifar=(0.4, 0.6, 0.7, 0.8, 1))
    >>> sigma.of(SimpleNamespace(severity=5, constants="imagenet"))
    6
    """

    imagenet: tuple[ValueT, ...]
    cifar: tuple[ValueT, ...]

    def of(self, corruption: Corruption) -> ValueT:
        """Return the constant that a corruption's settings choose."""
        return cast(ValueT, getattr(self, corruption.constants)[corruption.severity - 1])
