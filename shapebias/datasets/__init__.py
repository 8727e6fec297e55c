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
        summary="your own images, in one folder a class or with a CSV file of labels",
    )
    yield DatasetSpec(
        "cue-conflict",
        "shapebias.datasets.cue_conflict:CueConflict",
        summary="shape of one class, texture of another: the published stimuli, or yours named like them",
        references=(_GEIRHOS,),
    )
    yield DatasetSpec(
        "critical-band",
        "shapebias.datasets.critical_band:CriticalBand",
        summary="grey photographs with noise of one octave of spatial frequencies: the published stimuli",
        references=("Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness",),
    )
    yield DatasetSpec(
        "torchvision",
        "shapebias.datasets.torchvision:Torchvision",
        summary="the image classification data sets of torchvision: CIFAR10, Caltech256, ImageNet, ...",
        references=("TorchVision maintainers and contributors 2016, TorchVision: PyTorch's computer vision library",),
    )
