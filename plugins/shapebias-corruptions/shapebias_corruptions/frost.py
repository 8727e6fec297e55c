"""``c-frost``: overlaid photographs of ice crystals.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import platformdirs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import ImageRandom, ShapebiasError, download, images_below, param, read_image
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["Frost", "Frosted"]

_FROST = PublishedConstants(  # weight of the image, and of the frost
    imagenet=((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    cifar=((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
)
_SCALE = {"imagenet": 1.0, "cifar": 0.2}
_SOURCE = "https://raw.githubusercontent.com/bethgelab/imagecorruptions/master/imagecorruptions/frost"
# There is a sixth, which the released code does not use.
_SHA256 = {
    "frost1.png": "ff9f907860bd7a835d459e32f9d588062b7f61ee267343cc7222b56753a14755",
    "frost2.png": "fe211a89b336999c207a852ce05818d4545d0b57c5beadd824b4cc9d9a9b6137",
    "frost3.png": "2d0d50b4a9bb213f38b024ef7768731bb83cc08d2f26b5766bbc167cdfa0e504",
    "frost4.jpg": "3f8b91ca1a9fa7167b09e773da53f5ae60d0a1fd88f02a783f6e328a72887f6e",
    "frost5.jpg": "5fc6a19df4a429ba68abdcc8f8a4278d4c9f81c9ccafd2c92ab0c8cf8992ebd2",
}


@attrs.frozen
class Frost:
    """Add a random part of a random photograph of frost.

    With the constants of ImageNet-C photographs keep their size; with those of CIFAR-10-C they are reduced to a fifth
    of it.  A photograph that is smaller than the images is enlarged to cover them.

    Raises:
        ShapebiasError: when loaded: the photographs cannot be downloaded, or the folder has none.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS
    photos: Path | None = param("folder of frost photographs; none downloads the five published ones", default=None)

    def load(self, device: torch.device) -> Frosted:
        """Read the photographs, and scale them."""
        pixels = [torch.from_numpy(np.array(read_image(path))).to(device) for path in _photographs(self.photos)]
        photographs = [each.permute(2, 0, 1)[None] / 255 for each in pixels]
        scale = _SCALE[self.constants]
        if scale != 1:
            photographs = [functional.interpolate(each, scale_factor=scale, mode="bilinear") for each in photographs]
        return Frosted(photographs, *_FROST.of(self))


def _photographs(folder: Path | None) -> Sequence[Path]:
    if folder is None:
        cache = platformdirs.user_cache_path("shapebias") / "frost"
        try:
            return [download(f"{_SOURCE}/{name}", cache / name, digest) for name, digest in _SHA256.items()]
        except ShapebiasError as error:
            raise ShapebiasError(
                f"c-frost: the frost photographs cannot be downloaded; give photos=FOLDER with your own, or:\n{error}"
            ) from error
    if not folder.is_dir() or not (names := images_below(folder)):
        raise ShapebiasError(f"c-frost: photos={folder} has no images; give a folder of photographs of frost")
    return [folder / name for name in names]


@attrs.frozen(eq=False)
class Frosted:
    """Frost with its photographs, each (1, 3, h, w) in [0, 1], and the weights of image and frost."""

    photographs: Sequence[Tensor]
    kept: float
    added: float

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        chosen = rng.integers("photograph", 0, (), high=len(self.photographs)).tolist()
        corners = rng.uniform("corner", 0, (2,)).tolist()
        size = images.shape[2:]
        parts = [_part(self.photographs[each], size, *corner) for each, corner in zip(chosen, corners, strict=True)]
        return (self.kept * images + self.added * torch.cat(parts).to(images)).clamp(0, 1)


def _part(photograph: Tensor, size: torch.Size, down: float, across: float) -> Tensor:
    """Crop a part of a photograph; ``down`` and ``across`` in [0, 1) are its position."""
    short = max(want / have for want, have in zip(size, photograph.shape[2:], strict=True))
    if short > 1:
        enough = [max(want, round(have * short)) for want, have in zip(size, photograph.shape[2:], strict=True)]
        photograph = functional.interpolate(photograph, enough, mode="bicubic").clamp(0, 1)
    # As in the released code, the last position is not used if there is another.
    positions = [max(1, have - want) for want, have in zip(size, photograph.shape[2:], strict=True)]
    top, left = int(down * positions[0]), int(across * positions[1])
    return photograph[..., top : top + size[0], left : left + size[1]]
