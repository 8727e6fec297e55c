from __future__ import annotations

import pytest
import torch

from shapebias.plugin import pixel_gradient


def gradient(model, images, targets):
    return pixel_gradient(model, images, targets)[0].abs().sum(dim=1)


def all_at_once(model, images, targets):
    pixels = images.clone().requires_grad_()
    with torch.enable_grad():
        (found,) = torch.autograd.grad(model(pixels).gather(1, targets[:, None]).sum(), pixels)
    return found.abs().sum(dim=1) / len(images)


def with_a_hook(model, images, targets):
    model.module[0].register_forward_hook(lambda *_: None)
    return gradient(model, images, targets)


def in_training_mode(model, images, targets):
    model.module.train()
    return gradient(model, images, targets)


def method(explain):
    return lambda _self, model, images, targets, _rng: explain(model, images, targets)


BROKEN = {
    "gives one finite map an image": [
        lambda *given: gradient(*given).mean(dim=0),
        lambda *given: gradient(*given) / 0,
        lambda *given: gradient(*given).numpy(),
    ],
    "depends on the target": [lambda model, images, targets: gradient(model, images, 0 * targets)],
    "depends on the weights": [lambda _model, images, targets: images.mean(dim=1) + targets[:, None, None]],
    "keeps to the model's chunk": [all_at_once],
    "treats an image alone as in a batch": [all_at_once],
    "does not depend on the chunk": [lambda model, *given: gradient(model, *given) * model.chunk],
    "leaves its arguments, the model and global random state alone": [with_a_hook, in_training_mode],
}


@pytest.mark.parametrize(("rule", "explain"), [(rule, each) for rule, calls in BROKEN.items() for each in calls])
def test_each_rule_finds_who_breaks_it(failures, plugin, rule, explain):
    assert rule in failures("saliency", plugin(method(explain)))


def test_a_method_that_breaks_no_rule(failures, plugin):
    assert failures("saliency", plugin(method(gradient))) == {}
