"""The built-in saliency methods: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.hookspecs import hookimpl
from shapebias.specs import SaliencySpec


@hookimpl
def shapebias_saliency() -> Iterator[SaliencySpec]:
    """Hand over the saliency methods."""
    yield SaliencySpec(
        "gradient",
        "shapebias.saliency.gradient:Gradient",
        summary="gradient in the pixels",
        references="Simonyan et al. 2014, Deep inside convolutional networks, section 3",
    )
    yield SaliencySpec(
        "smoothgrad",
        "shapebias.saliency.smoothgrad:SmoothGrad",
        summary="mean gradient of noisy copies",
        references=(
            "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise, section 3.1",
            "Zhang & Zhu 2019, Interpreting adversarially trained convolutional neural networks, section 3",
        ),
    )
