"""What every saliency method keeps to, whatever it computes: shape, batch, chunk, and a model that is left alone."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.networks.objectives import OBJECTIVES
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import discover
from shapebias.plugins.protocols import Attributed
from shapebias.rng import ImageRandom
from shapebias.saliency import shapebias_saliency
from shapebias.spelling.params import describe

CATALOG = Catalog(discover())
SPECS = {spec.name: spec for spec in shapebias_saliency()}
FAST = {"smoothgrad": "samples=7", "integrated-gradients": "steps=7", "rise": "samples=20"}
CONTROLS = {"random", "edge-detector"}
IDS = [f"{name}.png" for name in "abcde"]
every_method = pytest.mark.parametrize("name", SPECS)


@pytest.fixture(scope="module")
def model():
    """Return a network whose ReLUs work in place, three images at a time, that counts the images of each pass."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        convolutions = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, padding=1)
        head = nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)
        network = nn.Sequential(*convolutions, *head).double()
    network.eval().requires_grad_(requires_grad=False)
    return Classifier(network, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), features=Features(network[2]), chunk=3)


@pytest.fixture(scope="module")
def batch():
    images = torch.rand(5, 3, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return images, torch.tensor([0, 1, 2, 3, 0])


def explain(name, model, images, targets, ids=IDS, seed=0):
    method = CATALOG.component("saliency", f"{name}:{FAST.get(name, '')}").settings
    return method(model, images, targets, ImageRandom.for_images(seed, name, 0, ids))


def arrays(result):
    attributed = result if isinstance(result, Attributed) else Attributed(result)
    return {"maps": attributed.maps, **attributed.extras}


def assert_close(found, wanted, rows=slice(None)):
    found, wanted = arrays(found), arrays(wanted)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert torch.allclose(found[name], array[rows], rtol=1e-5, atol=1e-7), name


@every_method
def test_maps_have_the_shape_of_the_images(model, batch, name):
    found = arrays(explain(name, model, *batch))
    assert found["maps"].shape == (5, 6, 8)
    assert all(len(array) == 5 and array.isfinite().all() for array in found.values())
    assert not any(array.requires_grad for array in found.values())
    assert (found["maps"].flatten(1).std(dim=1) > 0).all()


@every_method
def test_an_image_has_the_same_map_alone_and_in_a_batch(model, batch, name):
    images, targets = batch
    together = explain(name, model, images, targets)
    for row, image_id in enumerate(IDS):
        alone = explain(name, model, images[[row]], targets[[row]], [image_id])
        assert_close(alone, together, [row])


@every_method
@pytest.mark.parametrize("chunk", [1, 2, 5, 1000])
def test_the_chunk_does_not_change_the_map(model, batch, name, chunk):
    assert_close(explain(name, attrs.evolve(model, chunk=chunk), *batch), explain(name, model, *batch))


@every_method
def test_no_pass_is_larger_than_the_chunk_and_nothing_stays_behind(model, batch, name):
    images, targets = batch
    before, random_state = images.clone(), torch.random.get_rng_state()
    parameters = {key: value.clone() for key, value in model.module.state_dict().items()}
    sizes = []
    hook = model.module.register_forward_hook(lambda _module, inputs, _output: sizes.append(len(inputs[0])))
    try:
        explain(name, model, images, targets)
    finally:
        hook.remove()
    assert max(sizes, default=0) <= model.chunk
    assert bool(sizes) == (name not in CONTROLS)
    assert torch.equal(images, before)
    assert not images.requires_grad
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert all(torch.equal(value, parameters[key]) for key, value in model.module.state_dict().items())
    for module in model.module.modules():
        assert not any((module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.module.parameters())


@every_method
def test_only_controls_ignore_the_target(model, batch, name):
    images, targets = batch
    here, there = (arrays(explain(name, model, images, wanted))["maps"] for wanted in (targets, (targets + 1) % 4))
    differ = (here - there).abs().amax(dim=(1, 2)) > 1e-6
    assert (~differ if name in CONTROLS else differ).all()


@every_method
def test_all_but_controls_say_what_they_explain(name):
    parameters = {row.name: row.type for row in describe(SPECS[name].load())}
    assert ("target" in parameters) == (name not in CONTROLS)
    if name not in CONTROLS:
        assert parameters["objective"].removeprefix("one of ").split("|") == list(OBJECTIVES)
