"""Compare the speed and the results of every corruption with ``imagecorruptions`` 1.1.2.

    python benchmarks/against_imagecorruptions.py FOLDER_OF_PHOTOS [CORRUPTION ...]

Needs ``pip install imagecorruptions``, which installs opencv-python.  One thread; photographs of 224 x 224 pixels.

- images/s: at severity 3, this package in batches of 16, theirs one by one, which is all it supports; seconds of
  the processor, so that a busy machine does not matter.
- difference: for corruptions without randomness, the mean and the largest over all severities, in grey levels of 255.
- change: for random corruptions, the root mean square of what is added to the images, and the share of its power in
  the finest half of the frequencies; the two libraries draw different numbers.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
import types
from pathlib import Path

import numpy as np
import scipy.ndimage
import skimage.filters
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.plugin import ImageRandom, default_catalog, images_below, read_image

PHOTOS, BATCH = 16, 16
BY_CHANCE = "gaussian-noise shot-noise impulse-noise speckle-noise glass-blur motion-blur snow frost fog spatter"


def load_theirs() -> types.ModuleType:
    """Import ``imagecorruptions``, which needs names that newer libraries have removed."""

    def gaussian(image: NDArray[np.float64], *, multichannel: bool = False, **options: object) -> NDArray[np.float64]:
        return skimage.filters.gaussian(image, channel_axis=2 if multichannel else None, **options)

    found = importlib.util.find_spec("imagecorruptions")
    if found is None or found.origin is None:
        raise SystemExit("install imagecorruptions first")
    folder = Path(found.origin).parent
    np.float_ = np.float64  # noqa: NPY201 - theirs says so
    interpolation, resources = types.ModuleType("interpolation"), types.ModuleType("pkg_resources")
    interpolation.map_coordinates = scipy.ndimage.map_coordinates
    resources.resource_filename = lambda _module, path: str(folder / path)
    sys.modules |= {"scipy.ndimage.interpolation": interpolation, "pkg_resources": resources}
    module = importlib.import_module("imagecorruptions")
    # Positional sigma; their functions look the name up when they are called.
    module.corruptions.gaussian = lambda image, sigma=1, **options: gaussian(image, sigma=sigma, **options)
    module.frost_photos = folder / "frost"
    return module


def photographs(folder: Path) -> NDArray[np.uint8]:
    """Crop the middle of the first photographs."""
    found = []
    for name in images_below(folder)[:PHOTOS]:
        pixels = np.array(read_image(folder / name))
        top, left = ((side - 224) // 2 for side in pixels.shape[:2])
        found.append(pixels[top : top + 224, left : left + 224])
    return np.stack(found)


def ours(name: str, severity: int, images: Tensor, photos: Path) -> Tensor:
    """Corrupt all images in batches."""
    text = f"c-{name}:severity={severity}" + (f",photos='{photos}'" if name == "frost" else "")
    corruption = default_catalog().component("transform", text).settings
    if hasattr(corruption, "load"):
        corruption = corruption.load(torch.device("cpu"))
    ids = [str(index) for index in range(len(images))]
    rng = ImageRandom.for_images(0, f"c-{name}", 0, ids)
    rows = range(0, len(images), BATCH)
    return torch.cat([corruption(images[row : row + BATCH], rng[row : row + BATCH]) for row in rows])


def theirs(module: types.ModuleType, name: str, severity: int, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Corrupt all images one by one."""
    corrupt = functools.partial(module.corrupt, severity=severity, corruption_name=name.replace("-", "_"))
    return np.stack([corrupt(image) for image in images])


def change(corrupted: NDArray[np.float64], clean: NDArray[np.float64]) -> tuple[float, float]:
    """Return the root mean square of what was added, and the share of its power in the finest frequencies."""
    added = corrupted - clean
    power = np.abs(np.fft.fft2(added - added.mean((1, 2), keepdims=True), axes=(1, 2))) ** 2
    y, x = np.meshgrid(*[np.fft.fftfreq(224)] * 2, indexing="ij")
    return np.sqrt((added**2).mean()), power[:, np.maximum(abs(x), abs(y)) >= 0.25].sum() / power.sum()


def main() -> None:
    """Print one row per corruption."""
    torch.set_num_threads(1)
    np.random.seed(0)  # noqa: NPY002 - theirs draws from it
    module, pixels = load_theirs(), photographs(Path(sys.argv[1]))
    clean = pixels / 255
    images = torch.from_numpy(clean).permute(0, 3, 1, 2).float().contiguous()
    names = [each.replace("_", "-") for each in module.get_corruption_names("all")]
    for name in sys.argv[2:] or names:
        ours(name, 3, images[:2], module.frost_photos)
        speeds, rows = [], []
        for severity in (3, 1, 2, 4, 5):
            start = time.process_time()
            here = ours(name, severity, images, module.frost_photos).permute(0, 2, 3, 1).double().numpy()
            middle = time.process_time()
            there = theirs(module, name, severity, pixels) / 255
            speeds.append((len(pixels) / (middle - start), len(pixels) / (time.process_time() - middle)))
            if name in BY_CHANCE.split() or name == "elastic-transform":
                (size, fine), (their_size, their_fine) = change(here, clean), change(there, clean)
                rows.append((severity, f"{size:.3f}/{their_size:.3f}, {fine:.2f}/{their_fine:.2f}"))
            else:
                difference = 255 * np.abs(here - there)
                rows.append((severity, f"{difference.mean():.2f}, {difference.max():.0f}"))
        told = "; ".join(f"{severity}: {text}" for severity, text in sorted(rows))
        print(f"{name:18} {speeds[0][0]:7.0f} {speeds[0][1]:7.1f}  {told}", flush=True)


if __name__ == "__main__":
    main()
