"""The metric of maps and masks, against loops over pixels."""

from __future__ import annotations

from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from scipy import stats
from shapebias_quantus.localisation import Localisation


@attrs.frozen(eq=False)
class Cell:
    maps: np.ndarray
    masks: np.ndarray | None
    moves_pixels: bool = False
    dataset: str = "photos"
    model: str = "net"
    condition: str = "clean"
    eps: float | None = None
    saliency: str = "gradient"


@pytest.fixture(scope="module")
def maps():
    return np.random.default_rng(0).normal(size=(40, 6, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def masks():
    corners = np.random.default_rng(1).integers(1, 5, (40, 2))
    return np.stack([np.logical_and.outer(np.arange(6) < down, np.arange(8) < right) for down, right in corners])


def measured(*cells, k=5):
    return Localisation(k)(SimpleNamespace(seed=0, maps=lambda: cells))


def test_each_measure_is_a_loop_over_pixels(maps, masks):
    table = measured(Cell(maps, masks)).set_index("measure")
    expected = {name: [] for name in table.index}
    for signed, mask in zip(maps, masks, strict=True):
        pixels = sorted(zip(np.abs(signed).ravel().tolist(), mask.ravel().tolist(), strict=True), reverse=True)
        hits, size = [on for _, on in pixels], int(mask.sum())
        expected["pointing-game"].append(hits[0])
        expected["rank-accuracy"].append(sum(hits[:size]) / size)
        on_object = sum(weight for weight, on in pixels if on)
        expected["mass-accuracy"].append(on_object / sum(weight for weight, _ in pixels))
        expected["top-k"].append(sum(hits[:5]) / 5)
        # The area under the ROC curve is the share of pairs, one on the object and one off it, in the right order.
        on, off = np.abs(signed)[mask], np.abs(signed)[~mask]
        expected["auc"].append(stats.mannwhitneyu(on, off).statistic / (len(on) * len(off)))
    for name, numbers in expected.items():
        assert table["value"][name] == pytest.approx(np.mean(numbers), abs=1e-6), name
        half = 1.96 * np.std(numbers) / np.sqrt(40)  # the normal theory of a mean
        assert table["low"][name] == pytest.approx(np.mean(numbers) - half, abs=0.3 * half), name
        assert table["high"][name] == pytest.approx(np.mean(numbers) + half, abs=0.3 * half), name


def test_a_map_of_the_object_is_perfect_and_one_of_the_background_the_opposite(masks):
    perfect = measured(Cell(masks * 2.0, masks), k=1)
    assert perfect["value"].tolist() == [1] * 5
    worst = measured(Cell(1.0 - masks, masks), k=1)
    assert worst["value"].tolist() == [0] * 5


def test_images_without_an_object_do_not_count(maps, masks):
    some = masks.copy()
    some[::4] = False
    table = measured(Cell(maps, some))
    assert table["n"].tolist() == [30] * 5
    known = np.arange(40) % 4 > 0
    rest = measured(Cell(maps[known], masks[known]))
    assert table["value"].tolist() == rest["value"].tolist()


def test_maps_of_nothing_do_not_count(maps, masks):
    empty = maps.copy()
    empty[::4] = 0
    table = measured(Cell(empty, masks))
    assert table["n"].tolist() == [30] * 5
    known = np.arange(40) % 4 > 0
    assert table["value"].tolist() == measured(Cell(maps[known], masks[known]))["value"].tolist()


def test_an_object_that_is_everywhere_has_no_roc_curve_and_no_warning(maps, masks, recwarn):
    table = measured(Cell(maps, np.ones_like(masks))).set_index("measure")
    assert table["n"].to_dict() == dict.fromkeys(table.index, 40) | {"auc": 0}
    assert [str(each.message) for each in recwarn] == []


def test_cells_without_masks_or_with_moved_objects_are_left_out(maps, masks):
    table = measured(Cell(maps, None), Cell(maps, masks, moves_pixels=True))
    assert table.empty
    assert "masks" in table.attrs["note"]


def test_one_image_has_no_interval(maps, masks):
    table = measured(Cell(maps[:1], masks[:1]))
    assert table["low"].isna().all()
    assert table["high"].isna().all()
    assert table["value"].notna().all()
