"""What every built-in attack keeps to, whatever it computes: its ball, its seed, its batch, and a model left alone."""

from __future__ import annotations

import random

import attrs
import numpy as np
import pytest
import torch
from torch import nn

from shapebias.attacks import shapebias_attacks
from shapebias.attacks.criterion import Criterion
from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import discover
from shapebias.rng import ImageRandom
from shapebias.spelling.params import describe

CATALOG = Catalog(discover())
SPECS = {spec.name: spec for spec in shapebias_attacks()}
FAST = {"pgd": ["steps=3"], "spatial": ["steps=4"], "uniform-noise": ["samples=2"], "gaussian-noise": ["samples=2"]}
PARAMETERS = {name: {row.name: row for row in describe(spec.load())} for name, spec in SPECS.items()}
RANDOM = {"pgd", "n-fgsm", "uniform-noise", "gaussian-noise"}
IDS = [f"{name}.png" for name in "abcdef"]

every_attack = pytest.mark.parametrize("name", SPECS)
# Each of its norms, and each way of choosing an image, where it has several.
every_way = pytest.mark.parametrize(
    ("name", "options"),
    [
        (name, (*norm, *keep))
        for name, parameters in PARAMETERS.items()
        for norm in ([[f"norm={norm}"] for norm in SPECS[name].norms] if "norm" in parameters else [[]])
        for keep in ([[f"keep={keep}"] for keep in ("first", "worst", "last")] if "keep" in parameters else [[]])
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value) or "-",
)


@pytest.fixture(scope="module")
def model():
    """Return a network with batch normalisation and dropout whose parameters learn, in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(3)
        network = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(), nn.Linear(72, 4)).double().eval()
        nn.init.normal_(network[6].weight)
    return Classifier(network, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), chunk=4)


@pytest.fixture(scope="module")
def batch(model):
    """Return images that are not square, and the labels that the model gives them except for the last one's."""
    images = torch.rand(6, 3, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    labels = model(images).argmax(dim=1).detach()
    labels[-1] = (labels[-1] + 1) % 4
    return images, labels


def settings(name, *options):
    chosen = {text.partition("=")[0]: text for text in [*FAST.get(name, []), *options]}
    return CATALOG.component("attack", f"{name}:{','.join(chosen.values())}").settings


def attacked(name, model, images, labels, *options, ids=IDS, seed=0):
    return settings(name, *options)(model, images, labels, ImageRandom.for_images(seed, name, 0, ids))


def eps(name, *shares):
    """Spell one or several radii that fit the attack's unit."""
    largest = 1.0 if PARAMETERS[name]["eps"].unit == "pixels" else 0.1
    return "eps=" + ",".join(str(share * largest) for share in shares)


@every_way
@pytest.mark.parametrize("radius", ["1/255", "8/255", "0.5", "1"])
def test_the_result_is_in_the_ball_and_in_the_range_of_pixels(model, batch, name, options, radius):
    images, labels = batch
    for view in (images, images.round(), images * 0, images * 0 + 1):
        found = attacked(name, model, view, labels, *options, f"eps={radius}")
        assert (found.shape, found.dtype, found.requires_grad) == (images.shape, images.dtype, False)
        assert ((found >= 0) & (found <= 1)).all()  # NaN fails both
        attack = settings(name, *options, f"eps={radius}")
        norm = {"linf": float("inf"), "l2": 2}.get(getattr(attack, "norm", SPECS[name].norms[0]))
        bound = getattr(attack, "radius", np.max(attack.eps))
        if norm is not None:  # the ball of displacements has a test of its own
            assert (found - view).flatten(1).norm(dim=1, p=norm).max() <= bound * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("name", [name for name in SPECS if "norm" in PARAMETERS[name]])
def test_a_radius_in_steps_of_255_is_refused(name):
    with pytest.raises(
        SpellingError, match=rf"{name}: eps=8 is more than the range of a pixel value.* write eps=8/255"
    ):
        settings(name, "eps=1/255,8")
    assert settings(name, "eps=8", "norm=l2").eps == (8,)


@every_way
def test_radius_zero_is_the_identity(model, batch, name, options):
    images, labels = batch
    assert torch.equal(attacked(name, model, images, labels, *options, "eps=0"), images)


@every_attack
def test_an_attack_does_something(model, batch, name):
    images, labels = batch
    found = attacked(name, model, images, labels)
    assert ((found - images).abs().amax(dim=(1, 2, 3)) > 0.001)[:-1].all()


@every_way
def test_everything_but_the_result_is_left_alone(model, batch, name, options):
    images, labels = (tensor.clone() for tensor in batch)
    module = model.module
    state = {key: value.clone() for key, value in module.state_dict().items()}
    flags = [parameter.requires_grad for parameter in module.parameters()]
    generators = torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    attacked(name, model, images, labels, *options)
    assert torch.equal(images, batch[0])
    assert torch.equal(labels, batch[1])
    assert not images.requires_grad
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert [parameter.requires_grad for parameter in module.parameters()] == flags
    for part in module.modules():
        assert not part.training
        assert not any((part._forward_hooks, part._forward_pre_hooks, part._backward_hooks))
    assert torch.equal(torch.random.get_rng_state(), generators[0])
    assert random.getstate() == generators[1]
    assert (np.random.get_state()[1] == generators[2]).all()  # noqa: NPY002


@every_way
def test_the_seed_makes_the_result(model, batch, name, options):
    first, again, other = (attacked(name, model, *batch, *options, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name not in RANDOM)


@every_way
def test_an_image_is_attacked_the_same_alone_and_in_a_batch(model, batch, name, options):
    images, labels = batch
    together = attacked(name, model, images, labels, *options)
    for row, image_id in enumerate(IDS):
        alone = attacked(name, model, images[[row]], labels[[row]], *options, ids=[image_id])
        assert torch.allclose(alone[0], together[row], atol=1e-9)


@every_way
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_the_chunk_does_not_change_the_result(model, batch, name, options, chunk):
    wanted = attacked(name, model, *batch, *options)
    assert torch.allclose(attacked(name, attrs.evolve(model, chunk=chunk), *batch, *options), wanted, atol=1e-9)


@every_attack
def test_the_layout_in_memory_does_not_matter(model, batch, name):
    """The engine hands out images whose channels lie together in memory."""
    images, labels = batch
    found = attacked(name, model, images.contiguous(memory_format=torch.channels_last), labels)
    assert torch.allclose(found, attacked(name, model, images, labels), atol=1e-9)


@every_attack
def test_no_pass_is_larger_than_the_chunk(model, batch, name):
    sizes = []
    hook = model.module.register_forward_hook(lambda _module, inputs, _output: sizes.append(len(inputs[0])))
    try:
        attacked(name, model, *batch)
    finally:
        hook.remove()
    assert 0 < max(sizes) <= model.chunk


with_keep = pytest.mark.parametrize("name", [name for name in SPECS if "keep" in PARAMETERS[name]])


@with_keep
def test_the_worst_is_never_better_than_the_image_nor_than_a_smaller_radius(model, batch, name):
    images, labels = batch
    levels = attacked(name, model, images, labels, eps(name, 0.1, 0.3, 1), "keep=worst")
    criterion = Criterion(model, labels, objective=getattr(settings(name), "objective", "cross-entropy"))
    values = torch.stack([criterion.loss(criterion.scores(view)) for view in (images, *levels)])
    assert (values.diff(dim=0) >= -1e-6).all()
    assert (values[-1] > values[0]).any()


@with_keep
@pytest.mark.parametrize("keep", ["first", "worst", "last"])
def test_what_fell_stays_fallen_and_as_it_is(model, batch, name, keep):
    images, labels = batch
    levels = attacked(name, model, images, labels, eps(name, 0, 0.03, 0.1, 0.3, 1), f"keep={keep}")
    assert levels.shape == (5, *images.shape)
    assert torch.equal(levels[0], images)
    misclassified = torch.stack([model(level).argmax(dim=1) != labels for level in levels])
    misclassified = misclassified[1:] if keep == "last" else misclassified  # its first radius is taken by every image
    assert (misclassified[1:] >= misclassified[:-1]).all()
    if keep == "first":
        assert all(torch.equal(levels[level, before], levels[-1, before]) for level, before in enumerate(misclassified))


@with_keep
def test_what_is_wrong_already_is_left_alone_unless_asked(model, batch, name):
    moved = {
        keep: bool((attacked(name, model, *batch, f"keep={keep}")[-1] != batch[0][-1]).any())
        for keep in ("first", "last")
    }
    assert moved == {"first": False, "last": True}


@every_attack
@pytest.mark.parametrize(
    "wrong",
    ["eps=-1", "eps=wide", "eps=nan", "norm=l7", "keep=best", "steps=0", "steps=2.5", "step_size=0", "restarts=0",
     "samples=0", "target=-1", "target=cat", "objective=logit", "smoothness=-1", "noise=-1", "random_start=2"],
)  # fmt: skip
def test_wrong_parameters_are_refused_by_name(name, wrong):
    parameter = wrong.partition("=")[0]
    wanted = f"{parameter}: must be" if parameter in PARAMETERS[name] else f"{parameter}: unknown parameter"
    with pytest.raises(SpellingError) as refused:
        CATALOG.component("attack", f"{name}:{wrong}")
    assert f"{name}: 1 bad parameter" in str(refused.value)
    assert wanted in str(refused.value)


@every_attack
def test_specs_say_what_they_are_and_texts_give_settings_back(name):
    spec, component = SPECS[name], CATALOG.component("attack", name)
    assert spec.summary
    assert spec.references
    assert set(spec.norms) <= {"linf", "l2", "displacement"}
    assert PARAMETERS[name]["eps"].unit == ("pixels" if "displacement" in spec.norms else "pixel value")
    assert CATALOG.component("attack", component.canonical) == component
    assert hash(component.settings) == hash(attrs.evolve(component.settings))
