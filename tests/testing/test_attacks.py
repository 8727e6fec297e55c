from __future__ import annotations

import attrs
import pytest
import torch

from shapebias.plugin import param, pixel_gradient


def step(factor=1.0, *, clip=True):
    """Make a class that steps along the sign of the gradient by ``factor`` times eps."""

    @attrs.frozen
    class Step:
        """One step."""

        eps: float = param("radius", default=8 / 255, ge=0)

        def __call__(self, model, images, labels, _rng):
            gradient, _ = pixel_gradient(model, images, labels)
            found = images + factor * self.eps * gradient.sign()
            return found.clamp(0, 1) if clip else found

    return Step


def test_an_attack_that_breaks_no_rule(failures):
    assert failures("attack", step(), norms="linf") == {}


@pytest.mark.parametrize(
    ("rule", "cls"),
    [
        ("stays in [0, 1]", step(clip=False)),
        ("stays in its ball", step(1.5)),
        ("does not make the model surer", step(-1.0)),
    ],
)
def test_each_rule_finds_who_breaks_it(failures, rule, cls):
    assert rule in failures("attack", cls, norms="linf")


def test_an_attack_that_mixes_images_and_leaves_traces(failures):
    @attrs.frozen
    class Careless:
        """Noise of everybody, and a model that is in training mode afterwards."""

        eps: float = param("radius", default=8 / 255, ge=0)

        def __call__(self, model, images, _labels, _rng):
            model.module.train()
            return (images + 0.01 * torch.rand_like(images) - 0.01 * images.mean(dim=0)).clamp(0, 1)

    found = failures("attack", Careless, norms="linf")
    assert {
        "does nothing at eps=0",
        "gives the same for the same random numbers",
        "treats an image alone as in a batch",
    } <= found.keys()
    message = found["leaves its arguments, the model and global random state alone"]
    assert "left behind in the model: 0: training mode" in message


def test_a_list_of_eps_gives_one_more_axis(failures):
    @attrs.frozen
    class Grey:
        """Step towards grey, by each eps."""

        eps: tuple[float, ...] = param("radii", default=(1 / 255, 2 / 255), ge=0)

        def __call__(self, model, images, labels, _rng):
            gradient, _ = pixel_gradient(model, images, labels)
            found = [(images + eps * gradient.sign()).clamp(0, 1) for eps in self.eps]
            return torch.stack(found) if len(found) > 1 else found[0]

    assert failures("attack", Grey, norms="linf") == {}
