"""The saliency panels of the page: rows of images, columns of maps, clean and transformed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from shapebias.reporting.image_browser import BrowserImages
from shapebias.reporting.pictures import one_of_each

__all__ = ["Panel", "Picture", "panels"]

_IMAGES, _CONDITIONS = 4, 4


@attrs.frozen
class Picture:
    """A picture as a ``data:`` address or None, its description, and whether it is the first of its condition."""

    picture: str | None
    alt: str
    first: bool


@attrs.frozen
class Panel:
    """The maps of one saliency method on one data set.

    Args:
        dataset, method: their names in tables.
        models: the models that have maps.
        conditions: the conditions that have maps, at most four of different kinds, and whether each has its images.
        rows: one per image: for each condition the image, if it exists, and the map of each model.
    """

    dataset: str
    method: str
    models: list[str]
    conditions: list[tuple[str, bool]]
    rows: list[list[Picture]]


def panels(browsed: BrowserImages) -> Iterator[Panel]:
    """Lay out a panel for each saliency method, from the pictures of the browser."""
    for method in browsed.methods:
        mapped = [
            (condition_index, model)
            for condition_index in range(len(browsed.conditions))
            for model in browsed.models
            if any(_map(image, condition_index, model, method) for image in browsed.images)
        ]
        titles = one_of_each(
            [(browsed.conditions[condition_index], None) for condition_index, _ in mapped], _CONDITIONS
        )
        models = [model for model in browsed.models if any(model == other for _, other in mapped)]
        # Those whose maps are there for most models and conditions; equals stay in their order.
        images = sorted(
            browsed.images, key=lambda image: -sum(_map(image, *cell, method) is not None for cell in mapped)
        )[:_IMAGES]
        seen = {
            condition_index: any(image["seen"][condition_index] for image in images)
            for condition_index in (browsed.conditions.index(title) for title, _ in titles)
        }
        rows = [
            [
                cell
                for condition_index in seen
                for cell in _cells(browsed, image, condition_index, models, method, seen=seen[condition_index])
            ]
            for image in images
        ]
        conditions = [(browsed.conditions[condition_index], there) for condition_index, there in seen.items()]
        yield Panel(browsed.dataset, method, models, conditions, rows)


def _cells(
    browsed: BrowserImages, image: dict[str, Any], condition_index: int, models: list[str], method: str, *, seen: bool
) -> Iterator[Picture]:
    condition = browsed.conditions[condition_index]
    if seen:
        yield Picture(image["seen"][condition_index], f"{image['id']}, {condition}", first=True)
    for model in models:
        first = not seen and model == models[0]
        yield Picture(_map(image, condition_index, model, method), f"{method} map of {model}, {condition}", first)


def _map(image: dict[str, Any], condition_index: int, model: str, method: str) -> str | None:
    maps: dict[str, str] = image["answers"][condition_index].get(model, {}).get("maps", {})
    return maps.get(method)
