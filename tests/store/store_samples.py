"""A small store whose every number is a formula of the image's row, so that tests know it without reading a store.

Run as a script it is a writer that can be killed: ``store_samples.py write|pack PATH``.  It says on its standard output
what is safely on the disk.
"""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np

from shapebias.store import CellRecord, ComponentRecord, DatasetPart, Header, Part, Writer

IMAGES, PART, SIDE, EPS = 40, 8, 8, (0.0, 0.25, 0.5)
CLASSES = ("cat", "dog", "Bär")
HEADER = Header("seed = 7\n", 7, {"torch": "2.6.0", "shapebias": "0.1.0"}, "a processor")


def component(text: str, title: str = "", **files: str) -> ComponentRecord:
    return ComponentRecord(text, title or text, "shapebias 0.1.0", files)


DATASET = component("folder:path=photos,size=64", "photos", photos="a" * 64)
MODEL = component("timm:architecture=resnet50,pretrained=true", "timm:resnet50")
CLEAN = component("clean")
ATTACK = component("pgd:eps=0,1/4,1/2,steps=20", "pgd:eps=0,1/4,1/2")
SMOOTHGRAD = component("smoothgrad:samples=100,spread=0.1,target=label", "smoothgrad")
SETTINGS = {"seed": 7, "precision": "float32", "images": False, "mapping": None}

PREDICTION = CellRecord(DATASET, MODEL, CLEAN, settings=SETTINGS)
ATTACKED = CellRecord(DATASET, MODEL, ATTACK, settings=SETTINGS)
SALIENCY = CellRecord(DATASET, MODEL, ATTACK, SMOOTHGRAD, settings={"seed": 7})
PROBE = CellRecord(DATASET, MODEL, CLEAN, SMOOTHGRAD, component("insertion:steps=4", "insertion"), {"seed": 7})
CELLS = (PREDICTION, ATTACKED, SALIENCY, PROBE)
PARTS = [np.arange(start, start + PART) for start in range(0, IMAGES, PART)]


def arrays(cell: CellRecord, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Give a cell's arrays; every number is exact in the type it is stored in."""
    rows = np.asarray(rows)
    logits = ((rows[:, None] * 5 + np.arange(3) * 3) % 7 - 3) / 4
    strong = np.stack([logits - eps for eps in EPS], axis=1)
    maps = (rows[:, None, None] % 5 - 2) * (np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 13 - 6) / 8
    if cell is PREDICTION:
        images = (rows[:, None, None, None] + np.arange(3 * 4 * 4).reshape(3, 4, 4)) % 256 / 256
        return {"prediction": logits.argmax(axis=1), "logits": logits, "images": images.astype(np.float32)}
    if cell is ATTACKED:
        flipped = 2 - rows % 3
        return {"prediction": strong.argmax(axis=2), "logits": strong, "texture_labels": flipped}
    if cell is SALIENCY:
        return {"maps": np.stack([maps * (1 + eps) for eps in EPS], axis=1), "extras/completeness": strong[..., 0]}
    return {"values/auc": rows / 64, "values/curve": rows[:, None] + np.arange(5) / 4, "values/word": words(rows)}


def words(rows: np.ndarray) -> np.ndarray:
    return np.array([f"größe {row}" for row in rows], dtype=object)


def ids(rows: np.ndarray) -> tuple[str, ...]:
    return tuple(f"cat/{'x' * (row // 10)}{row} ü.png" for row in rows)


def attributes(cell: CellRecord) -> dict[str, object]:
    eps = {"eps": json.dumps(EPS)} if cell.condition is ATTACK else {}
    return {"seconds": 0.5, "device": "cpu", "tta": False, "nothing": None, **eps}


def part(cell: CellRecord, rows: np.ndarray) -> Part:
    return Part(cell, np.asarray(rows), arrays(cell, rows), attributes(cell))


def failed(cell: CellRecord, rows: np.ndarray, error: str = "Traceback ...\nZeroDivisionError: on purpose\n") -> Part:
    return Part(cell, np.asarray(rows), status="failed", error=error)


def dataset_part(rows: np.ndarray, dataset: ComponentRecord = DATASET) -> DatasetPart:
    rows = np.asarray(rows)
    thumbnails = (rows[:, None, None, None] + np.arange(4 * 4 * 3).reshape(4, 4, 3)) % 256
    facts = {"classes": json.dumps(CLASSES), "height": 64, "width": 64, "images": IMAGES}
    labels = (rows % 3, rows % 3, (rows + 1) % 3)
    return DatasetPart(dataset, rows, ids(rows), *labels, thumbnails.astype(np.uint8), facts)


def everything() -> list[Part | DatasetPart]:
    """List all parts in the order in which a run would write them."""
    return [one for rows in PARTS for one in (dataset_part(rows), *(part(cell, rows) for cell in CELLS))]


def put(writer: Writer, one: Part | DatasetPart) -> None:
    if isinstance(one, Part):
        writer.write(one)
    else:
        writer.write_dataset(one)


def write_all(path, *, pack: bool = False) -> None:
    with Writer(path, HEADER) as writer:
        for one in everything():
            put(writer, one)
        if pack:
            writer.pack()


def dump(path) -> dict[str, object]:
    """Read all of an HDF5 file, with nothing but h5py."""
    found: dict[str, object] = {}

    def note(name: str, item: h5py.HLObject) -> None:
        found.update({f"{name}@{key}": value for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            found[name] = (str(item.dtype), item.shape, item[...].tobytes())

    with h5py.File(path) as file:
        note("", file)
        file.visititems(note)
    return found


def run(task: str, path: str) -> None:
    with Writer(path, HEADER) as writer:
        stored = {cell.record.key: set(cell.rows.tolist()) for cell in writer.store.cells()}
        print("ready", flush=True)
        for one in everything() if task == "write" else []:
            if isinstance(one, Part) and set(one.rows.tolist()) <= stored.get(one.cell.key, set()):
                continue
            put(writer, one)
            if isinstance(one, Part):
                print(f"{one.cell.key} {one.rows[0]}", flush=True)
        writer.pack()
        print("packed", flush=True)


if __name__ == "__main__":
    run(*sys.argv[1:])
