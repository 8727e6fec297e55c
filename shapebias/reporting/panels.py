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
    """One picture as a ``data:`` address, None where there is none, and what it shows."""

    picture: str | None
    alt: str


@attrs.frozen
class Panel:
    """The maps of one saliency method on one data set.

    Args:
        dataset, method: what tables call them.
        models, conditions: those that have maps; of the conditions at most four, of different kinds.
        rows: one an image: for each condition the image, then the map of each model.
    """

    dataset: str
    method: str
    models: list[str]
    conditions: list[str]
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
        conditions = [title for title, _ in titles]
        models = [model for model in browsed.models if any(model == other for _, other in mapped)]
        places = [browsed.conditions.index(title) for title in conditions]
        rows = [
            [cell for place in places for cell in _cells(browsed, image, place, models, method)]
            for image in browsed.images[:_IMAGES]
        ]
        yield Panel(browsed.dataset, method, models, conditions, rows)


def _cells(browsed: Browsed, image: dict[str, Any], place: int, models: list[str], method: str) -> Iterator[Picture]:
    condition = browsed.conditions[place]
    yield Picture(image["seen"][place], f"{image['id']}, {condition}")
    for model in models:
        yield Picture(_map(image, place, model, method), f"{method} map of {model}, {condition}")


def _map(image: dict[str, Any], place: int, model: str, method: str) -> str | None:
    maps: dict[str, str] = image["answers"][place].get(model, {}).get("maps", {})
    return maps.get(method)
