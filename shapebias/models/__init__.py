"""The built-in models: only the hook implementations; each family has its own file beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import ModelSpec

__all__ = ["shapebias_models"]


@hookimpl
def shapebias_models() -> Iterator[ModelSpec]:
    """Yield libraries of pretrained networks, published networks, checkpoints, and networks for small images."""
    yield ModelSpec(
        "timm",
        "shapebias.models.timm:Timm",
        summary="any image classifier of timm, including those on the Hugging Face hub",
        references="Wightman 2019, PyTorch Image Models",
    )
    yield ModelSpec(
        "torchvision",
        "shapebias.models.torchvision:Torchvision",
        summary="any image classifier of torchvision",
        references="TorchVision maintainers 2016, TorchVision: PyTorch's Computer Vision library",
    )
    yield ModelSpec(
        "probe",
        "shapebias.models.probe:ProbedModel",
        summary="a network without a classifier, such as DINO, with k-NN or a linear layer on its features",
        references="Caron et al. 2021, Emerging properties in self-supervised vision transformers, section 4.1",
    )
    yield ModelSpec(
        "import",
        "shapebias.models.imported:ImportedModel",
        summary="a network that your own function makes: PACKAGE.MODULE:FUNCTION",
    )
    yield ModelSpec(
        "robust",
        "shapebias.models.published:Robust",
        summary="adversarially trained networks for ImageNet of Salman et al., by their published names",
        references="Salman et al. 2020, Do adversarially robust ImageNet models transfer better?",
        licence="MIT",
    )
    yield ModelSpec(
        "robustbench",
        "shapebias.models.robustbench:RobustBench",
        summary="robust networks for CIFAR-10, CIFAR-100 and ImageNet, by their names in RobustBench",
        references="Croce et al. 2021, RobustBench: a standardized adversarial robustness benchmark",
        licence="MIT; of some Apache-2.0, BSD-3-Clause or CC-BY-NC-SA-4.0",
    )
    yield ModelSpec(
        "sin",
        "shapebias.models.published:Stylized",
        summary="networks trained on Stylized-ImageNet by Geirhos et al.",
        references="Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, table 2",
        licence="none stated for the weights",
    )
    yield ModelSpec(
        "bagnet",
        "shapebias.models.published:BagNetModel",
        summary="networks that see patches of 9, 17 or 33 pixels and average their answers",
        references="Brendel & Bethge 2019, Approximating CNNs with bag-of-local-features models",
        licence="MIT",
    )
    yield ModelSpec(
        "checkpoint",
        "shapebias.models.checkpoint:Checkpoint",
        summary="a network trained with shapebias, from its checkpoint file",
    )
    yield ModelSpec(
        "cnn",
        "shapebias.models.cnn:Cnn",
        summary="a small plain convolutional network for images of 32 to 64 pixels",
        references="Ioffe & Szegedy 2015, Batch normalization",
    )
    yield ModelSpec(
        "resnet-cifar",
        "shapebias.models.resnet_cifar:ResNetCifar",
        summary="residual networks for small images: depth 20, 32, 44, 56, ...",
        references="He et al. 2016, Deep residual learning for image recognition, section 4.2",
    )
    yield ModelSpec(
        "planted",
        "shapebias.models.planted:Planted",
        summary="a classifier of stimuli that uses shape on a known share of the pictures, to calibrate measures",
    )
