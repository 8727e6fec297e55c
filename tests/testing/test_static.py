from __future__ import annotations

import attrs
import pytest

from shapebias.plugin import param
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import PluginInfo
from shapebias.testing import checks, outcomes

HOOKS = '''
import attrs
from shapebias.plugin import TransformSpec, hookimpl

calls = []

@attrs.frozen
class Same:
    """The image."""

    def __call__(self, images, rng):
        return images

@hookimpl
def shapebias_transforms():
    calls.append(1)
    yield TransformSpec("same", Same, summary=f"the image {SUMMARY}", references="Nobody 2026")
'''


def same(images, _rng):
    return images


def test_a_spec_and_parameters_that_say_too_little(failures):
    fields = {"first": attrs.field(default=1.0, type=float), "second": attrs.field(kw_only=True, type=int)}
    bare = attrs.make_class("Bare", fields, frozen=True)
    found = failures("transform", bare, summary="", references=())
    assert "first has no help" in found["every parameter is typed, documented and checked"]
    assert "no default for second" in found["has defaults where they make sense"]
    assert {"has a summary", "names its references", "is a documented frozen attrs class"} <= found.keys()


def test_settings_that_are_not_read_back(failures):
    @attrs.frozen
    class Forgetful:
        """A size that is halved whenever it is given."""

        size: float = param("of something", default=0.25, converter=lambda value: value / 2)

    assert "is read back as" in failures("transform", Forgetful)["its text is read back as an equal object"]


def test_hooks_that_import_torch_and_hand_over_nothing():
    catalog = Catalog([PluginInfo("mine", "mine", "1", "timm", ("shapebias_models",))])
    found = {each.check.rule.name: each.message for each in outcomes(checks("mine", catalog=catalog))}
    assert "timm imports torch, torchvision, timm" in found["its hooks import nothing heavy"]
    assert "implements shapebias_models and yields no spec" in found["provides something or reacts to runs"]


@pytest.mark.parametrize(("summary", "status"), [("itself", "passed"), ("{len(calls)}", "failed")])
def test_hooks_that_change_their_mind(tmp_path, summary, status):
    (tmp_path / "mine.py").write_text(HOOKS.replace("{SUMMARY}", summary))
    found = {each.check.rule.name: each.status for each in outcomes(checks(tmp_path / "mine.py"))}
    assert found["its hooks answer twice the same"] == status


def test_problems_of_loading(tmp_path):
    (tmp_path / "mine.py").write_text("raise RuntimeError('no luck')")
    found = {each.check.rule.name: each.message for each in outcomes(checks(tmp_path / "mine.py"))}
    assert "import: RuntimeError: no luck" in found["loads without a problem"]
