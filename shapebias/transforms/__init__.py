"""The built-in transforms: only hook implementations here, one algorithm a file beside it."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.hookspecs import hookimpl
from shapebias.specs import TransformSpec

__all__ = ["shapebias_transforms"]


@hookimpl
def shapebias_transforms() -> Iterator[TransformSpec]:
    """Yield what takes texture, shape or colour out of a picture."""
    yield TransformSpec(
        "saturate",
        "shapebias.transforms.saturate:Saturate",
        summary="push pixels towards 0 and 1: contours stay, texture goes",
        references=(
            "Ding et al. 2019, On the sensitivity of adversarial robustness to input data distributions",
            "Zhang & Zhu 2019, Interpreting adversarially trained convolutional neural networks, section 3.3",
        ),
        destroys="texture",
    )
    yield TransformSpec(
        "patch-shuffle",
        "shapebias.transforms.patch_shuffle:PatchShuffle",
        summary="permute the tiles of a k x k grid: local texture stays, global shape goes",
        references="Zhang & Zhu 2019, Interpreting adversarially trained convolutional neural networks, section 3.3",
        destroys="shape",
        moves_pixels=True,
    )
    yield TransformSpec(
        "grayscale",
        "shapebias.transforms.grayscale:Grayscale",
        summary="replace colour by luma",
        references="ITU-R Recommendation BT.601",
        destroys="colour",
    )
