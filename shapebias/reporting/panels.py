"""The paper's figure as a part of the page: rows of images, columns of maps, clean and transformed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from shapebias.reporting.browser import Browsed
from shapebias.reporting.pictures import one_of_each

__all__ = ["Panel", "Picture", "panels"]

_IMAGES, _CONDITIONS = 4, 4


@attrs.frozen
class Picture:
    """One picture as a ``data:`` address, None where there is none; what it shows; the first of a condition or not."""

    picture: str | None
    alt: str
    first: bool


@attrs.frozen
class Panel:
    """The maps of one saliency method on one data set.

    Args:
        dataset, method: what tables call them.
        models: those that have maps.
        conditions: the conditions that have maps, at most four of different kinds, and whether the image under the
            condition is there too.
        rows: one an image: for each condition the image, if it is there, and the map of each model.
    """

    dataset: str
    method: str
    models: list[str]
    conditions: list[tuple[str, bool]]
    rows: list[list[Picture]]


def panels(browsed: Browsed) -> Iterator[Panel]:
    """Lay out a panel for each saliency method, of the pictures that the browser has."""
    for method in browsed.methods:
        mapped = [
            (place, model)
            for place in range(len(browsed.conditions))
            for model in browsed.models
            if any(_map(image, place, model, method) for image in browsed.images)
        ]
        titles = one_of_each([(browsed.conditions[place], None) for place, _ in mapped], _CONDITIONS)
        models = [model for model in browsed.models if any(model == other for _, other in mapped)]
        images = browsed.images[:_IMAGES]
        seen = {
            place: any(image["seen"][place] for image in images)
            for place in (browsed.conditions.index(title) for title, _ in titles)
        }
        rows = [
            [cell for place in seen for cell in _cells(browsed, image, place, models, method, seen=seen[place])]
            for image in images
        ]
        conditions = [(browsed.conditions[place], there) for place, there in seen.items()]
        yield Panel(browsed.dataset, method, models, conditions, rows)


def _cells(
    browsed: Browsed, image: dict[str, Any], place: int, models: list[str], method: str, *, seen: bool
) -> Iterator[Picture]:
    condition = browsed.conditions[place]
    if seen:
        yield Picture(image["seen"][place], f"{image['id']}, {condition}", first=True)
    for model in models:
        first = not seen and model == models[0]
        yield Picture(_map(image, place, model, method), f"{method} map of {model}, {condition}", first)


def _map(image: dict[str, Any], place: int, model: str, method: str) -> str | None:
    maps: dict[str, str] = image["answers"][place].get(model, {}).get("maps", {})
    return maps.get(method)
