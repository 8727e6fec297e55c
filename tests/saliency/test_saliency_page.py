"""The page that defines the saliency methods: it has all of them, and its examples run."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import attrs
import pytest
import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.rng import ImageRandom
from shapebias.saliency import shapebias_saliency

PAGE = Path(__file__).parents[2] / "docs" / "saliency.md"
SPECS = list(shapebias_saliency())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_method_has_a_section_with_formula_and_reference(spec, section_of):
    section = section_of(PAGE.read_text(encoding="utf-8"), spec.name)
    assert re.search(r"^```text\n.+?^```", section, re.MULTILINE | re.DOTALL), "no formula"
    assert spec.references
    for reference in spec.references:
        assert re.match(r".+? \d{4}", reference)[0] in section
    named = set(re.findall(r"`(\w+)=", section))
    assert named <= {field.name for field in spec.load().__attrs_attrs__}


def passes(spec):
    """Count the forward passes of one image, and those that keep what a backward pass needs."""
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
    network = nn.Sequential(*layers).requires_grad_(requires_grad=False)
    model = Classifier(network, features=Features(network[0]), chunk=7)
    seen = []
    network.register_forward_hook(lambda _network, _inputs, scores: seen.extend([scores.requires_grad] * len(scores)))
    rng = ImageRandom.for_images(0, spec.name, 0, ["a"])
    spec.load()()(model, torch.rand(1, 3, 16, 16), torch.tensor([0]), rng)
    return len(seen), sum(seen)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_cost_is_what_the_table_says(spec):
    (row,) = re.findall(rf"^\| `{spec.name}` \| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    settings = {**attrs.asdict(spec.load()()), "windows": 225}
    wanted = [sum(int(settings.get(term, term)) for term in text.split(" + ")) for text in row]
    assert passes(spec) == tuple(wanted)


def test_the_examples_run():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0
    assert failed == 0
