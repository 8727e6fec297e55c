"""``stylize``: paint an image in the style of another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import attrs
import torch
from PIL import Image
from torch import Tensor

from shapebias.errors import DataError, SpellingError, WeightsError
from shapebias.images.reading import fit, images_below, read_image
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._adain import AdaIN, published_weights
from shapebias.transforms._microast import MicroAST
from shapebias.transforms._textures import COUNT, draw_texture

__all__ = ["Stylize"]

_NETWORKS: dict[str, type[AdaIN | MicroAST]] = {"adain": AdaIN, "microast": MicroAST}
_WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".pth.tar")
_SMALLEST = 16


@attrs.frozen
class Stylize:
    """Paint each image in the style of a texture or painting: shape stays, texture and colour are those of the style.

    Each image gets one style, drawn uniformly from all of them.  A style is read once, with its short side resized to
    ``style_size`` and its centre cut out, and only the statistics of its features are kept.

    - ``method=adain``: VGG-19 up to relu4_1 and a decoder.  The features of the image are given the mean and the
      standard deviation of the style's features in each channel.  This is how Stylized-ImageNet was made.
    - ``method=microast``: two small encoders and a decoder, 0.47 million weights instead of 7 million.

    Args:
        method: the network.
        alpha: share of the style in the features; at 0 AdaIN only encodes and decodes the image, while the filters of
            MicroAST's decoder still depend on the style.
        styles: folder of style images, at any depth; none takes 64 synthetic textures.
        style_size: side that styles are resized to; none takes the short side of the images.
        weights: folder with the published files, as safetensors or as torch saved them: ``vgg_normalised`` and
            ``decoder`` of pytorch-AdaIN, or ``content_encoder``, ``style_encoder``, ``modulator`` and ``decoder`` of
            MicroAST; names may go on after these words.  None downloads those of AdaIN once and checks their SHA-256.

    Raises:
        SpellingError: MicroAST without weights, which cannot be downloaded.
        WeightsError, DataError: when loaded: weights or styles are missing or damaged; when called: the images are
            smaller than 16 x 16 pixels.

    Source: Huang & Belongie 2017, Arbitrary style transfer in real-time with adaptive instance normalization; Wang et
    al. 2023, MicroAST; Geirhos et al. 2019, section 2.1, for one random style per image.

    >>> from shapebias.spelling.params import spell
    >>> spell("stylize", Stylize("microast", styles="textures", weights="microast"), full=False)
    'stylize:method=microast,styles=textures,weights=microast'
    """

    method: Literal["adain", "microast"] = param("network that transfers the style", default="adain")
    alpha: float = param("share of the style in the features", default=1.0, ge=0, le=1)
    styles: Path | None = param("folder of style images; none takes synthetic textures", default=None)
    style_size: int | None = param(
        "side of the styles; none takes that of the images", default=None, ge=_SMALLEST, unit="pixels"
    )
    weights: Path | None = param("folder of the weights; none downloads those of adain", default=None)

    def __attrs_post_init__(self) -> None:
        if self.method == "microast" and self.weights is None:
            raise SpellingError(
                "stylize: method=microast needs weights=FOLDER with content_encoder, style_encoder, modulator and "
                "decoder, from the folder 'models' of https://github.com/EndyWon/MicroAST"
            )

    def files(self) -> list[Path]:
        """List the weights, each hashed by its content, and the folder of styles, hashed by its listing."""
        weights = [] if self.weights is None else _find_weights(self.weights, _NETWORKS[self.method].FILES)
        return weights if self.styles is None else [*weights, self.styles]

    def load(self, device: torch.device) -> Stylizer:
        """Make the network, read its weights and list the styles."""
        with torch.device("meta"):  # no random initialisation: every weight is read from the files
            network = _NETWORKS[self.method]()
        network.to_empty(device="cpu")
        network.read(*(published_weights() if self.weights is None else _find_weights(self.weights, network.FILES)))
        network.eval().requires_grad_(requires_grad=False).to(device).to(memory_format=torch.channels_last)
        return Stylizer(network, _styles(self.styles), self.style_size, self.alpha)


def _find_weights(folder: Path, names: Sequence[str]) -> list[Path]:
    """Find the one weight file in a folder whose name begins with each of ``names``."""
    if not folder.is_dir():
        raise WeightsError(f"stylize: weights={folder} is not a folder; it must have {', '.join(names)}")
    files = sorted(path for path in folder.iterdir() if path.name.endswith(_WEIGHT_SUFFIXES))
    found = [[path for path in files if path.name.startswith(name)] for name in names]
    for name, paths in zip(names, found, strict=True):
        if len(paths) != 1:
            has = ", ".join(path.name for path in paths) or "none"
            raise WeightsError(
                f"stylize: weights={folder} must have one file {name}*.safetensors or {name}*.pth, and it has {has}"
            )
    return [path for (path,) in found]


def _styles(folder: Path | None) -> list[Callable[[], Image.Image]]:
    """List functions that return a style image each; those of a folder are sorted by their paths."""
    if folder is None:
        return [functools.partial(draw_texture, index) for index in range(COUNT)]
    paths = sorted(images_below(folder))
    if not paths:
        raise DataError(f"stylize: styles={folder} has no images; give a folder of textures or paintings")
    return [functools.partial(read_image, folder / path) for path in paths]


@attrs.frozen(eq=False)
class Stylizer:
    """A loaded network with its styles.

    Args:
        network: :class:`AdaIN` or :class:`MicroAST`.
        styles: functions that return a style image each.
        style_size: see :class:`Stylize`.
        alpha: see :class:`Stylize`.
    """

    network: AdaIN | MicroAST
    styles: Sequence[Callable[[], Image.Image]]
    style_size: int | None
    alpha: float
    _encoded: dict[tuple[int, int], Tensor] = attrs.field(factory=dict, init=False)

    @torch.no_grad()
    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Paint (N, 3, H, W) images in [0, 1]."""
        height, width = images.shape[-2:]
        if min(height, width) < _SMALLEST:
            raise DataError(f"stylize: images of {height} x {width} pixels are too small; it needs 16 x 16 or more")
        chosen = rng.integers("style", 0, (), high=len(self.styles)).tolist()
        size = self.style_size or min(height, width)
        style = torch.cat([self._encode(index, size, images.device) for index in chosen])
        painted: Tensor = self.network(images, style, self.alpha)
        return painted[..., :height, :width].clamp(0, 1)  # its sides are multiples of 4 or 8

    def _encode(self, index: int, size: int, device: torch.device) -> Tensor:
        """Return the statistics of a style, computed alone, so that they are the same in every batch."""
        if (index, size) not in self._encoded:
            pixels = torch.from_numpy(fit(self.styles[index](), size)).to(device)
            self._encoded[index, size] = self.network.encode_style(pixels.permute(2, 0, 1)[None] / 255)
        return self._encoded[index, size]
