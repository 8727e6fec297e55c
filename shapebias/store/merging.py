"""Join stores whose cells agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shapebias.errors import StoreError
from shapebias.store.packing import write_store
from shapebias.store.reader import Store, join_cells, join_datasets
from shapebias.store.scan import part_files
from shapebias.store.stored import StoredCell, StoredDataset

__all__ = ["merge"]


def merge(paths: Sequence[str | Path], output: str | Path) -> None:
    """Join several stores into a new one.

    Args:
        paths: the stores.
        output: a file that does not exist yet.

    Raises:
        StoreError: the output exists; or two stores disagree: in seed, in the images of a data set, or in an answer.
    """
    output = Path(output)
    if output.exists() or part_files(output):
        raise StoreError(f"{output} exists already; choose another output")
    stores = [Store(path) for path in paths]
    try:
        seeds = {store.header.seed for store in stores}
        if len(seeds) > 1:
            raise StoreError(
                f"the stores have different seeds ({', '.join(map(str, sorted(seeds)))}); they do not join"
            )
        for place, store in enumerate(stores[1:], start=1):
            for earlier in stores[:place]:
                _check_agreement(earlier, store)
        listings = [listing for store in stores for listing in store.listings]
        temporary = output.with_name(f".{output.name}.merging")
        try:
            write_store(temporary, stores[-1].header, join_datasets(listings), join_cells(listings))
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)
    finally:
        for store in stores:
            store.close()


def _check_agreement(first: Store, second: Store) -> None:
    datasets = {dataset.record.key: dataset for dataset in first.datasets()}
    for dataset in second.datasets():
        if dataset.record.key in datasets and not _same_images(datasets[dataset.record.key], dataset):
            raise StoreError(f"{first.path} and {second.path} have other images of data set {dataset.record.title}")
    cells = {cell.record.key: cell for cell in first.cells()}
    for cell in second.cells():
        if cell.record.key in cells and not _same_answers(cells[cell.record.key], cell):
            raise StoreError(
                f"{first.path} and {second.path} disagree in {cell.record.title}; keep one, or compute it again"
            )


def _same_images(first: StoredDataset, second: StoredDataset) -> bool:
    ids = dict(zip(first.rows.tolist(), first.ids, strict=True))
    return all(ids.get(row, name) == name for row, name in zip(second.rows.tolist(), second.ids, strict=True))


def _same_answers(first: StoredCell, second: StoredCell) -> bool:
    both = np.intersect1d(first.rows, second.rows)
    if not len(both) or "prediction" not in first.names or "prediction" not in second.names:
        return True
    return bool((first.array("prediction", rows=both) == second.array("prediction", rows=both)).all())
