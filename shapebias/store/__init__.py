"""Results on disk: one HDF5 file, or a folder of finished parts while it grows; see ``docs/store.md``."""

from __future__ import annotations

from shapebias.store.dropping import drop, rename
from shapebias.store.merging import merge
from shapebias.store.reader import Store
from shapebias.store.records import (
    CellRecord,
    ComponentRecord,
    DatasetPart,
    Header,
    Part,
    Scalar,
    differently_scored,
)
from shapebias.store.results import Results
from shapebias.store.results import open_store as open  # noqa: A004 - read as shapebias.open
from shapebias.store.stored import Failure, StoredCell, StoredDataset
from shapebias.store.verifying import verify
from shapebias.store.writer import Writer, pack

__all__ = [
    "CellRecord",
    "ComponentRecord",
    "DatasetPart",
    "Failure",
    "Header",
    "Part",
    "Results",
    "Scalar",
    "Store",
    "StoredCell",
    "StoredDataset",
    "Writer",
    "differently_scored",
    "drop",
    "merge",
    "open",
    "pack",
    "rename",
    "verify",
]
