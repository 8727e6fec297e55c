"""The facts about the images of a part that the store keeps: ids, labels, thumbnails, masks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from shapebias.images.decoded import DecodedImages
from shapebias.store import DatasetPart

if TYPE_CHECKING:
    from shapebias.engine.plan import Work
    from shapebias.plugins.protocols import Dataset

__all__ = ["dataset_part"]


def dataset_part(work: Work, decoded: DecodedImages) -> DatasetPart:
    """Wait for the decoding of a part, and describe its readable images."""
    readable = decoded.readable()
    samples = decoded.samples(readable)
    height, width = decoded.size
    is_cropped = work.dataset is not work.tasks[0].cell.dataset  # sizes are those of the models then
    size = {} if is_cropped else {"height": height, "width": width}
    return DatasetPart(
        work.record,
        np.array([work.rows[position] for position in readable]),
        tuple(sample.id for sample in samples),
        np.array([sample.label for sample in samples]),
        np.array([-1 if sample.shape is None else sample.shape for sample in samples]),
        np.array([-1 if sample.texture is None else sample.texture for sample in samples]),
        decoded.thumbnails(readable, enlarge=is_cropped),
        {
            "classes": json.dumps(list(decoded.dataset.classes)),
            **size,
            "images": len(decoded.dataset),
            **_skipped(decoded.dataset),
            "note": getattr(decoded.dataset, "note", None),
        },
        decoded.known_masks(readable),
    )


def _skipped(dataset: Dataset) -> dict[str, str]:
    """Count the files that a data set skipped, by reason, and name the first of each."""
    paths: dict[str, list[str]] = {}
    for path, reason in sorted(getattr(dataset, "skipped", {}).items()):
        paths.setdefault(reason, []).append(path)
    counts = [[reason, len(of_reason), of_reason[0]] for reason, of_reason in paths.items()]
    return {"skipped": json.dumps(counts)} if counts else {}
