"""What each model means by a class, as a part of the page: images that a large attack has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from shapebias.reporting.panels import Picture
from shapebias.reporting.pictures import (
    Block,
    block_title,
    common_ids,
    data_uri,
    has_pictures,
    spread_over_classes,
    stimuli,
)

if TYPE_CHECKING:
    from shapebias.reporting.combined import CombinedResults
    from shapebias.store.views import StoredAnswers

__all__ = ["ClassImages", "clean_view", "is_class_image", "page_class_images"]

_IMAGES = 4
_PICTURES = 96  # on the whole page; one row of images is always there
_SIZE = 112  # pixels of a picture's longer side
_KEPT = "images"  # the array of a cell of a study that kept its images


@attrs.frozen
class ClassImages:
    """The class images of one data set.

    Args:
        dataset: what tables call it.
        conditions: the title of each condition with the models that have its images; ``clean``, without a model, first.
        rows: one an image: a picture for each model of each condition.
    """

    dataset: str
    conditions: list[tuple[str, list[str]]]
    rows: list[list[Picture]]


def is_class_image(view: StoredAnswers) -> bool:
    """Say whether a cell has images that an attack has changed as far as it goes (``keep=last``)."""
    attacks = [step.settings for step in view.steps or () if step.kind == "attack"]
    return _KEPT in view.cell.names and any(getattr(attack, "keep", None) == "last" for attack in attacks)


def clean_view(results: CombinedResults, dataset: str) -> StoredAnswers | None:
    """Return answers to the unchanged images of a data set that have pictures, if there are any."""
    views = [view for view in results.answers() if view.dataset == dataset and view.steps == () and has_pictures(view)]
    return views[0] if views else None


def page_class_images(results: CombinedResults) -> list[ClassImages]:
    """Collect the class images of each data set that has some, fewer of each where there are many models."""
    found: dict[str, list[StoredAnswers]] = {}
    for view in results.answers():
        if is_class_image(view):
            found.setdefault(view.dataset, []).append(view)
    most = max(1, min(_IMAGES, _PICTURES // max(1, sum(map(len, found.values())))))
    return [panel for dataset, views in found.items() for panel in _panel(views, clean_view(results, dataset), most)]


def _panel(views: list[StoredAnswers], clean: StoredAnswers | None, most: int) -> Iterator[ClassImages]:
    shown = [*([] if clean is None else [clean]), *views]
    ids = common_ids(shown)
    labels = dict(zip(views[0].ids, views[0].labels.tolist(), strict=True))
    ids = spread_over_classes(ids, [labels[one] for one in ids], most)
    if not ids:
        return
    groups: dict[Block, list[StoredAnswers]] = {}
    for view in views:
        groups.setdefault((view.condition, view.eps), []).append(view)
    radii = Counter(condition for condition, _ in groups)
    titles = {block: block_title(*block) if radii[block[0]] > 1 else block[0] for block in groups}
    columns = [] if clean is None else [_column(clean, ids, "clean", first=True)]
    conditions = [] if clean is None else [("clean", [""])]
    for block, group in groups.items():
        conditions.append((titles[block], [view.model for view in group]))
        columns += [
            _column(view, ids, f"{titles[block]}, {view.model}", first=position == 0)
            for position, view in enumerate(group)
        ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    yield ClassImages(views[0].dataset, conditions, rows)


def _column(view: StoredAnswers, ids: list[str], title: str, *, first: bool) -> list[Picture]:
    return [
        Picture(data_uri(pixels, _SIZE), f"{identity}, {title}", first)
        for identity, pixels in zip(ids, stimuli(view, ids), strict=True)
    ]
