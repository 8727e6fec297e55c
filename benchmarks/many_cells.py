"""Open, list, tabulate and report a store with many cells: CPU seconds and memory, by the number of cells.

python benchmarks/many_cells.py --models 1300 --conditions 40
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

import shapebias as sb
from shapebias.engine.identity import Recorder
from shapebias.store import DatasetPart, Header
from shapebias.store.group_writer import LIBVER, GroupWriter
from shapebias.store.index import INDEX, group_digests, index_text
from shapebias.store.joined_arrays import ArraySource
from shapebias.store.layout import Facts, dataset_arrays, write_cell, write_dataset, write_header
from shapebias.store.listed import ListedCell, ListedDataset

_IMAGES, _CLASSES = 16, 8


def made_up_store(path: Path, models: int, conditions: int) -> None:
    """Write a packed store of one data set, with random answers."""
    random = np.random.default_rng(0)
    stimuli = f"stimuli:cue=conflict,images={_IMAGES},size=32"
    levels = ["clean", *(f"patch-shuffle:k={k}" for k in range(2, 12)), *(f"saturate:p={p}" for p in range(3, 100))]
    study = sb.Study(stimuli, {f"m{n}": f"cnn:num_classes=8,seed={n}" for n in range(models)}, levels[:conditions])
    cells = Recorder(study, "float32").cells()
    rows = np.arange(_IMAGES)
    shapes = rows % _CLASSES
    part = DatasetPart(
        *(cells[0].record.dataset, rows, tuple(f"{row:03}.png" for row in rows)),
        *(shapes, shapes, (shapes + 1) % _CLASSES, np.zeros((_IMAGES, 8, 8, 3), np.uint8)),
        {"classes": '["a", "b", "c", "d", "e", "f", "g", "h"]', "height": 32, "width": 32, "images": _IMAGES},
    )
    with h5py.File(path, "w", libver=LIBVER) as file:
        root, listed = GroupWriter(file), []
        group = root.below("datasets/0000")
        for name, array in dataset_arrays(part).items():
            group.write_array(name, array)
        group.write_array("rows", rows)
        write_dataset(group, part.dataset, part.attributes)
        source = ArraySource(path, "/datasets/0000", rows, frozenset(dataset_arrays(part)))
        dataset = ListedDataset(part.dataset, part.attributes, source)
        for number, cell in enumerate(cells):
            group = root.below(f"cells/{number:04}")
            group.write_array("prediction", random.integers(_CLASSES, size=_IMAGES))
            group.write_attributes({"dataset_group": "/datasets/0000"})
            facts = Facts(rows, "done", "", {"device": "cpu", "seconds": 0.1})
            write_cell(group, cell.record, [facts], facts)
            source = ArraySource(path, group.group.name, rows, frozenset({"prediction"}))
            listed.append(ListedCell(cell.record, [facts], source))
        root.write_attributes({INDEX: index_text([dataset], listed, group_digests(file))})
        write_header(root, Header(study.to_toml(), 0), "store")


def measured(name: str, cells: int, call: Callable[[], object]) -> None:
    """Print what a call costs."""
    began = time.process_time()
    call()
    seconds = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{name:<10} {seconds:8.2f} s  {1000 * seconds / cells:7.3f} ms a cell  peak {memory:6.0f} MiB", flush=True)


def main() -> None:
    """Measure with one number of cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--conditions", type=int, default=40)
    parser.add_argument("--only", nargs="*", default=["open", "list", "accuracy", "headline", "report"])
    given = parser.parse_args()
    cells = given.models * given.conditions
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        measured("write", cells, lambda: made_up_store(path, given.models, given.conditions))
        calls: dict[str, Callable[[], object]] = {
            "open": lambda: sb.open(path).close(),
            "list": lambda: sb.open(path).cells(),
            "accuracy": lambda: sb.open(path).metric("accuracy"),
            "headline": lambda: sb.open(path).metric("headline"),
            "report": lambda: sb.report(sb.open(path), Path(folder) / "page.html"),
        }
        for name in given.only:
            measured(name, cells, calls[name])


if __name__ == "__main__":
    main()
