from __future__ import annotations

import attrs
import pytest
import torch

from shapebias import Classifier
from shapebias.plugin import Features


def network(*layers):
    layers = layers or (torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 3))
    return torch.nn.Sequential(*layers)


def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network()


class Mixing(torch.nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3)) - images.mean()


def of_one_size():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 40, 3))


def model(load):
    @attrs.frozen
    class Net:
        """A network."""

        def load(self, _device):
            return load()

    return Net


BROKEN = [
    ("loads a classifier", seeded),
    ("loads a classifier", lambda: Classifier(seeded(), classes=("one", "two"))),
    ("loads the same weights every time", lambda: Classifier(network())),
    ("leaves global random state alone", lambda: Classifier(network())),
    ("treats an image alone as in a batch", lambda: Classifier(Mixing())),
    ("declares features that it has", lambda: Classifier(seeded(), features=Features(network()))),
    ("takes pixels of any size", lambda: Classifier(of_one_size())),
    ("has gradients in the pixels", lambda: Classifier(network(torch.nn.Flatten(), torch.nn.Threshold(9, 9)))),
]


@pytest.mark.parametrize(("rule", "load"), BROKEN)
def test_each_rule_finds_who_breaks_it(failures, rule, load):
    assert rule in failures("model", model(load))


def test_a_model_that_breaks_no_rule(failures):
    assert failures("model", model(lambda: Classifier(seeded()))) == {}
