"""Every method in a study: the map of a changed image is the map of that image, whatever changed it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import shapebias as sb
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.protocols import Attributed
from shapebias.rng import ImageRandom
from shapebias.saliency import shapebias_saliency

MODEL = "cnn:num_classes=8,width=4,depth=3"
CONDITIONS = ["clean", "saturate:p=8", "pgd:eps=0,8/255,steps=2", "patch-shuffle:k=4+pgd:eps=8/255,steps=2"]
FEW = {"smoothgrad": "samples=3", "integrated-gradients": "steps=3", "rise": "samples=9", "occlusion": "window=16"}
METHODS = {spec.name: f"{spec.name}:{FEW.get(spec.name, '')}" for spec in shapebias_saliency()}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Run all methods on a few drawn images under all conditions, and keep the images."""
    path = tmp_path_factory.mktemp("study") / "run.h5"
    study = sb.Study("stimuli:cue=conflict,images=56,size=32", MODEL, CONDITIONS, METHODS, limit=5, keep_images=True)
    results = sb.run(study, path, device="cpu", chunk=3)
    yield results
    results.close()


@pytest.fixture(scope="module")
def network():
    return default_catalog().component("model", MODEL).settings.load(torch.device("cpu"))


@pytest.mark.parametrize("name", METHODS)
def test_maps_are_those_of_the_images_that_the_model_saw(results, network, name):
    assert not results.failures
    views = [view for view in results.maps() if view.saliency == name]
    assert len(views) == len(CONDITIONS) + 1
    method = default_catalog().component("saliency", METHODS[name]).settings
    for view in views:
        images = torch.from_numpy(results.images(condition=view.condition, eps=view.eps)).float()
        labels = torch.tensor(next(answers.labels for answers in results.answers()))
        explained = method(network, images, labels, ImageRandom.for_images(0, name, 0, view.ids))
        explained = explained if isinstance(explained, Attributed) else Attributed(explained)
        largest = explained.maps.abs().amax(dim=(1, 2), keepdim=True).numpy()
        assert np.abs(view.maps - explained.maps.numpy()).max() <= 2e-3 * largest.max()
        assert (largest > 0).all()
        assert view.extras.keys() == explained.extras.keys()
        for extra, values in explained.extras.items():
            np.testing.assert_allclose(view.extras[extra], values.numpy(), atol=1e-4)


def test_maps_change_exactly_where_images_do(results):
    views = [view for view in results.maps() if view.saliency == "gradient"]
    clean = next(view.maps for view in views if view.condition == "clean")
    pictures = results.images(condition="clean")
    changed = 0
    for view in views:
        moved = (results.images(condition=view.condition, eps=view.eps) != pictures).any(axis=(1, 2, 3))
        differs = np.abs(view.maps - clean).max(axis=(1, 2)) > 0.01 * clean.max(axis=(1, 2))
        assert np.array_equal(moved, differs), view.condition
        changed += moved.sum()
    assert changed >= 10
