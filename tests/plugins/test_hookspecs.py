"""The hooks can be read as documentation, and each has a real plugin that uses it."""

from __future__ import annotations

import importlib
import inspect
import re
import typing

import pluggy
import pytest

from shapebias.plugins import hookspecs, specs
from shapebias.plugins.discovery import EVENTS, HOOKS, discover
from shapebias.plugins.specs import KINDS

BUILT_IN = [plugin for plugin in discover() if plugin.distribution == "shapebias"]


def kind_of(hook: str) -> str:
    (kind,) = (kind for kind in KINDS if hook.startswith(f"shapebias_{kind}"))
    return kind


def test_there_is_one_hook_for_every_kind():
    assert sorted(map(kind_of, HOOKS)) == sorted(KINDS)
    assert {*HOOKS, *EVENTS, "hookimpl"} == {*hookspecs.__all__}


@pytest.mark.parametrize("event", EVENTS)
def test_a_hook_that_reacts_says_when_by_whom_and_what_for(event):
    function = getattr(hookspecs, event)
    text = inspect.getdoc(function)
    when, by, arguments = re.split(r"\n\n", text, maxsplit=2)
    assert re.match(r"Called (once )?(when|after) .*, for example to ", when)
    assert re.match(r"Called (by|after) ", by)
    assert "shapebias." in by
    assert all(f"    {name}: " in arguments for name in inspect.signature(function).parameters)
    assert function.__annotations__["return"] == "None"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_takes_nothing_and_yields_specs_of_its_kind(hook):
    function = getattr(hookspecs, hook)
    assert not inspect.signature(function).parameters
    returned = typing.get_type_hints(function, {**vars(typing), **vars(specs)})["return"]
    assert typing.get_args(returned) == (KINDS[kind_of(hook)],)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_names_the_contract_of_what_it_hands_over(hook):
    (module, protocol) = re.search(r":class:`(shapebias[.\w]+)\.(\w+)`", getattr(hookspecs, hook).__doc__).groups()
    assert protocol.lower() == kind_of(hook)
    assert isinstance(getattr(importlib.import_module(module), protocol), type)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_built_in_uses_the_hook(hook):
    (built_in,) = (plugin for plugin in BUILT_IN if hook in plugin.hooks)
    assert built_in.specs
    assert {spec.kind for spec in built_in.specs} == {kind_of(hook)}


@pytest.mark.parametrize("hook", HOOKS)
def test_two_calls_of_a_built_in_hook_give_equal_specs(hook):
    (built_in,) = (plugin for plugin in BUILT_IN if hook in plugin.hooks)
    function = getattr(__import__(built_in.source, fromlist=[hook]), hook)
    assert tuple(function()) == tuple(function()) == built_in.specs


def test_pluggy_takes_the_specifications():
    manager = pluggy.PluginManager("shapebias")
    manager.add_hookspecs(hookspecs)
    assert sorted(vars(manager.hook)) == sorted([*HOOKS, *EVENTS])
