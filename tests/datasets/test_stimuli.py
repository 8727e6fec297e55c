"""The drawn pictures against plane geometry, counting, and a least-squares classifier of colours."""

from __future__ import annotations

import math
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from shapebias.datasets.stimuli import SHAPES, TEXTURES, Stimuli
from shapebias.errors import SpellingError
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build, spell

CUES = ("match", "conflict", "shape", "texture")
sizes = st.integers(16, 80)
seeds = st.integers(0, 2**63 - 1)


def same(first, second):
    return first.id == second.id and np.array_equal(first.image, second.image)


def shape_areas(size=256, images=56):
    """Return mask area over the area of the disc of the object's own random radius, by shape."""
    areas = {}
    for index, sample in enumerate(pictures := Stimuli("shape", images, size)):
        radius = size * pictures._random(1, index).uniform(0.2, 0.3)
        areas.setdefault(list(SHAPES)[sample.shape], []).append(sample.mask.sum() / (math.pi * radius**2))
    return areas


def test_every_shape_has_the_area_of_the_disc():
    for shape, ratios in shape_areas().items():
        assert ratios == pytest.approx([1] * 7, abs=0.01), shape


def polygon(sides, angle):
    """Return the radius of a regular polygon whose inscribed circle has radius 1."""
    half = math.pi / sides
    return 1 / math.cos((angle % (2 * half)) - half)


@pytest.mark.parametrize(
    ("shape", "sides"), [("disc", None), ("square", 4), ("triangle", 3)], ids=["disc", "square", "triangle"]
)
def test_convex_outlines_in_polar_coordinates(shape, sides):
    outline, _ = SHAPES[shape]
    start = {"square": math.pi / 4, "triangle": math.pi / 2}.get(shape, 0)  # the angle of a corner
    for angle in np.linspace(0, 2 * math.pi, 97):
        radius = 1 if sides is None else polygon(sides, angle - start)
        x, y = np.array([radius * math.cos(angle)]), np.array([radius * math.sin(angle)])
        assert outline(x, y)[0] == pytest.approx(0, abs=1e-6)


def test_star_has_ten_corners_and_ring_a_hole():
    star, ring = SHAPES["star"][0], SHAPES["ring"][0]
    corners = np.exp(1j * np.pi / 5 * np.arange(10)) * np.tile([1, 0.5], 5)
    edges = np.concatenate([corners * (1 - t) + np.roll(corners, 1) * t for t in np.linspace(0, 1, 9)])
    assert star(edges.real, edges.imag) == pytest.approx(np.zeros(90), abs=1e-6)
    assert (star(0.9 * edges.real, 0.9 * edges.imag) < 0).all()
    assert ring(np.array([0.0, 3.0, 4.5]), np.zeros(3)) == pytest.approx([2, -1, 0.5])


@pytest.mark.parametrize("shape", SHAPES)
def test_distances_are_never_longer_than_to_the_outline(shape):
    """A signed distance changes by at most the way gone, so an edge is at least one pixel wide."""
    outline, area = SHAPES[shape]
    ends = np.random.default_rng(0).uniform(-1.5, 1.5, (4, 20_000)) * math.sqrt(area / math.pi)
    way = np.hypot(ends[0] - ends[2], ends[1] - ends[3])
    assert (abs(outline(*ends[:2]) - outline(*ends[2:])) <= way + 1e-6).all()


@given(sizes, seeds, st.integers(0, 55))
@settings(max_examples=40, deadline=None)
def test_mask_is_where_the_plain_object_is(size, seed, index):
    sample = Stimuli("shape", 56, size, seed=seed)[index]
    assert sample.image.shape == (size, size, 3)
    background = sample.image[0, 0].astype(float)
    difference = sample.image - background
    fill = difference[np.unravel_index(abs(difference).sum(-1).argmax(), sample.mask.shape)]
    coverage = difference @ fill / (fill @ fill)
    assert ((coverage > 0.5) == sample.mask)[abs(coverage - 0.5) > 0.02].all()
    assert not sample.mask[[0, -1]].any()
    assert not sample.mask[:, [0, -1]].any()
    assert sample.texture is None
    assert sample.label == sample.shape


@given(st.integers(48, 96), seeds, st.just(0.0) | st.floats(1e-9, 0.12), st.integers(0, 55))
@settings(max_examples=40, deadline=None)
def test_texture_has_mean_zero_and_the_stated_contrast(size, seed, contrast, index):
    plain = Stimuli("texture", 56, size, 0, seed)[index].image.astype(float) / 255
    image = Stimuli("texture", 56, size, contrast, seed)[index].image / 255
    rounding = 1 / 255
    assert np.ptp(plain, axis=(0, 1)) == pytest.approx(np.zeros(3))
    assert image.mean((0, 1)) == pytest.approx(plain[0, 0], abs=rounding)
    assert np.ptp(image, axis=(0, 1)) == pytest.approx([contrast] * 3, abs=1.1 * rounding)


@given(sizes, seeds, st.integers(0, 55))
@settings(max_examples=30, deadline=None)
def test_cues_and_contrasts_share_the_object(size, seed, index):
    match, conflict, shape = (Stimuli(cue, 56, size, seed=seed)[index] for cue in CUES[:3])
    assert np.array_equal(match.mask, shape.mask)
    assert np.array_equal(conflict.mask, shape.mask)
    assert match.label == conflict.label == shape.label == Stimuli("texture", 56, size, seed=seed)[index].label
    outside = ~binary_dilation(shape.mask, np.ones((3, 3)), 5)  # a tip may be too thin for the mask
    assert np.array_equal(conflict.image[outside], shape.image[outside])
    assert same(Stimuli("conflict", 56, size, 0, seed)[index], shape)
    assert abs(conflict.image.astype(int) - shape.image).max() <= 0.12 * 255


def test_every_pair_comes_equally_often():
    shapes = range(len(SHAPES))
    pairs = Counter((sample.shape, sample.texture) for sample in Stimuli("conflict", 3 * 56, 16))
    assert pairs == dict.fromkeys(permutations(shapes, 2), 3)
    for cue in CUES:
        labels = Counter(sample.label for sample in Stimuli(cue, 2 * 56, 16))
        assert labels == dict.fromkeys(shapes, 14)


def test_labels_are_spread_under_any_stride():
    """Every eighth picture of a data set must not be of one class."""
    labels = np.array([sample.label for sample in Stimuli("shape", 1120, 16)])
    for stride in (7, 8, 14, 16, 28, 56):
        assert len(set(labels[::stride])) >= 6, stride


def test_what_a_sample_says_about_itself():
    for cue in CUES:
        for sample in Stimuli(cue, 56, 16):
            assert (sample.shape is None) == (sample.mask is None) == (cue == "texture")
            assert (sample.texture is None) == (cue == "shape")
            agree = {"match": sample.texture == sample.shape == sample.label}
            agree |= {"conflict": sample.texture != sample.shape == sample.label}
            agree |= {"shape": sample.shape == sample.label, "texture": sample.texture == sample.label}
            assert agree[cue]


@pytest.mark.parametrize("cue", CUES)
def test_colour_says_nothing_about_the_class(cue):
    """Least squares on mean, deviation and extremes of the colours stays at chance, 1/8, in new pictures."""

    def features(seed):
        samples = list(Stimuli(cue, 1120, 32, seed=seed))
        inside = [np.ones((32, 32), bool) if sample.mask is None else sample.mask for sample in samples]
        colours = [sample.image[mask].mean(0) / 255 for sample, mask in zip(samples, inside, strict=True)]
        outside = [sample.image[0].mean(0) / 255 for sample in samples]
        base = np.hstack([colours, outside])
        return np.hstack([base, base**2, np.ones((1120, 1))]), np.array([sample.label for sample in samples])

    train, labels = features(0)
    test, truth = features(1)
    weights, *_ = np.linalg.lstsq(train, np.eye(8)[labels], rcond=None)
    hits = ((test @ weights).argmax(1) == truth).mean()
    deviation = math.sqrt(1 / 8 * 7 / 8 / 1120)
    assert hits < 1 / 8 + 4 * deviation


def test_area_says_nothing_about_the_shape():
    areas = np.array([[sample.mask.sum(), sample.label] for sample in Stimuli("shape", 1120, 64)])
    means = np.array([areas[areas[:, 1] == label, 0].mean() for label in range(8)])
    assert np.ptp(means) < 6 * areas[:, 0].std() / math.sqrt(1120 / 8)


@given(st.lists(st.integers(0, 199), min_size=1, max_size=10), st.sampled_from(CUES))
@settings(max_examples=10, deadline=None)
def test_a_picture_alone_is_the_picture_in_order(indices, cue):
    few, many = Stimuli(cue, 200, 24), Stimuli(cue, 5000, 24)
    in_order = list(few)
    assert all(same(many[index], in_order[index]) for index in indices)


def test_threads_get_the_same_pictures():
    pictures = Stimuli("conflict", 112, 32)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(pictures.__getitem__, reversed(range(112))))
    assert all(map(same, reversed(together), pictures))


def test_seeds_do_not_share_pictures():
    seen = {sample.image.tobytes() for seed in range(5) for sample in Stimuli("match", 112, 32, seed=seed)}
    assert len(seen) == 5 * 112


@pytest.mark.parametrize("texture", range(len(TEXTURES)), ids=TEXTURES)
def test_textures_scale_with_the_picture(texture):
    """The same texture in a picture of twice the side, averaged over 2 x 2 pixels, is nearly the smaller one."""
    index = next(i for i, sample in enumerate(Stimuli("texture", 56, 16)) if sample.texture == texture)
    small, large = (Stimuli("texture", 56, size)[index].image[..., 0].astype(float) for size in (64, 128))
    averaged = large.reshape(64, 2, 64, 2).mean((1, 3))
    assert np.corrcoef(small.ravel(), averaged.ravel())[0, 1] > 0.8


def test_ids_classes_and_bounds():
    pictures = Stimuli(images=10)
    assert len({sample.id for sample in pictures}) == len(pictures) == 10
    assert len(set(pictures.classes)) == 8
    with pytest.raises(IndexError):
        pictures[10]
    with pytest.raises(SpellingError, match="contrast: must be <= 1"):
        Stimuli(contrast=1.5)


@given(st.sampled_from(CUES), st.integers(1, 10**6), sizes, st.just(0.0) | st.floats(1e-9, 1), seeds)
def test_spelling_and_pickle_give_it_back(cue, images, size, contrast, seed):
    pictures = Stimuli(cue, images, size, contrast, seed)
    assert build(Stimuli, parse(spell("stimuli", pictures))) == pictures
    assert pickle.loads(pickle.dumps(pictures)) == pictures  # noqa: S301 - our own bytes
    assert attrs.evolve(pictures, seed=0) == Stimuli(cue, images, size, contrast)
