"""``cifar100-c:CORRUPTION``: the test images of CIFAR-100 under 19 corruptions at five severities."""

from __future__ import annotations

from typing import ClassVar

import attrs

from shapebias.datasets._published import CorruptedArrays, cifar_classes

__all__ = ["Cifar100C"]


@attrs.frozen
class Cifar100C(CorruptedArrays):
    """The 10,000 test images of CIFAR-100 under one corruption at one severity, 32 pixels.

    Args:
        corruption: the name of the corruption.
        severity: 1 is the weakest.

    Raises:
        DataError: at the first use: the arrays are missing and cannot be downloaded, or one is damaged.

    Source: Hendrycks & Dietterich 2019, "Benchmarking neural network robustness to common corruptions and
    perturbations", section 4.

    >>> from shapebias.spelling.params import spell
    >>> spell("cifar100-c", Cifar100C("fog", severity=5), full=False)
    'cifar100-c:fog,severity=5'
    """

    source: ClassVar[str] = "cifar100-c"
    class_names: ClassVar[tuple[str, ...]] = cifar_classes(100)
