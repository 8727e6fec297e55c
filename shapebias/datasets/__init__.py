"""The built-in data sets: only hook implementations here, one kind of data set a file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapebias.hookspecs import hookimpl
from shapebias.specs import DatasetSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

_GEIRHOS = "Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 2"


@hookimpl
def shapebias_datasets() -> Iterator[DatasetSpec]:
    """Yield the built-in data sets."""
    yield DatasetSpec(
        "stimuli",
        "shapebias.datasets.stimuli:Stimuli",
        summary="drawn pictures with a known shape, a known texture and an exact mask",
        references=(_GEIRHOS,),
    )
    yield DatasetSpec(
        "folder",
        "shapebias.datasets.folder:Folder",
        summary="images in class folders, or in a folder with a CSV of labels",
    )
    yield DatasetSpec(
        "cue-conflict",
        "shapebias.datasets.cue_conflict:CueConflict",
        summary="the published cue-conflict stimuli, edges and silhouettes, by their file names",
        references=(_GEIRHOS,),
    )
    yield DatasetSpec(
        "torchvision",
        "shapebias.datasets.torchvision:TorchvisionDataset",
        summary="any classification data set of torchvision",
    )
