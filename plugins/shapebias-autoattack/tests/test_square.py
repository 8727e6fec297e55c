"""Square's schedule and shapes against the paper's formulas, in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from shapebias_autoattack.square import Square, side, size
from shapebias_autoattack.squares import SQUARES, bump_and_dent

from shapebias.plugin import ImageRandom

EPS = {"linf": 0.05, "l2": 0.5}


def test_the_share_is_halved_after_the_published_queries():
    halved = [query for query in range(10_000) if size(query + 1, 10_000, 0.8) < size(query, 10_000, 0.8)]
    assert halved == [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]
    assert size(9_999, 10_000, 0.8) == pytest.approx(0.8 / 512)
    assert [size(query, 5_000, 0.8) for query in (5, 6, 26)] == pytest.approx([0.8, 0.4, 0.2])


def test_a_square_has_the_share_of_the_pixels():
    assert side(0.8, 32, 32, smallest=1) == 29  # sqrt(0.8 * 1024) = 28.6
    assert side(0.8, 20, 80, smallest=1) == 20
    assert side(1e-6, 32, 32, smallest=3) == 3
    assert side(1e-6, 2, 2, smallest=3) == 2


@pytest.mark.parametrize("edge", [1, 2, 3, 7, 8])
def test_bump_and_dent_follow_equation_2(edge):
    half, n = edge // 2, edge // 2

    def height(row, column, rows):
        steps = n - max(abs(row - rows // 2 - 1), abs(column - edge // 2 - 1))
        return sum(1 / (n + 1 - k) ** 2 for k in range(steps + 1))

    upper = [[height(row, column, half) for column in range(1, edge + 1)] for row in range(1, half + 1)]
    lower = [[-height(row, column, edge - half) for column in range(1, edge + 1)] for row in range(1, edge - half + 1)]
    wanted = np.array(upper + lower)
    found = bump_and_dent(edge, torch.zeros((), dtype=torch.float64)).numpy()
    assert np.allclose(found, wanted / np.linalg.norm(wanted))


@pytest.mark.parametrize("index", range(5))
def test_linf_squares_are_of_one_value_at_the_ends_of_the_range(grey, rng, index):
    squares, eps, edge = SQUARES["linf"], EPS["linf"], 3
    start = squares.start(grey, eps, rng, index) - grey
    assert torch.allclose(start.abs(), torch.full_like(start, eps))
    assert torch.equal(start.sign(), start.sign()[:, :, :1].expand_as(start)), "stripes go down the image"
    assert (start > 0).any()
    assert (start < 0).any()
    level = torch.full_like(grey, 0.5)
    changed = squares.change(level, level, eps, edge, rng, index) != level
    assert (changed.sum(dim=(2, 3)) == edge**2).all()
    for one in changed[:, 0]:
        rows, columns = one.nonzero().unbind(1)
        assert int(rows.max() - rows.min()) == int(columns.max() - columns.min()) == edge - 1
    values = squares.change(level, level, eps, edge, rng, index) - level
    assert (values.amax(dim=(2, 3)) - values.amin(dim=(2, 3)) <= eps + 1e-7).all()


def test_squares_begin_everywhere():
    rng = ImageRandom.for_images(0, "square", 0, [str(number) for number in range(400)])
    level = torch.full((400, 3, 8, 8), 0.5)
    moved = SQUARES["linf"].change(level, level, 0.1, 3, rng, 1) != level
    assert len({tuple(one[0].nonzero()[0].tolist()) for one in moved}) == 36


@pytest.mark.parametrize("edge", [3, 4, 7])
def test_l2_squares_keep_the_length_and_the_rest(grey, rng, edge):
    squares, eps = SQUARES["l2"], EPS["l2"]
    found = squares.start(grey, eps, rng, 0)
    for index in range(1, 6):
        changed = squares.change(grey, found, eps, edge, rng, index)
        lengths = (changed - grey).flatten(1).norm(dim=1)
        assert torch.allclose(lengths, torch.full_like(lengths, eps))
        moved = ((changed - found).abs() > 1e-12).any(dim=1)
        assert (moved.sum(dim=(1, 2)) <= 2 * edge**2).all()
        assert moved.any(dim=(1, 2)).all()
        found = changed


@pytest.mark.parametrize("norm", list(SQUARES))
def test_more_queries_only_add_fallen_images(small, batch, rng, norm):
    images, labels = batch
    misclassified = []
    for queries in (1, 20, 200):
        counts = []
        hook = small.module.register_forward_hook(lambda _module, _in, out, seen=counts: seen.append(len(out)))
        found = Square(EPS[norm] / 2, norm, queries=queries)(small, images, labels, rng)
        hook.remove()
        assert sum(counts) <= len(images) + (len(images) - 1) * queries
        misclassified.append(int((small(found).argmax(dim=1) != labels).sum()))
    assert misclassified == sorted(misclassified)
    assert misclassified[0] < misclassified[-1]


def test_a_better_score_is_kept_and_a_worse_one_is_not(linear, rng):
    """Every point is one square away from the best one before it."""
    model = linear()
    images = torch.full((6, 3, 8, 8), 0.5, dtype=torch.float64)
    seen = []
    hook = model.module.register_forward_hook(lambda _module, inputs, output: seen.append((inputs[0][0], output[0])))
    label = model(images[:1]).argmax(dim=1)
    Square(1e-4, queries=300)(model, images[:1], label, rng[0])
    hook.remove()
    pixels, scores = zip(*seen[2:], strict=True)  # after the image itself, which is looked at twice
    margins = torch.stack([score[1 - label] - score[label] for score in scores])[:, 0]
    best = margins.cummax(dim=0).indices
    for query in range(1, 300):
        parent = pixels[best[query - 1]]
        changed = ((pixels[query] - parent).abs() > 1e-9).any(dim=0).sum()
        assert changed <= side(size(query, 300, 0.8), 8, 8, 1) ** 2
