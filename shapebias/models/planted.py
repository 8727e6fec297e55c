"""``planted``: classifiers of the drawn stimuli with a known reliance on shape, which is set by a parameter.

Two streams get the grey values of a picture.  What each can see is fixed by its construction, not by its training:

- the *shape* stream sees where the coarse picture has edges.  The picture is blurred until little of its texture is
  left, and a small network gets the energy of the slope: zero in flat regions, so it reads the contour;
- the *texture* stream sees the inside of the object without its rim and its mean.  A small network with a receptive
  field of 17 pixels gets it, and its answer is the mean over all positions: it does not know where anything is.

Of all pictures a share ``reliance`` is answered by the shape stream, the others by the texture stream.  Which one a
picture gets is decided by a digit of its mean colour that is independent of the class, so the shape bias of the
planted model is ``reliance``, except for its streams' few errors and for chance.
"""

from __future__ import annotations

import itertools
import math
from importlib import resources
from pathlib import Path

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.networks.weights import load_weights, seeded_weights
from shapebias.spelling.params import param

__all__ = ["Planted", "PlantedNetwork", "ShapeStream", "TextureStream"]

_SIDE = 64
_CLASSES = 8
_DIGITS = 200  # how often the streams alternate between a mean colour of 0 and one of 1

_COARSE = 3.0  # width of the Gaussian in pixels: textures repeat every 8 to 16, objects have radii of 13 to 19
_FAINT = 0.025**2  # squared slope of the coarse picture below which there is no contour, in pixel values per pixel
_DIFFERS = 0.1  # grey values: half of the smallest difference between object and background
_RIM = 2  # pixels
_SMALL = 0.01  # share of the picture
_NO_TEXTURE = 0.004**2  # squared pixel values: the error of 8 bits


@attrs.frozen
class Planted:
    """A classifier of ``stimuli`` that is known to use shape on a share of the pictures and texture on the others.

    For calibration: a measure of reliance on shape must follow ``reliance``, and a saliency map must be on the contour
    where the answer came from the shape, and inside the object where it came from the texture.  The weights of its
    streams come with shapebias; ``benchmarks/train_planted.py`` makes them.

    >>> model = Planted(reliance=1).load(torch.device("cpu"))
    >>> model(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 8])
    """

    reliance: float = param("share of the pictures that are answered by their shape", default=0.5, ge=0, le=1)

    def load(self, device: torch.device) -> Classifier:
        """Make the network."""
        with seeded_weights(0):  # the weights are replaced; the global generator is not changed
            network = PlantedNetwork(self.reliance)
        with resources.as_file(resources.files("shapebias") / "resources" / "planted.safetensors") as weights:
            load_weights(network, Path(weights))
        network.eval().to(device)
        features = self._features(network)
        return Classifier(network, (0.0,) * 3, (1.0,) * 3, input_size=(_SIDE, _SIDE), features=features)

    def _features(self, network: PlantedNetwork) -> Features | None:
        """Return the last layer with a grid, if there is only one stream; two streams share none."""
        layers = {0.0: network.texture.network[3], 1.0: network.shape.network[3]}
        layer = layers.get(self.reliance)
        return None if layer is None else Features(layer)


class PlantedNetwork(nn.Module):
    """Answer some pictures by their shape and the others by their texture.

    Args:
        reliance: share of the pictures that are answered by their shape.
    """

    def __init__(self, reliance: float) -> None:
        super().__init__()
        self.reliance = reliance
        self.shape = ShapeStream()
        self.texture = TextureStream()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 8) of (N, 3, 64, 64) pixels in [0, 1]."""
        by_shape = self.uses_shape(images)
        logits = images.new_zeros(len(images), _CLASSES)
        if by_shape.any():
            logits = logits.index_put((by_shape,), self.shape(images[by_shape]))
        if not by_shape.all():
            logits = logits.index_put((~by_shape,), self.texture(images[~by_shape]))
        return logits

    def uses_shape(self, images: Tensor) -> Tensor:
        """Return which pictures are answered by their shape, (N,) bool."""
        redness = images[:, 0].mean(dim=(1, 2)) - images[:, 2].mean(dim=(1, 2))
        return (_DIGITS * redness) % 1 < self.reliance


class ShapeStream(nn.Module):
    """Read the contour: a network on the edge energy of the coarse picture."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 48, 64)
        layers = [
            _layer(inputs, outputs, stride=1 if position == 0 else 2)
            for position, (inputs, outputs) in enumerate(itertools.pairwise(widths))
        ]
        self.network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, _CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 8)."""
        return self.answer(contour_energy(images))

    def answer(self, energy: Tensor) -> Tensor:
        """Return logits (N, 8) for the energy (N, 1, 64, 64)."""
        logits: Tensor = self.network(functional.avg_pool2d(energy, 2))
        return logits


class TextureStream(nn.Module):
    """Read the texture: the mean answer of a network with a small receptive field, over the inside of the object."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.network = nn.Sequential(
            first,
            _layer(16, 24, stride=1),
            _layer(24, 24, stride=1),
            _layer(24, 24, stride=1),
            nn.Conv2d(24, _CLASSES, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 8)."""
        return self.answer(*fine_structure(images))

    def answer(self, structure: Tensor, weights: Tensor) -> Tensor:
        """Return logits (N, 8) for the fine structure and the weights of the positions, (N, 1, 64, 64) each."""
        shares = functional.avg_pool2d(weights, 2, divisor_override=1)
        logits: Tensor = (self.network(structure) * shares).sum(dim=(2, 3))
        return logits


def contour_energy(images: Tensor) -> Tensor:
    """Return the squared slope of the coarse picture relative to its steepest, (N, 1, H, W) in [0, 1]."""
    coarse = functional.pad(_blurred(_grey(images), _COARSE), (1, 1, 1, 1), mode="replicate")
    across = (coarse[..., 1:-1, 2:] - coarse[..., 1:-1, :-2]) / 2
    down = (coarse[..., 2:, 1:-1] - coarse[..., :-2, 1:-1]) / 2
    energy = across.square() + down.square()
    return energy / energy.detach().amax(dim=(2, 3), keepdim=True).clamp(min=_FAINT)


def fine_structure(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the interior of the object, scaled to mean 0 and contrast 1, and the weight of each position.

    The background has the colour of the border; the object is what differs from it, without its rim.  If there is no
    object, the whole picture counts.  Both results are (N, 1, H, W); the weights of a picture add up to 1.
    """
    grey = _grey(images)
    with torch.no_grad():
        weights = _inside(grey)
        weights = weights / weights.sum(dim=(2, 3), keepdim=True)
    present = (weights > 0).to(grey.dtype)
    structure = (grey - (grey * weights).sum(dim=(2, 3), keepdim=True)) * present
    with torch.no_grad():
        contrast = ((structure.square() * weights).sum(dim=(2, 3), keepdim=True) + _NO_TEXTURE).sqrt()
    return structure / contrast, weights


def _inside(grey: Tensor) -> Tensor:
    """Return which positions are in the object, (N, 1, H, W), 0 or 1."""
    border = torch.cat([grey[..., 0, :], grey[..., -1, :], grey[..., 0], grey[..., -1]], dim=2)
    background = border.median(dim=2, keepdim=True).values[..., None]
    outside = ((grey - background).abs() < _DIFFERS).to(grey.dtype)
    inside = 1 - functional.max_pool2d(outside, 2 * _RIM + 1, stride=1, padding=_RIM)
    absent = inside.mean(dim=(2, 3), keepdim=True) < _SMALL
    return torch.where(absent, torch.ones_like(inside), inside)


def _grey(images: Tensor) -> Tensor:
    return images.mean(dim=1, keepdim=True)


def _blurred(images: Tensor, width: float) -> Tensor:
    """Convolve (N, 1, H, W) with a Gaussian cut off at three widths; border pixels are repeated beyond the border."""
    reach = math.ceil(3 * width)
    positions = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.softmax(-(positions**2) / (2 * width**2), dim=0)
    padded = functional.pad(images, (reach,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def _layer(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())
