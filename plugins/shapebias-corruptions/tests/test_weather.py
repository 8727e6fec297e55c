"""Snow, frost, fog and spatter, from the same random numbers, with scipy, OpenCV and loops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from shapebias_corruptions.fog import Fog
from shapebias_corruptions.frost import Frost
from shapebias_corruptions.snow import Snow
from shapebias_corruptions.spatter import Spatter
from shapebias_corruptions.water_relief import water_relief
from skimage.filters import gaussian

from shapebias.plugin import ImageRandom, ShapebiasError

BOTH = pytest.mark.parametrize("constants", ["imagenet", "cifar"])
ALL = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])

SNOW = {
    "imagenet": [
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ],
    "cifar": [
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ],
}


@BOTH
@ALL
def test_snow_whitens_and_falls_in_streaks(images, arrays, rng, close, enlarged_middle, smear, severity, constants):
    mean, deviation, size, threshold, radius, sigma, kept = SNOW[constants][severity - 1]
    noise = rng.normal("flakes", 0, (1, *images.shape[2:]))[:, 0].double().numpy()
    angles = 90 * rng.uniform("angle", 0, ()).numpy() - 135
    expected = []
    for array, each, angle in zip(arrays, noise, angles, strict=True):
        layer = enlarged_middle(mean + deviation * each[..., None], size)
        layer = smear(np.where(layer < threshold, 0, layer.clip(0, 1)), radius, sigma, angle)
        luma = cv2.cvtColor(array.astype(np.float32), cv2.COLOR_RGB2GRAY)[..., None]
        white = kept * array + (1 - kept) * np.maximum(array, 1.5 * luma + 0.5)
        expected.append((white + layer + np.rot90(layer, 2)).clip(0, 1))
    close(Snow(severity, constants)(images, rng), expected, 1e-5)


def clouds(rng, side, decay):
    """Diamond-square on a torus, point by point."""
    heights, step, wibble = np.zeros((side, side)), side, 100.0
    for level in range(side.bit_length() - 1):
        half, many = step // 2, side // step
        draws = {
            name: (2 * rng.uniform(name, level, (many, many))[0].double().numpy() - 1) * wibble**2
            for name in ("centres", "horizontal sides", "vertical sides")
        }

        def at(y, x):
            return heights[y % side, x % side]

        positions = [(y, x) for y in range(0, side, step) for x in range(0, side, step)]
        for y, x in positions:
            corners = at(y, x) + at(y + step, x) + at(y, x + step) + at(y + step, x + step)
            heights[y + half, x + half] = corners / 4 + draws["centres"][y // step, x // step]
        for y, x in positions:
            across = at(y, x) + at(y, x + step) + at(y + half, x + half) + at(y - half, x + half)
            down = at(y, x) + at(y + step, x) + at(y + half, x + half) + at(y + half, x - half)
            heights[y, x + half] = across / 4 + draws["horizontal sides"][y // step, x // step]
            heights[y + half, x] = down / 4 + draws["vertical sides"][y // step, x // step]
        step, wibble = half, wibble / decay
    heights -= heights.min()
    return heights / heights.max()


@BOTH
@ALL
def test_fog_is_plasma(images, arrays, rng, close, severity, constants):
    published = {
        "imagenet": [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
        "cifar": [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
    }
    thickness, decay = published[constants][severity - 1]
    height, width = images.shape[2:]
    expected = []
    for row, array in enumerate(arrays):
        layer = clouds(rng[row], 64 if width <= 64 else 128, decay)[:height, :width, None]
        expected.append((array + thickness * layer) * array.max() / (array.max() + thickness))
    close(Fog(severity, constants)(images, rng), expected, 1e-5)


@pytest.fixture
def photos(tmp_path):
    random = np.random.default_rng(3)
    for name, size in {"wide.png": (60, 190), "high.png": (200, 150)}.items():
        Image.fromarray(random.integers(256, size=(*size, 3), dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def test_frost_is_a_part_of_a_photograph(images, photos):
    high = np.array(Image.open(photos / "high.png")) / 255
    (photos / "wide.png").unlink()
    height, width = images.shape[2:]
    black = torch.zeros_like(images)
    corners = set()
    for seed in range(8):
        rng = ImageRandom.for_images(seed, "c-frost", 0, ["a.png", "b.png"])
        added = Frost(severity=2, photos=photos).load(torch.device("cpu"))(black, rng) / 0.6
        for image in added:
            part = image.permute(1, 2, 0).numpy()
            found = [
                (y, x)
                for y, x in zip(*np.nonzero(np.isclose(high[..., 0], part[0, 0, 0], atol=1e-4)), strict=True)
                if high[y : y + height, x : x + width].shape == part.shape
                and np.allclose(high[y : y + height, x : x + width], part, atol=1e-4)
            ]
            assert len(found) == 1
            corners.add(found[0])
    assert len(corners) > 12  # of sixteen


@pytest.mark.parametrize(
    ("constants", "published"),
    [
        ("imagenet", [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)]),
        ("cifar", [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)]),
    ],
)
def test_frost_has_the_published_weights(constants, published, tmp_path):
    Image.fromarray(np.full((400, 400, 3), 102, np.uint8)).save(tmp_path / "even.png")
    rng = ImageRandom.for_images(0, "c-frost", 0, ["a.png"])
    for severity, (kept, added) in enumerate(published, start=1):
        frosted = Frost(severity, constants, tmp_path).load(torch.device("cpu"))
        found = frosted(torch.full((1, 3, 8, 8), 0.5), rng)
        assert torch.allclose(found, torch.tensor(0.5 * kept + 0.4 * added))


def test_small_photographs_are_enlarged_over_the_image(photos):
    (photos / "high.png").unlink()
    rng = ImageRandom.for_images(0, "c-frost", 0, ["a.png"])
    frosted = Frost(photos=photos).load(torch.device("cpu"))(torch.zeros(1, 3, 300, 300), rng)
    assert frosted.shape == (1, 3, 300, 300)
    assert frosted[..., -1, :].std() > 0.05
    assert frosted[..., :, -1].std() > 0.05


def test_frost_for_small_images_is_a_fifth_as_opencv_resizes(photos):
    photograph = cv2.imread(str(photos / "high.png"))[..., ::-1]
    expected = cv2.resize(photograph, (0, 0), fx=0.2, fy=0.2) / 255
    (found, _) = Frost(constants="cifar", photos=photos).load(torch.device("cpu")).photographs
    assert np.allclose(found[0].permute(1, 2, 0), expected, atol=0.6 / 255)


def test_a_folder_without_photographs_is_named(tmp_path):
    with pytest.raises(ShapebiasError, match=r"c-frost: photos=.* has no images; give a folder"):
        Frost(photos=tmp_path).load(torch.device("cpu"))


SPATTER = {
    "imagenet": [
        (0.65, 0.3, 4, 0.69, 0.6),
        (0.65, 0.3, 3, 0.68, 0.6),
        (0.65, 0.3, 2, 0.68, 0.5),
        (0.65, 0.3, 1, 0.65, 1.5),
        (0.67, 0.4, 1, 0.65, 1.5),
    ],
    "cifar": [
        (0.62, 0.1, 0.7, 0.7, 0.5),
        (0.65, 0.1, 0.8, 0.7, 0.5),
        (0.65, 0.3, 1, 0.69, 0.5),
        (0.65, 0.1, 0.7, 0.69, 0.6),
        (0.65, 0.1, 0.5, 0.68, 0.6),
    ],
}


def opencv_relief(liquid):
    edges = cv2.Canny(liquid, 50, 150)
    near = cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5)
    near = cv2.blur(np.minimum(near, 20), (3, 3)).astype(np.uint8)
    embossed = cv2.filter2D(cv2.equalizeHist(near), cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    shine = liquid * cv2.blur(embossed, (3, 3)).astype(np.float32)
    return shine / max(shine.max(), 1)


@BOTH
@ALL
def test_spatter_is_opencv_s_relief_of_water_or_mud(images, arrays, rng, close, severity, constants):
    mean, deviation, sigma, threshold, amount = SPATTER[constants][severity - 1]
    noise = rng.normal("liquid", 0, images.shape[2:]).double().numpy()
    expected = []
    for array, each in zip(arrays, noise, strict=True):
        liquid = gaussian(mean + deviation * each, sigma)
        if severity <= 3:
            drops = opencv_relief(np.where(liquid < threshold, 0, 255 * liquid).astype(np.uint8))
            assert drops.max() == 1
            expected.append((array + amount * drops[..., None] * np.array([175, 238, 238]) / 255).clip(0, 1))
        else:
            cover = gaussian((liquid > threshold).astype(float), amount)
            cover = np.where(cover < 0.8, 0, cover)[..., None]
            assert cover.any()
            expected.append(array * (1 - cover) + cover * np.array([63, 42, 20]) / 255)
    close(Spatter(severity, constants)(images, rng), expected, 1e-5)


def test_relief_is_opencv_s_on_many_drops():
    random = np.random.default_rng(11)
    for sigma in (1, 2, 4):
        layers = [gaussian(random.normal(0.65, 0.3, (224, 224)), sigma) for _ in range(3)]
        liquid = [(255 * np.where(layer < 0.68, 0, layer).clip(0, 1)).astype(np.uint8) for layer in layers]
        found = water_relief(torch.from_numpy(np.stack(liquid)).int())
        expected = torch.from_numpy(np.stack([opencv_relief(each) for each in liquid]))
        assert ((found - expected).abs() > 1e-5).double().mean() < 1e-4


def test_no_drop_leaves_the_image(images):
    assert not water_relief(torch.zeros(2, 9, 9, dtype=torch.int32)).any()


def test_the_published_photographs_are_downloaded_by_name_and_checksum(monkeypatch, photos):
    asked = []

    def download(url, path, sha256):
        asked.append((url.rpartition("/")[2], path.name, len(bytes.fromhex(sha256))))
        return photos / "high.png"

    monkeypatch.setattr("shapebias_corruptions.frost.download", download)
    assert len(Frost().load(torch.device("cpu")).photographs) == 5
    names = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"]  # the sixth is never drawn
    assert asked == [(name, name, 32) for name in names]
