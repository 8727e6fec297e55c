"""Drawn pictures with exactly known shape, texture and object: no download, any number, any size.

A picture is one plain background and one object.  The object has one of eight outlines, filled with one of eight
textures: shape i and texture i make class i.  Everything else is random and independent of the class: the position,
size, angle and colours of the object, and the angle, scale and phase of the texture.

Both shapes and textures are signed distances to their edges, in pixels.  So an edge is one pixel wide at any size of
picture, for lines as for arcs, and the mask is the sign at the centre of each pixel.

Every number comes from Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") with the key
(seed, index) and one counter for each purpose.  Picture i is therefore the same whether it is drawn alone or in order,
and under every cue and contrast it has the same object at the same position in the same colours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SHAPES", "TEXTURES", "Stimuli"]

Grid: TypeAlias = NDArray[np.floating[Any]]
Random: TypeAlias = np.random.Generator

# Purposes of random numbers; each has its own counter of the generator.
_PAIRS, _OBJECT, _TEXTURE = range(3)

# The largest distance of any shape from its centre, in radii of the disc of the same area; the triangle has 1.56.
_REACH = 1.6


@attrs.frozen
class Stimuli:
    """Pictures in which shape and texture agree or disagree, or only one of them is present.

    The label of a picture is its class under ``match``, its shape under ``conflict`` and ``shape``, its texture under
    ``texture``, and the label of picture i is the same under all four.  Each run of 56 pictures holds every pair of
    a shape with another texture once under ``conflict``, and every class seven times under the others.

    The texture is added to the object's colour; its mean over the object is 0, and light and dark differ by
    ``contrast``.  An adversary with eps = 8/255 can therefore remove half of the default contrast of 0.12, or paint
    another texture at half contrast, while object and background differ by 0.2 to 0.4 in grey level (mean of R, G, B).

    Args:
        cue: ``match``: shape i with texture i; ``conflict``: shape i with texture j; ``shape``: the object in
            plain colour; ``texture``: texture everywhere, no object and no mask.
        images: number of pictures; a multiple of 56 has all pairs equally often.
        size: side of the picture in pixels; shapes and textures scale with it.
        contrast: difference between light and dark in the texture.
        seed: each seed gives different pictures: train with one and test with another.

    Source: the four kinds follow Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture", section 2;
    the pictures are new.

    >>> pictures = Stimuli(cue="conflict", images=56)
    >>> picture = pictures[0]
    >>> picture.image.shape, picture.image.dtype, picture.label == picture.shape, picture.texture == picture.shape
    ((64, 64, 3), dtype('uint8'), True, False)
    >>> pictures.classes[:3]
    ('disc/dots', 'square/stripes', 'triangle/checks')
    """

    cue: Literal["match", "conflict", "shape", "texture"] = param("which cues show the class", default="match")
    images: int = param("number of pictures", default=1120, ge=1)
    size: int = param("side of the picture; textures are legible from 32", default=64, ge=16, unit="pixels")
    contrast: float = param("light minus dark of the texture", default=0.12, ge=0, le=1, unit="pixel value")
    seed: int = param("seed of the pictures", default=0, ge=0, lt=2**63)

    @property
    def classes(self) -> tuple[str, ...]:
        """The eight ``shape/texture`` pairs that belong together."""
        return tuple(f"{shape}/{texture}" for shape, texture in zip(SHAPES, TEXTURES, strict=True))

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, index: int) -> Sample:
        index = range(self.images)[index]
        shape, other = self._pair(index)
        texture = other if self.cue == "conflict" else shape
        fill, background, distance = self._object(shape, index)
        coverage = np.ones_like(distance) if self.cue == "texture" else np.clip(0.5 - distance, 0, 1)
        if self.cue != "shape":
            tones = self._texture(texture, index)
            tones -= np.average(tones, weights=coverage)
            fill = fill + self.contrast * tones[..., None]
        pixels = background + coverage[..., None] * (fill - background)
        return Sample(
            image=np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8),
            id=f"{index:06d}",
            label=shape,
            shape=None if self.cue == "texture" else shape,
            texture=None if self.cue == "shape" else texture,
            mask=None if self.cue == "texture" else distance < 0,
        )

    def _random(self, purpose: int, index: int) -> Random:
        return Random(np.random.Philox(key=[self.seed, index], counter=[0, 0, 0, purpose]))

    def _pair(self, index: int) -> tuple[int, int]:
        """Choose a shape and another texture: each run of 56 pictures has all such pairs, in its own random order."""
        others = len(TEXTURES) - 1
        run, position = divmod(index, len(SHAPES) * others)
        order = self._random(_PAIRS, run).random(len(SHAPES) * others).argsort()
        shape, step = divmod(int(order[position]), others)
        return shape, (shape + 1 + step) % len(TEXTURES)

    def _object(self, shape: int, index: int) -> tuple[Grid, Grid, Grid]:
        """Draw the object: its two colours, (3,) each, and the distance to its outline in pixels, negative inside."""
        random = self._random(_OBJECT, index)
        outline, area = list(SHAPES.values())[shape]
        radius = random.uniform(0.2, 0.3)
        centre = random.uniform(_REACH * radius, 1 - _REACH * radius, 2)
        angle = random.uniform(0, 2 * math.pi)
        lighter = 1 if random.random() < 1 / 2 else -1
        greys = 0.5 + np.array([lighter, -lighter]) * random.uniform(0.1, 0.2, 2)
        hues = random.uniform(-0.15, 0.15, (2, 3))
        fill, background = (greys[:, None] + hues - hues.mean(1, keepdims=True)).astype(np.float32)
        unit = self.size * radius * math.sqrt(math.pi / area)  # all shapes have the area of the disc
        return fill, background, outline(*_plane(self.size, self.size * centre, angle, unit)) * unit

    def _texture(self, texture: int, index: int) -> Grid:
        """Draw the texture over the whole picture, (H, W), from -1/2 where dark to 1/2 where light."""
        random = self._random(_TEXTURE, index)
        unit = self.size / 8 * random.uniform(0.9, 1.1)
        offset = self.size * random.uniform(0, 1, 2)
        x, y = _plane(self.size, offset, random.uniform(0, 2 * math.pi), unit)
        distance = list(TEXTURES.values())[texture](x, y, random) * unit
        return distance.clip(-0.5, 0.5)


def _plane(size: int, origin: NDArray[np.float64], angle: float, unit: float) -> tuple[Grid, Grid]:
    """Return x and y, (H, W) each, of the pixels' centres in a rotated frame of the given unit."""
    column, row = (np.arange(size) + 0.5 - origin[:, None]) / unit
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = np.add.outer(sine * row, cosine * column), np.add.outer(cosine * row, -sine * column)
    return x.astype(np.float32), y.astype(np.float32)


def _union(first: Grid, second: Grid) -> Grid:
    return np.minimum(first, second, dtype=np.float32)


def _intersection(first: Grid, second: Grid) -> Grid:
    return np.maximum(first, second, dtype=np.float32)


def _length(x: Grid, y: Grid) -> Grid:
    return (x * x + y * y) ** 0.5


def _disc(x: Grid, y: Grid) -> Grid:
    return _length(x, y) - 1


def _box(x: Grid, y: Grid, width: float = 1, height: float = 1) -> Grid:
    return _intersection(abs(x) - width, abs(y) - height)


def _triangle(x: Grid, y: Grid) -> Grid:
    return _intersection(-y, abs(x) * (math.sqrt(3) / 2) + y / 2) - 1


def _star(x: Grid, y: Grid) -> Grid:
    """Map the plane onto one of the ten equal edges, from a tip at distance 1 to a notch at 1/2."""
    tenth = math.pi / 5
    angle = abs((np.arctan2(y, x) + tenth) % (2 * tenth) - tenth)
    normal = math.atan2(1 - math.cos(tenth) / 2, math.sin(tenth) / 2)
    return _length(x, y) * np.cos(angle - normal) - math.cos(normal)


def _cross(x: Grid, y: Grid) -> Grid:
    return _union(_box(x, y, 3, 1), _box(x, y, 1, 3))


def _ring(x: Grid, y: Grid) -> Grid:
    return abs(_length(x, y) - 3) - 1


def _heart(x: Grid, y: Grid) -> Grid:
    """A square with a half disc on two of its sides, shifted so that it rotates about its middle."""
    x, y = x + 0.25, y + 0.25
    return _union(_box(x, y), _union(_disc(x - 1, y), _disc(x, y - 1)))


def _crescent(x: Grid, y: Grid) -> Grid:
    return _intersection(_disc(x, y), 0.75 - _length(x - 0.5, y))


def _nearest(values: Grid, period: float = 1) -> Grid:
    """Return the signed distance to the nearest multiple of ``period``."""
    return values - period * (values / period).round()


def _lattice(x: Grid, y: Grid, spacing: float) -> Grid:
    """Return the distance to the nearest point of a triangular lattice."""
    height = spacing * math.sqrt(3)
    even = _length(_nearest(x, spacing), _nearest(y, height))
    odd = _length(_nearest(x - spacing / 2, spacing), _nearest(y - height / 2, height))
    return _union(even, odd)


def _dots(x: Grid, y: Grid, _: Random) -> Grid:
    return 0.4 - _lattice(x, y, 1.3)


def _stripes(x: Grid, _y: Grid, _: Random) -> Grid:
    return abs(_nearest(x)) - 0.25


def _checks(x: Grid, y: Grid, _: Random) -> Grid:
    rows, columns = abs(_nearest(y, 1.5)) - 0.375, abs(_nearest(x, 1.5)) - 0.375
    return _union(_intersection(rows, -columns), _intersection(-rows, columns))


def _zigzag(x: Grid, y: Grid, _: Random) -> Grid:
    return (abs(_nearest(x + abs(_nearest(y, 2)), 1.4)) - 0.35) * math.sqrt(0.5)


def _bricks(x: Grid, y: Grid, _: Random) -> Grid:
    shifted = x + np.floor(y)
    return _union(abs(_nearest(y)), abs(_nearest(shifted, 2))) - 0.15


def _grain(x: Grid, y: Grid, random: Random) -> Grid:
    light = random.random((64, 64)) < 1 / 2
    rows, columns = np.floor(4 * y).astype(int) % 64, np.floor(4 * x).astype(int) % 64
    return np.where(light[rows, columns], np.float32(1), np.float32(-1))


def _bubbles(x: Grid, y: Grid, _: Random) -> Grid:
    return 0.25 - abs(_lattice(x, y, 2) - 0.65)


def _blotches(x: Grid, y: Grid, random: Random) -> Grid:
    """Add waves of length 1.5 from eight directions; the mean slope of the sum is about 1, like that of a distance."""
    field = np.zeros_like(x)
    for direction in range(8):
        angle, phase = direction * math.pi / 8, random.uniform(0, 2 * math.pi)
        field += np.cos(2 * math.pi / 1.5 * (math.cos(angle) * x + math.sin(angle) * y) + phase)
    return field / 8


SHAPES: dict[str, tuple[Callable[[Grid, Grid], Grid], float]] = {
    "disc": (_disc, math.pi),
    "square": (_box, 4),
    "triangle": (_triangle, 3 * math.sqrt(3)),
    "star": (_star, 5 / 2 * math.sin(math.pi / 5)),
    "cross": (_cross, 20),
    "ring": (_ring, 12 * math.pi),
    "heart": (_heart, 4 + math.pi),
    "crescent": (_crescent, 1.6662),
}
"""Each shape's distance to its outline, and its area, in the shape's unit."""

TEXTURES: dict[str, Callable[[Grid, Grid, Random], Grid]] = {
    "dots": _dots,
    "stripes": _stripes,
    "checks": _checks,
    "zigzag": _zigzag,
    "bricks": _bricks,
    "grain": _grain,
    "bubbles": _bubbles,
    "blotches": _blotches,
}
"""Each texture's distance to the nearest edge, positive where light, in eighths of the picture."""
