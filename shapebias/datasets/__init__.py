"""The built-in data sets: only hook implementations here, one kind of data set a file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapebias.hookspecs import hookimpl
from shapebias.specs import DatasetSpec

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def shapebias_datasets() -> Iterator[DatasetSpec]:
    """Yield the built-in data sets."""
    yield DatasetSpec(
        "stimuli",
        "shapebias.datasets.stimuli:Stimuli",
        summary="drawn pictures with a known shape, a known texture and an exact mask",
        references=("Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 2",),
    )
