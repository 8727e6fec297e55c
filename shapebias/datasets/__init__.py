"""The built-in data sets: only the hook implementations; each kind of data set has its own file beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapebias.fetching.sources import Source, built_in_sources
from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import DatasetSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

_GEIRHOS = "Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 2"
_CORRUPTIONS = (
    "Hendrycks & Dietterich 2019, Benchmarking neural network robustness to common corruptions and perturbations, "
    "section 4"
)


def _sources(*names: str) -> tuple[Source, ...]:
    """Return the built-in sources of these names, and those that begin with one of them and a colon."""
    return tuple(source for name, source in built_in_sources().items() if name.partition(":")[0] in names)


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
        summary="your own images, in one folder per class or with a CSV file of labels",
    )
    yield DatasetSpec(
        "cue-conflict",
        "shapebias.datasets.cue_conflict:CueConflict",
        summary="shape of one class, texture of another: the published stimuli, or your own with names like theirs",
        references=(_GEIRHOS,),
        sources=_sources("cue-conflict"),
    )
    yield DatasetSpec(
        "critical-band",
        "shapebias.datasets.critical_band:CriticalBand",
        summary="grey photographs with noise of one octave of spatial frequencies: the published stimuli",
        references=("Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness",),
        sources=_sources("critical-band"),
    )
    yield DatasetSpec(
        "refined-bias",
        "shapebias.datasets.refined_bias:RefinedBias",
        summary="images with only one cue, shape or texture, in the folders of REFINED-BIAS",
        references=("Kim et al. 2026, On the reliability of cue conflict and beyond",),
    )
    yield DatasetSpec(
        "torchvision",
        "shapebias.datasets.torchvision:Torchvision",
        summary="the image classification data sets of torchvision: CIFAR10, Caltech256, ImageNet, ...",
        references=("TorchVision maintainers and contributors 2016, TorchVision: PyTorch's computer vision library",),
    )
    yield from _by_name()


def _by_name() -> Iterator[DatasetSpec]:
    """Yield the published data sets that have a name."""
    yield DatasetSpec(
        "edges",
        "shapebias.datasets.edges:Edges",
        summary="the published contours of objects",
        references=(_GEIRHOS,),
        sources=_sources("edges"),
    )
    yield DatasetSpec(
        "silhouettes",
        "shapebias.datasets.silhouettes:Silhouettes",
        summary="the published filled outlines of objects",
        references=(_GEIRHOS,),
        sources=_sources("silhouettes"),
    )
    yield DatasetSpec(
        "model-vs-human",
        "shapebias.datasets.model_vs_human:ModelVsHuman",
        summary="17 sets of images that people have classified: sketch, stylized, contrast, ...",
        references=("Geirhos et al. 2021, Partial success in closing the gap between human and machine vision",),
        sources=_sources("model-vs-human", "human-answers"),
    )
    yield DatasetSpec(
        "imagenet-r",
        "shapebias.datasets.imagenet_r:ImageNetR",
        summary="art, cartoons, toys and other renditions of 200 ImageNet classes",
        references=("Hendrycks et al. 2021, The many faces of robustness, section 3",),
        sources=_sources("imagenet-r"),
    )
    yield DatasetSpec(
        "imagenet-a",
        "shapebias.datasets.imagenet_a:ImageNetA",
        summary="photos of 200 ImageNet classes that a ResNet-50 got wrong",
        references=("Hendrycks et al. 2021, Natural adversarial examples, section 3",),
        sources=_sources("imagenet-a"),
    )
    yield DatasetSpec(
        "imagenet-c",
        "shapebias.datasets.imagenet_c:ImageNetC",
        summary="ImageNet validation images under 19 corruptions at five severities",
        references=(_CORRUPTIONS,),
        sources=_sources("imagenet-c"),
    )
    yield DatasetSpec(
        "imagenet-sketch",
        "shapebias.datasets.imagenet_sketch:ImageNetSketch",
        summary="black and white sketches of the 1,000 ImageNet classes",
        references=(
            "Wang et al. 2019, Learning robust global representations by penalizing local predictive power, section 4",
        ),
        sources=_sources("imagenet-sketch"),
    )
    yield DatasetSpec(
        "imagenet-val",
        "shapebias.datasets.imagenet_val:ImageNetVal",
        summary="the validation images of ImageNet-1k, from your own folder",
        references=("Russakovsky et al. 2015, ImageNet large scale visual recognition challenge",),
        sources=_sources("imagenet-val"),
    )
    yield DatasetSpec(
        "cifar10-c",
        "shapebias.datasets.cifar10_c:Cifar10C",
        summary="CIFAR-10 test images under 19 corruptions at five severities",
        references=(_CORRUPTIONS,),
        sources=_sources("cifar10-c"),
    )
    yield DatasetSpec(
        "cifar100-c",
        "shapebias.datasets.cifar100_c:Cifar100C",
        summary="CIFAR-100 test images under 19 corruptions at five severities",
        references=(_CORRUPTIONS,),
        sources=_sources("cifar100-c"),
    )
    yield DatasetSpec(
        "tiny-imagenet",
        "shapebias.datasets.tiny_imagenet:TinyImageNet",
        summary="validation images of 200 ImageNet classes at 64 pixels",
        references=("Le & Yang 2015, Tiny ImageNet visual recognition challenge",),
        sources=_sources("tiny-imagenet"),
    )
    yield DatasetSpec(
        "visual-anagrams",
        "shapebias.datasets.visual_anagrams:VisualAnagrams",
        summary="pairs of animals made of the same puzzle pieces",
        references=("Doshi et al. 2025, Visual anagrams reveal hidden differences in holistic shape processing",),
        sources=_sources("visual-anagrams"),
    )
