"""The built-in saliency methods: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.hookspecs import hookimpl
from shapebias.specs import SaliencySpec

__all__ = ["shapebias_saliency"]


@hookimpl
def shapebias_saliency() -> Iterator[SaliencySpec]:
    """Yield the gradient maps of the original study."""
    yield SaliencySpec(
        "gradient",
        "shapebias.saliency.gradient:Gradient",
        summary="gradient of the objective in the pixels",
        references="Simonyan et al. 2014, Deep inside convolutional networks, section 3",
    )
    yield SaliencySpec(
        "smoothgrad",
        "shapebias.saliency.smoothgrad:SmoothGrad",
        summary="mean gradient over noisy copies of the image",
        references=(
            "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise",
            "Hooker et al. 2019, A benchmark for interpretability methods in deep neural networks",
        ),
    )
