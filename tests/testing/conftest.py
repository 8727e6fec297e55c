"""What breaks which rule: a class is provided as a plugin called ``thing``, and every check of it runs."""

from __future__ import annotations

import attrs
import pytest

from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import PluginInfo
from shapebias.plugins.specs import KINDS
from shapebias.testing import checks, outcomes


@pytest.fixture(scope="session")
def failures():
    """Return a function from a class to the names of the rules that it breaks, with the messages."""

    def run(kind, cls, **facts):
        facts = {"summary": "a thing", "references": "Nobody 2026, A thing", **facts}
        spec = KINDS[kind]("thing", cls, **facts)
        catalog = Catalog([PluginInfo("mine", "mine", "1", "mine", ("hook",), (spec,))])
        listed = [check for check in checks("mine", catalog=catalog) if not check.subject.startswith("plugin")]
        return {each.check.rule.name: each.message for each in outcomes(listed) if each.status == "failed"}

    return run


@pytest.fixture(scope="session")
def plugin():
    """Return a function that makes a settings class of a call."""

    def make(call):
        @attrs.frozen
        class Thing:
            """A thing."""

            __call__ = call

        return Thing

    return make
