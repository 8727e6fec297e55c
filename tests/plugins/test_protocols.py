"""The small values that plugins return; the protocols are followed by every built-in."""

from __future__ import annotations

import inspect

import attrs
import numpy as np
import pytest
import torch
from PIL import Image

from shapebias.engine import executor
from shapebias.networks.features import Features
from shapebias.plugins import protocols as contracts
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import discover
from shapebias.plugins.protocols import Attributed, Sample, Transformed
from shapebias.plugins.specs import KINDS

PROTOCOLS = {
    name.lower(): getattr(module, name)
    for module in (contracts, executor)
    for name in module.__all__
    if name.lower() in KINDS
}


def test_there_is_one_contract_for_every_kind():
    assert PROTOCOLS.keys() == KINDS.keys()


@pytest.mark.parametrize(
    "value",
    [
        Sample(np.zeros((2, 2, 3)), "cat.png", 0),
        Transformed(torch.zeros(1, 3, 2, 2)),
        Attributed(torch.zeros(1, 2, 2)),
        Features(torch.nn.Identity()),
    ],
)
def test_values_with_arrays_are_compared_by_identity_and_frozen(value):
    assert value == value  # noqa: PLR0124 - arrays inside would make == fail
    assert value != attrs.evolve(value)
    assert hash(value) is not None
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.anything = 1


def test_what_is_unknown_is_none():
    sample = Sample(np.zeros((2, 2, 3)), "cat.png", 0)
    assert (sample.shape, sample.texture, sample.mask) == (None, None, None)
    assert (Transformed(torch.zeros(1, 3, 2, 2)).shape, Attributed(torch.zeros(1, 2, 2)).extras) == (None, {})
    assert (Features(torch.nn.Identity()).layout, Features(torch.nn.Identity()).prefix_tokens) == ("NCHW", 0)


BUILT_IN = [entry for entry in Catalog(discover()) if entry.plugin.distribution == "shapebias"]
CALLED = [entry for entry in BUILT_IN if entry.spec.kind not in ("dataset", "model", "executor")]


@pytest.mark.parametrize("entry", CALLED, ids=lambda entry: f"{entry.spec.kind} {entry.spec.name}")
def test_built_ins_are_called_as_their_contract_says(entry):
    target = entry.spec.load()
    if hasattr(target, "load"):
        assert [*inspect.signature(target.load).parameters] == ["self", "device"]
        return
    wanted = inspect.signature(PROTOCOLS[entry.spec.kind].__call__).parameters
    needs = (*entry.spec.needs, *["explain"] * entry.spec.needs_method)
    names = [name for name in inspect.signature(target.__call__).parameters if name not in needs]
    assert names == [name for name in wanted if name != "needs"]


@pytest.mark.parametrize("kind", ["dataset", "model", "executor"])
def test_built_in_data_sets_models_and_executors_have_what_their_contract_names(kind):
    members = [name for name in vars(PROTOCOLS[kind]) if not name.startswith("_")]
    members += ["__len__", "__getitem__"] * (kind == "dataset")
    for entry in BUILT_IN:
        if entry.spec.kind == kind:
            assert [name for name in members if not hasattr(entry.spec.load(), name)] == [], entry.spec.name


def test_a_picture_of_pillow_is_the_image_of_a_sample():
    picture = Image.new("L", (4, 3), 7)
    assert np.array_equal(Sample(picture, "a", 0).image, np.full((3, 4, 3), 7, np.uint8))
