"""Data sets in tar shards, the WebDataset format."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import DatasetSpec, hookimpl

__all__ = ["shapebias_datasets"]


@hookimpl
def shapebias_datasets() -> Iterator[DatasetSpec]:
    """Yield the data set."""
    yield DatasetSpec(
        "webdataset",
        "shapebias_webdataset.dataset:WebDataset",
        summary="images in tar shards, local or on a server, even if larger than the disk",
        references="Aizman et al. 2019, High performance I/O for large scale deep learning",
    )
