"""Open tables of the library datasets: local ones in any of its formats, or on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import datasets

from shapebias.plugin import ShapebiasError

__all__ = ["Opened", "open_table", "table_files"]

_SAVED = ("dataset_dict.json", "state.json")  # files that save_to_disk writes for several splits and for one
_TABLES = {".parquet", ".arrow", ".csv", ".json", ".jsonl"}  # also tables of labels beside image files


@attrs.frozen
class Opened:
    """A table and its origin.

    Args:
        table: the rows of one split.
        commit: the commit on the hub that it is from; None for a local table.
    """

    table: datasets.Dataset
    commit: str | None = None


def open_table(source: str, config: str | None, split: str | None, revision: str | None) -> Opened:
    """Open one split of a data set; nothing is decoded, and no code of a data set runs.

    Args:
        source: a parquet file, a folder, or a name on the hub.
        config: one of the data set's configurations.
        split: one of its splits; None takes the only one.
        revision: commit, tag or branch on the hub.

    Raises:
        ShapebiasError: there is no such data set, configuration or split, or the hub cannot be reached.
    """
    path = Path(source)
    if path.exists() and revision is not None:
        raise ShapebiasError(f"{source} is local and has no revisions; leave revision={revision} out")
    try:
        if any((path / name).is_file() for name in _SAVED):
            loaded = datasets.load_from_disk(source)
            tables = loaded if isinstance(loaded, Mapping) else {str(loaded.split or "all"): loaded}
            return Opened(_choose(source, tables, split))
        if path.is_file():
            builder = datasets.load_dataset_builder("parquet", data_files=source)
        else:
            builder = datasets.load_dataset_builder(source, config, revision=revision)
        if path.is_dir():
            _refuse_leftovers(path, builder)
        builder.download_and_prepare()
        tables = builder.as_dataset()
    except ShapebiasError:
        raise
    except Exception as error:  # wrong names, damaged files, no permission, no connection: each has another type
        raise ShapebiasError(
            f"hf:{source} cannot be read as a data set, local or on the Hugging Face hub: {error}\n"
            "correct the name or config=; offline, download it elsewhere "
            "('hf download NAME --repo-type dataset --local-dir FOLDER') and name that folder"
        ) from error
    return Opened(_choose(source, tables, split), None if path.exists() else builder.hash)


def _refuse_leftovers(folder: Path, builder: Any) -> None:
    """Refuse a folder in which datasets would read only the files whose names look like a split.

    A folder with a README.md is accepted, because the README can state the files as on the hub.

    Raises:
        ShapebiasError: files of the same kind would be left out.
    """
    taken = {Path(file) for files in (builder.config.data_files or {}).values() for file in files}
    suffixes = {file.suffix for file in taken if file.stem != "metadata"}
    if (folder / "README.md").exists():
        return
    folder = folder.resolve()
    left = [
        file
        for file in folder.rglob("*")
        if file.suffix in suffixes
        and file not in taken
        and not any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)
    ]
    if left:
        raise ShapebiasError(
            f"hf:{folder} has {len(taken)} files whose names look like splits (train, test, val, ...), and "
            f"{len(left)} others that would be left out, such as {min(left).relative_to(folder)}; move the images of "
            "each split into a folder of that name, or use folder:PATH"
        )


def _choose(source: str, tables: Mapping[str, Any], split: str | None) -> datasets.Dataset:
    names = ", ".join(tables)
    if split is None and len(tables) > 1:
        raise ShapebiasError(f"hf:{source} has several splits; choose one with split=: {names}")
    if split is not None and split not in tables:
        raise ShapebiasError(f"hf:{source} has no split {split!r}; it has {names}")
    return tables[next(iter(tables)) if split is None else split]


def table_files(path: Path) -> list[Path]:
    """List the files of a local data set: the file, or the folder, which is hashed by its listing, and its tables."""
    if not path.is_dir():
        return [path] if path.exists() else []
    return [path, *sorted(file for file in path.rglob("*") if file.suffix in _TABLES and file.is_file())]
