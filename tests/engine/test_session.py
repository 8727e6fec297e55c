"""What is loaded once, and sizes that shrink until they fit."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import shapebias as sb
from shapebias.engine.session import Session
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.plugins.specs import TransformSpec
from shapebias.runtime.memory import Memory

CPU = torch.device("cpu")


def needs_less_than(limit, tried):
    def call(images):
        tried.append(images)
        if images >= limit:
            raise torch.OutOfMemoryError("on purpose")
        return images

    return call


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
