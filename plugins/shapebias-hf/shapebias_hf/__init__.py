"""Hugging Face's image classifiers and data sets: only the hook implementations, nothing heavy imported."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import DatasetSpec, ModelSpec, hookimpl

__all__ = ["shapebias_datasets", "shapebias_models"]


@hookimpl
def shapebias_models() -> Iterator[ModelSpec]:
    """Yield the image classifiers and the image-text models of transformers."""
    yield ModelSpec(
        "hf",
        "shapebias_hf.model:HuggingFaceModel",
        summary="any image classifier of transformers, from a folder or the Hugging Face hub",
        references="Wolf et al. 2020, Transformers: state-of-the-art natural language processing",
    )
    yield ModelSpec(
        "hf-clip",
        "shapebias_hf.zero_shot:HuggingFaceZeroShot",
        summary="CLIP, SigLIP and SigLIP2 of transformers, zero-shot: the classes of the data set become texts",
        references=(
            "Radford et al. 2021, Learning transferable visual models from natural language supervision",
            "Zhai et al. 2023, Sigmoid loss for language image pre-training",
        ),
        needs_classes=True,
    )


@hookimpl
def shapebias_datasets() -> Iterator[DatasetSpec]:
    """Yield the image data sets of the library datasets."""
    yield DatasetSpec(
        "hf",
        "shapebias_hf.dataset:HuggingFaceDataset",
        summary="images and labels that the library datasets reads: parquet, save_to_disk, image folders, the hub",
        references="Lhoest et al. 2021, Datasets: a community library for natural language processing",
    )
