"""Prepare Matplotlib's SVG for a page: unique ids, the page's colours, a description for screen readers."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from shapebias.reporting.palette import themed

__all__ = ["inline"]

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font:[^;]*?(\d[\d.]*)px[^;]*")


def inline(text: str, prefix: str, title: str) -> str:
    """Turn a file into an element of a page.

    Args:
        text: what :func:`shapebias.reporting.mpl_style.to_svg` wrote.
        prefix: put before every id, so that two figures on one page have none in common.
        title: what the figure shows, for those who do not see it.
    """
    root = ET.fromstring(text)  # noqa: S314 - our own file, made a moment ago
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    used = _references(root)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        identifier = element.attrib.pop("id", None)
        if identifier in used:
            element.set("id", prefix + identifier)
        for name, value in [*element.attrib.items()]:
            element.set(name, _rewritten(value, prefix))
        link = element.attrib.pop(_XLINK, None)
        if link is not None:  # to a shape of this figure, or a whole picture as a data: address
            element.set("href", f"#{prefix}{link[1:]}" if link.startswith("#") else link)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.attrib.update({"role": "img", "aria-label": title, "class": "figure"})
    return ET.tostring(root, encoding="unicode")


def _references(root: ET.Element) -> set[str]:
    """Find the ids that something in the figure points to."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    links = [element.attrib[_XLINK][1:] for element in root.iter() if element.attrib.get(_XLINK, "").startswith("#")]
    return {*links, *(name for value in values for name in re.findall(r"url\(#([^)]+)\)", value))}


def _rewritten(value: str, prefix: str) -> str:
    value = re.sub(r"url\(#", f"url(#{prefix}", value)
    value = _FONT.sub(r"font-size: \1px", value)
    return themed(value)
