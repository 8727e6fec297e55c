"""Draw images in rows and columns, with captions."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from PIL import Image, ImageFont

__all__ = ["contact_sheet"]

# In pixels; _NOTES is the width of the captions to the left of the rows.
_SMALLEST, _NOTES = 128, 120
_GAP, _MARGIN, _LINE, _FONT_SIZE = 4, 10, 16, 13
_INK, _FAINT_INK = (32, 32, 32), (112, 112, 112)


def contact_sheet(
    images: Tensor, titles: Sequence[str], captions: Sequence[tuple[str, str]], largest: int = 256
) -> Image.Image:
    """Draw rows of images, with a title above each column and a caption to the left of each row.

    Small images are enlarged by an integer factor, without smoothing; large ones are reduced.

    Args:
        images: (N, K, 3, H, W) in [0, 1].
        titles: K texts, wrapped to the width of the images.
        captions: N pairs of texts; the second is fainter.
        largest: the longest side of an image on the sheet, in pixels; larger images are reduced.
    """
    from PIL import Image, ImageDraw

    tiles = _sized(images, largest)
    height, width = tiles.shape[2:4]
    headings = [_wrapped(title, width) for title in titles]
    notes = [_noted(*caption) for caption in captions]
    top, left = _MARGIN + _LINE * max(map(len, headings)) + _GAP, _MARGIN + _NOTES + _GAP
    across, down = width + _GAP, max(height, _LINE * max(map(len, notes))) + _GAP
    size = left + len(headings) * across - _GAP + _MARGIN, top + len(notes) * down - _GAP + _MARGIN
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, heading in enumerate(headings):
        middle, above = left + column * across + width / 2, top - _GAP - _LINE * len(heading)
        for line, text in enumerate(heading):
            draw.text((middle, above + _LINE * line), text, _INK, _font(), anchor="ma")
    for row, note in enumerate(notes):
        for line, (text, ink) in enumerate(note):
            draw.text((left - 2 * _GAP, top + row * down + _LINE * line), text, ink, _font(), anchor="ra")
        for column, tile in enumerate(tiles[row]):
            sheet.paste(Image.fromarray(tile.numpy()), (left + column * across, top + row * down))
    return sheet


def _sized(images: Tensor, largest: int) -> Tensor:
    """Resize images for the sheet, (N, K, H, W, 3) bytes."""
    height, width = images.shape[-2:]
    longest = max(height, width)
    flat = images.flatten(0, 1)
    if longest > largest:
        size = [max(1, round(side * largest / longest)) for side in (height, width)]
        flat = functional.interpolate(flat, size, mode="area")
    elif longest < _SMALLEST:
        flat = functional.interpolate(flat, scale_factor=math.ceil(_SMALLEST / longest), mode="nearest-exact")
    sized: Tensor = (flat * 255).round().to(torch.uint8).permute(0, 2, 3, 1).unflatten(0, images.shape[:2])
    return sized


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_FONT_SIZE)


def _noted(label: str, name: str) -> list[tuple[str, tuple[int, int, int]]]:
    """Break the two texts of a caption into lines with their colours."""
    return [(line, ink) for text, ink in ((label, _INK), (name, _FAINT_INK)) for line in _wrapped(text, _NOTES)]


def _wrapped(text: str, width: int, separators: Sequence[str] = ("+", ":, ", "/_-", "")) -> list[str]:
    """Break a text into lines: between steps if that is enough, else between settings, between words, or anywhere."""
    if not text or _font().getlength(text) <= width:
        return [text] * bool(text)
    here, *deeper = separators
    pieces = re.findall(f"[^{here}]*[{here}]|[^{here}]+", text) if here else list(text)
    lines: list[str] = []
    for part in (part for piece in pieces for part in (_wrapped(piece, width, deeper) if deeper else [piece])):
        if lines and _font().getlength(lines[-1] + part) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return lines
