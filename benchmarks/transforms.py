"""How much time does each transform take, against code for one image at a time: PIL, OpenCV, numpy?

Photographs of 224 pixels.  Both sides start from arrays of bytes (H, W, 3) in memory and end with float32 tensors
(16, 3, H, W) in [0, 1], the usual batch on a CPU, in whichever memory format is the fastest for them; nothing is kept.
``silhouette`` and ``texture-only`` have the masks of a disk.  *stylize* is a network and has no such peer.  The
corruptions of ``shapebias-corruptions`` have a benchmark of their own beside imagecorruptions, in that package.

Before a pair is measured it is compared, and the last column says how:

- same: both compute the same; the mean difference in grey levels of 255, below 2 (most peers round to 8 bits).
- pixels: drawn at random; both have the same pixels as the image, elsewhere.
- change: drawn at random; root mean square of the change of both, which must agree within a tenth.
- like: another formula for the same purpose, not compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import attrs
import cv2
import numpy as np
import skimage.feature
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage
from side_by_side import PHOTOS, arguments, load_samples, numbers, take_turns

from shapebias.plugin import default_catalog

Pixels: TypeAlias = NDArray[Any]
BATCH, SIDE = 16, 224
random = np.random.default_rng(0)
DISK = np.hypot(*np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]) < 0.7


@attrs.frozen
class Pair:
    """A transform and its peer, for one image (H, W, 3) of bytes, and how they are compared."""

    text: str
    peer: Callable[[Pixels], Pixels]
    compared: Literal["same", "pixels", "change", "like"] = "same"


def unit(image: Pixels) -> Pixels:
    """Return pixels in [0, 1]."""
    return image.astype(np.float32) / 255


def saturate(image: Pixels) -> Pixels:
    """Evaluate the formula in numpy."""
    signed = 2 * unit(image) - 1
    return np.sign(signed) * np.abs(signed) ** (2 / 8) / 2 + 0.5


def tiles(image: Pixels, k: int, change: Callable[[list[Pixels]], list[Pixels]]) -> Pixels:
    """Cut into k x k tiles, change their list, and put them together."""
    changed = change([tile for row in np.split(unit(image), k) for tile in np.split(row, k, axis=1)])
    return np.concatenate([np.concatenate(changed[row * k : row * k + k], axis=1) for row in range(k)])


def shuffled(some: list[Pixels]) -> list[Pixels]:
    """Permute tiles."""
    return [some[index] for index in random.permutation(len(some))]


def turned(some: list[Pixels]) -> list[Pixels]:
    """Turn tiles by quarters."""
    return [np.rot90(tile, random.integers(4)) for tile in some]


def noise(image: Pixels) -> Pixels:
    """Add uniform noise."""
    return np.clip(unit(image) + random.uniform(-0.2, 0.2, image.shape), 0, 1)


def hue(image: Pixels) -> Pixels:
    """Turn the hue in OpenCV's HSV."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 90) % 180
    return unit(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def brighter(image: Pixels) -> Pixels:
    """Add to V in OpenCV's HSV."""
    hsv = cv2.cvtColor(unit(image), cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.minimum(hsv[..., 2] + 0.3, 1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def radius() -> Pixels:
    """Return the frequency of each coefficient, in cycles per image."""
    frequency = np.fft.fftfreq(SIDE) * SIDE
    return np.hypot(frequency[:, None], frequency)


def kept(image: Pixels, keep: Pixels) -> Pixels:
    """Keep some frequencies."""
    spectrum = np.fft.fft2(unit(image), axes=(0, 1))
    return np.clip(np.fft.ifft2(spectrum * keep[..., None], axes=(0, 1)).real, 0, 1)


def high_pass(image: Pixels) -> Pixels:
    """Keep the high frequencies and the mean."""
    return kept(image, (radius() > 8) | (radius() == 0))


def band_noise(image: Pixels) -> Pixels:
    """Add the noise of one band."""
    noise = np.fft.ifft2(np.fft.fft2(random.standard_normal((SIDE, SIDE))) * (abs(np.log2(radius() + 1e-9) - 3) < 0.5))
    return np.clip(unit(image) + 0.16 * (noise.real / noise.real.std())[..., None], 0, 1)


def critical_band_noise(image: Pixels) -> Pixels:
    """Take colour and contrast, then add the noise of one octave: a difference of two pyramid levels."""
    grey = np.repeat(0.2 * unit(np.array(Image.fromarray(image).convert("L")))[..., None] + 0.4, 3, axis=2)
    noise = random.standard_normal((SIDE, SIDE))
    for _ in range(3):
        fine, noise = noise, cv2.pyrDown(noise)
    band = fine - cv2.pyrUp(noise, dstsize=fine.shape)
    for _ in range(2):
        band = cv2.pyrUp(band)
    return np.clip(grey + 0.1 * band[:SIDE, :SIDE, None], 0, 1)


def phase_noise(image: Pixels) -> Pixels:
    """Shift phases; the real part is taken, as people do."""
    shift = np.exp(1j * np.pi / 2 * random.uniform(-1, 1, (SIDE, SIDE, 1)))
    return np.clip(np.fft.ifft2(np.fft.fft2(unit(image), axes=(0, 1)) * shift, axes=(0, 1)).real, 0, 1)


def amplitude_swap(image: Pixels) -> Pixels:
    """Give the phase another image's amplitude."""
    amplitude = np.abs(np.fft.fft2(unit(image[::-1]), axes=(0, 1)))
    phase = np.angle(np.fft.fft2(unit(image), axes=(0, 1)))
    return np.clip(np.fft.ifft2(amplitude * np.exp(1j * phase), axes=(0, 1)).real, 0, 1)


def silhouette(image: Pixels) -> Pixels:
    """Fill the disk."""
    return np.where(DISK[..., None], 0, np.ones(image.shape, np.float32))


def texture_only(image: Pixels) -> Pixels:
    """Fill the picture with patches from inside the disk."""
    pixels, side = unit(image), 55
    fits = np.argwhere(ndimage.minimum_filter(DISK, side, origin=-(side // 2))[: SIDE - side, : SIDE - side])
    filled = np.empty_like(pixels)
    for top in range(0, SIDE, side):
        for left in range(0, SIDE, side):
            down, across = fits[random.integers(len(fits))]
            patch = pixels[down : down + side, across : across + side]
            filled[top : top + side, left : left + side] = patch[: SIDE - top, : SIDE - left]
    return filled


def edges(image: Pixels) -> Pixels:
    """Draw Canny's edges."""
    found = skimage.feature.canny(unit(np.array(Image.fromarray(image).convert("L"))), 1.4)
    return np.repeat(1 - found[..., None].astype(np.float32), 3, axis=2)


PAIRS = (
    Pair("saturate:p=8", saturate),
    Pair("grayscale", lambda image: unit(np.array(Image.fromarray(image).convert("L").convert("RGB")))),
    Pair("patch-shuffle:k=4", lambda image: tiles(image, 4, shuffled), "pixels"),
    Pair("patch-rotate:k=4", lambda image: tiles(image, 4, turned), "pixels"),
    Pair("channel-shuffle", lambda image: unit(image)[..., random.permutation(3)], "pixels"),
    Pair("edges", edges, "like"),
    Pair("silhouette", silhouette),
    Pair("texture-only", texture_only, "like"),
    Pair("brightness:shift=0.3", brighter),
    Pair("contrast:c=0.3", lambda image: 0.3 * unit(image) + 0.35),
    Pair("hue:degrees=180", hue),
    Pair("invert", lambda image: unit(np.array(ImageOps.invert(Image.fromarray(image))))),
    Pair("blur:sigma=3", lambda image: cv2.GaussianBlur(unit(image), (25, 25), 3)),
    Pair("noise:strength=0.2", noise, "change"),
    Pair("low-pass:radius=8", lambda image: kept(image, radius() <= 8)),
    Pair("high-pass:radius=8", high_pass),
    Pair("band-noise:centre=8", band_noise, "change"),
    Pair("critical-band-noise:band=3", critical_band_noise, "like"),
    Pair("phase-noise:width=90", phase_noise, "like"),
    Pair("amplitude-swap", amplitude_swap),
    Pair("bilateral", lambda image: unit(cv2.bilateralFilter(image, 12, 170, 75))),
    Pair("non-local-means", lambda image: unit(cv2.fastNlMeansDenoisingColored(image, None, 15, 15, 14, 21))),
)


def ours(step: Any, images: list[Pixels], device: torch.device) -> Iterator[torch.Tensor]:
    """Transform one batch after another."""
    masks = torch.from_numpy(DISK).to(device)
    for start in range(0, len(images), BATCH):
        pixels = torch.from_numpy(np.stack(images[start : start + BATCH])).to(device)
        batch = pixels.float().div_(255).permute(0, 3, 1, 2)
        rng = numbers(step.name, [str(start + row) for row in range(len(batch))], device)
        extra = {"mask": masks.expand(len(batch), -1, -1)} if "mask" in step.spec.needs else {}
        extra |= {"partner": batch.flip(2)} if "partner" in step.spec.needs else {}
        yield step.settings(batch, rng, **extra)


def theirs(peer: Callable[[Pixels], Pixels], images: list[Pixels]) -> Iterator[torch.Tensor]:
    """Transform one image after another, and stack them to batches."""
    for start in range(0, len(images), BATCH):
        changed = [peer(image) for image in images[start : start + BATCH]]
        yield torch.from_numpy(np.stack(changed, dtype=np.float32, casting="same_kind")).permute(0, 3, 1, 2)


def compare(pair: Pair, here: torch.Tensor, there: torch.Tensor, images: list[Pixels]) -> str:
    """Compare the results of both sides for some images and say how they differ."""
    clean = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    if pair.compared == "same":
        difference = float((here - there).abs().mean()) * 255
        assert difference < 2, f"{pair.text} differs from its peer by {difference} of 255"
        return f"same, {difference:.2f}"
    if pair.compared == "pixels":
        pixels = [each.flatten(1).sort().values for each in (clean, here, there)]
        assert all(torch.allclose(each, pixels[0]) for each in pixels), f"{pair.text} does not keep the pixels"
    if pair.compared == "change":
        own, other = (float((each - clean).square().mean().sqrt()) for each in (here, there))
        assert abs(own / other - 1) < 0.1, f"{pair.text} changes pixels by {own}, its peer by {other}"
        return f"change, {own:.3f} and {other:.3f}"
    return pair.compared


def main() -> None:
    """Print a line for each transform."""
    options = arguments(__doc__, images=256, slow=16, rounds=3)
    photos = [np.asarray(sample.image) for sample in load_samples(PHOTOS, options.images)]
    print(f"{'transform':<30}{'ms an image':>12}{'peer':>9}{'ratio':>8}  compared")
    for pair in PAIRS:
        slow = pair.text.startswith(("bilateral", "non-local-means"))
        images = photos[: options.slow if slow else None]
        step = default_catalog().component("transform", pair.text)
        some = images[:4]
        here, there = next(ours(step, some, options.device)).cpu(), next(theirs(pair.peer, some))
        compared = compare(pair, here, there, some)
        # A deque of no length takes every batch and keeps none.
        calls = {
            "ours": lambda step=step, images=images: deque(ours(step, images, options.device), 0),
            "theirs": lambda peer=pair.peer, images=images: deque(theirs(peer, images), 0),
        }
        taken = take_turns(calls, options.rounds, options.device)
        ratios = sorted(other / own for own, other in zip(*taken.values(), strict=True))
        own, other = (1000 * sorted(values)[len(values) // 2] / len(images) for values in taken.values())
        print(
            f"{pair.text:<30}{own:>12.2f}{other:>9.2f}{ratios[len(ratios) // 2]:>7.2f}x  {compared}",
            flush=True,
        )


if __name__ == "__main__":
    main()
