"""Zero-shot image-text models of open_clip: only the hook implementation, nothing heavy imported."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import ModelSpec, hookimpl

__all__ = ["shapebias_models"]


@hookimpl
def shapebias_models() -> Iterator[ModelSpec]:
    """Yield the image-text models of open_clip."""
    yield ModelSpec(
        "open-clip",
        "shapebias_open_clip.model:OpenClip",
        summary="any image-text model of open_clip, zero-shot: the classes of the data set become texts",
        references=(
            "Radford et al. 2021, Learning transferable visual models from natural language supervision",
            "Cherti et al. 2023, Reproducible scaling laws for contrastive language-image learning",
        ),
        needs_classes=True,
    )
