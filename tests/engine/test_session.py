"""What is loaded once, and sizes that shrink until they fit."""

from __future__ import annotations

import gc
import weakref

import attrs
import pytest
import torch
from counting import counting
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import shapebias as sb
from shapebias.engine.session import Session
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.plugins.specs import ModelSpec, TransformSpec
from shapebias.runtime.memory import Memory

CPU = torch.device("cpu")


def needs_less_than(limit, tried):
    def call(images):
        tried.append(images)
        if images >= limit:
            raise torch.OutOfMemoryError("on purpose")
        return images

    return call


@pytest.mark.parametrize(("times", "left"), [(0, (100, 7)), (1, (50, 3)), (3, (12, 1)), (9, (1, 1))])
def test_sizes_are_halved_down_to_one_image(times, left):
    memory = Memory(100, 7)
    memory.halve(times)
    assert (memory.batch, memory.chunk) == left


@given(st.integers(1, 2000), st.integers(2, 3000))
def test_sizes_are_halved_until_they_fit_and_stay_so(batch, limit):
    memory, tried = Memory(batch, chunk=99), []
    found = memory.fit("batch", needs_less_than(limit, tried))
    assert found == memory.batch < limit
    assert tried == [batch >> halvings for halvings in range(len(tried))]
    assert memory.chunk == 99
    tried.clear()
    memory.fit("batch", needs_less_than(limit, tried))
    assert tried == [found]


def test_one_image_that_does_not_fit_is_an_error():
    memory, tried = Memory(4, 4), []
    with pytest.raises(torch.OutOfMemoryError):
        memory.fit("chunk", needs_less_than(1, tried))
    assert tried == [4, 2, 1]


def test_other_errors_are_raised_at_once():
    calls = []

    def call(images):
        calls.append(images)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Memory(4, 4).fit("batch", call)
    assert calls == [4]


@attrs.frozen
class Loads:
    loads: list[str] = attrs.field(factory=list, eq=False, metadata={"spelled": False})

    def load(self, device):
        self.loads.append(str(device))
        return len(self.loads)


def test_a_component_is_loaded_once_on_each_device():
    settings = Loads()
    component = Component(TransformSpec("loads", Loads), settings)
    session = Session(sb.Study("stimuli:images=8", "cnn:8"), CPU, Memory(1, 1))
    assert [session.load(component), session.load(component), session.load(component, torch.device("meta"))] == [
        1,
        1,
        2,
    ]
    assert settings.loads == ["cpu", "meta"]


def test_settings_without_load_are_the_callable():
    saturate = default_catalog().component("transform", "saturate:p=8")
    session = Session(sb.Study("stimuli:images=8", "cnn:8"), CPU, Memory(1, 1))
    assert session.load(saturate) is saturate.settings


@attrs.frozen
class Sized:
    """A network of some kilobytes."""

    kilobytes: int
    loads: list[int] = attrs.field(factory=list, eq=False, metadata={"spelled": False})

    def load(self, device):
        self.loads.append(self.kilobytes)
        return sb.Classifier(nn.Linear(256 * self.kilobytes, 1, bias=False))


def test_models_are_forgotten_beyond_the_bound_those_used_longest_ago_first():
    sizes = (4, 3, 2, 1, 99)
    models = {size: Component(ModelSpec("sized", Sized), Sized(size)) for size in sizes}
    session = Session(sb.Study("stimuli:images=8", "cnn:8"), CPU, Memory(1, 1), model_bytes=9 * 1024)

    def loaded_again(*asked):
        for model in models.values():
            model.settings.loads.clear()
        for size in asked:
            session.load(models[size])
        return [size for size in asked if models[size].settings.loads]

    assert loaded_again(4, 3, 2) == [4, 3, 2]  # 9 kB: all fit
    assert loaded_again(4, 3, 2) == []
    assert loaded_again(4, 1) == [1]  # 10 kB: 3, used longest ago, goes
    assert loaded_again(2, 4, 1) == []
    assert loaded_again(3) == [3]  # 2 goes
    assert loaded_again(4, 1, 3) == []
    assert loaded_again(99) == [99]  # the one that is used stays, whatever its size
    assert loaded_again(99) == []
    assert loaded_again(4, 3, 1) == [4, 3, 1]


def test_the_state_of_a_forgotten_network_is_forgotten_too():
    models = [Component(ModelSpec("sized", Sized), Sized(size)) for size in (5, 6)]
    session = Session(sb.Study("stimuli:images=8", "cnn:8"), CPU, Memory(1, 1), model_bytes=8 * 1024)
    network = session.load(models[0]).module
    session.state_of(network)
    gone = weakref.ref(network)
    del network
    session.load(models[1])
    gc.collect()
    assert gone() is None


def test_the_usual_bound_is_eight_gibibytes():
    assert attrs.fields(Session).model_bytes.default == 8 * 2**30


def test_images_of_the_last_part_are_decoded_once():
    dataset, other = counting(6), counting(6)
    session = Session(sb.Study("stimuli:images=8", "cnn:8"), CPU, Memory(1, 1))

    def decode(component, rows):
        decoded = session.decode(component, rows, None)
        assert decoded.readable() == [*range(len(rows))]
        return decoded

    first = decode(dataset, (0, 2, 3))
    assert decode(dataset, (0, 2, 3)) is first
    assert sorted(dataset.settings.decoded) == [0, 2, 3]
    assert decode(dataset, (0, 2)) is not first
    assert decode(other, (0, 2)).dataset is other.settings
    session.forget_images()
    dataset.settings.decoded.clear()
    decode(dataset, (0, 2, 3))
    assert sorted(dataset.settings.decoded) == [0, 2, 3]
    session.forget_images()
