"""The panel of maps: which images it shows."""

from __future__ import annotations

from shapebias.reporting.image_browser import BrowserImages
from shapebias.reporting.panels import panels


def image(name, *mapped):
    """Make an image with maps of some models."""
    answers = {model: {"maps": {"gradient": f"map of {model}"}} for model in mapped}
    return {"id": name, "truth": {}, "seen": [f"picture of {name}"], "answers": [answers]}


def test_images_with_maps_are_shown_before_those_without():
    images = [image("bare"), image("half", "a"), image("whole", "a", "b"), image("bare too"), image("also", "a", "b")]
    browsed = BrowserImages("photos", 5, ["clean"], ["a", "b"], ["gradient"], kept=True, images=images)
    (panel,) = panels(browsed)
    shown = [row[0].picture for row in panel.rows]
    assert shown[:3] == ["picture of whole", "picture of also", "picture of half"]
    assert [cell.picture for cell in panel.rows[0][1:]] == ["map of a", "map of b"]
