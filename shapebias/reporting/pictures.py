"""Images and maps as pictures: chosen, scaled for display, and small enough for a page."""

from __future__ import annotations

import base64
import functools
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapebias.spelling.grammar import spell_scalar
from shapebias.store.views import StoredAnswers, StoredMaps

__all__ = [
    "Block",
    "block_title",
    "common_ids",
    "data_uri",
    "has_pictures",
    "map_picture",
    "maps_of",
    "one_of_each",
    "rows_of",
    "spread_over_classes",
    "stimuli",
]

Block: TypeAlias = tuple[str, float | None]  # a condition at one eps
_View: TypeAlias = StoredAnswers | StoredMaps

_BRIGHTEST = 99  # percentile of a map that is drawn white: with the maximum, one pixel could leave the rest black


def block_title(condition: str, eps: float | None) -> str:
    """Name a condition at one eps.

    >>> block_title("pgd:eps=1/255,2/255", 2 / 255)
    'pgd, eps=2/255'
    """
    return condition if eps is None else f"{condition.partition(':')[0]}, eps={spell_scalar(eps)}"


def one_of_each(blocks: Iterable[Block], most: int) -> list[Block]:
    """Choose conditions: one of each kind, then the second of each, in the order of the study.

    >>> one_of_each([("clean", None), ("saturate:p=8", None), ("saturate:p=64", None), ("blur:sigma=2", None)], 3)
    [('clean', None), ('saturate:p=8', None), ('blur:sigma=2', None)]
    """
    known = list(dict.fromkeys(blocks))
    kinds = [re.split("[:,]", condition)[0] for condition, _ in known]
    turns = [kinds[:position].count(kind) for position, kind in enumerate(kinds)]
    order = sorted(range(len(known)), key=lambda position: (turns[position], position))
    return [known[position] for position in sorted(order[:most])]


def common_ids(views: Sequence[_View]) -> list[str]:
    """List the images that every view has, in the order of the first."""
    shared = functools.reduce(set.intersection, (set(view.ids) for view in views))
    return [identity for identity in views[0].ids if identity in shared]


def spread_over_classes(ids: Sequence[str], labels: Sequence[int], most: int) -> list[str]:
    """Choose images spread evenly over the classes: the first of each class, then the second of each, and so on.

    Args:
        ids: n images.
        labels: n classes, -1 if unknown.
        most: how many to choose; they keep their order.

    >>> spread_over_classes(["a", "b", "c", "d"], [0, 0, 0, 1], 3)
    ['a', 'b', 'd']
    """
    seen: dict[int, int] = defaultdict(int)
    turns = []
    for position, label in enumerate(labels):
        turns.append((seen[label], position))
        seen[label] += 1
    return [ids[position] for position in sorted(position for _, position in sorted(turns)[:most])]


def rows_of(view: _View, ids: Sequence[str]) -> NDArray[np.int64]:
    """Find images of a view by id: their rows in the data set."""
    rows = dict(zip(view.ids, view.rows.tolist(), strict=True))
    return np.array([rows[identity] for identity in ids], dtype=np.int64)


def has_pictures(view: StoredAnswers) -> bool:
    """Return whether there are pictures: imported answers have neither images nor thumbnails."""
    return "images" in view.cell.names or "thumbnails" in view.images.names


def stimuli(view: StoredAnswers, ids: Sequence[str]) -> list[NDArray[np.uint8]]:
    """Return images as the model saw them, (H, W, 3); if the study did not keep them, the clean thumbnails."""
    if "images" not in view.cell.names:
        return list(view.images.array("thumbnails", rows_of(view, ids)))
    kept = view.cell.array("images", rows_of(view, ids), view.eps_index).transpose(0, 2, 3, 1)
    return list((np.clip(kept, 0, 1) * 255).round().astype(np.uint8))


def maps_of(view: StoredMaps, ids: Sequence[str]) -> list[NDArray[np.uint8]]:
    """Return the maps of some images as pictures."""
    return [map_picture(values) for values in view.cell.array("maps", rows_of(view, ids), view.eps_index)]


def map_picture(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Draw a map in colour, (H, W, 3): from black to white, or diverging from white if it has negative values.

    Each map has its own scale, up to the 99th percentile of its magnitude: compare maps by where they are bright, not
    by how bright they are.  In a map with signs, evidence for the class is orange and evidence against it purple.

    >>> map_picture(np.array([[0.0, 1.0]]))[0, :, 0].tolist()
    [0, 255]
    """
    values = np.nan_to_num(values.astype(np.float32))
    magnitude = np.abs(values)
    scaled = np.clip(values / (np.percentile(magnitude, _BRIGHTEST) or magnitude.max() or 1.0), -1, 1)
    if scaled.min() >= 0:
        return np.repeat((scaled * 255).round().astype(np.uint8)[..., None], 3, axis=2)
    from matplotlib import colormaps

    return (colormaps["PuOr_r"]((scaled + 1) / 2)[..., :3] * 255).round().astype(np.uint8)


def data_uri(pixels: NDArray[np.uint8], size: int, quality: int = 80) -> str:
    """Write a picture as a WebP ``data:`` address, its longer side at most ``size`` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
