"""What a plugin hands over is checked when it is made, and imported only when it is used."""

from __future__ import annotations

import re
import sys
import textwrap
from typing import get_args

import attrs
import pytest

from shapebias.errors import PluginError
from shapebias.plugins.specs import (
    KINDS,
    AttackSpec,
    DatasetSpec,
    Kind,
    MetricSpec,
    ModelSpec,
    ProbeSpec,
    SaliencySpec,
    TransformSpec,
)


@attrs.frozen
class Sepia:
    """A target."""


@attrs.define
class Mutable:
    """Settings that can change cannot be an identity."""


class Plain:
    """No attrs class."""


def test_there_is_one_spec_for_every_kind():
    assert tuple(KINDS) == get_args(Kind)
    assert all(spec.kind == kind for kind, spec in KINDS.items())
    assert len({*KINDS.values()}) == 9


@pytest.mark.parametrize("spec", KINDS.values())
def test_every_spec_has_the_fields_of_the_other_kinds_at_their_defaults(spec):
    defaults = {
        field.name: field.default for kind in KINDS.values() for field in attrs.fields(kind) if field.name != "name"
    }
    made = spec("x", Sepia)
    found = {name: getattr(made, name) for name in defaults if name != "target"}
    assert found == {name: default for name, default in defaults.items() if name != "target"}


def test_a_field_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="needs"):
        ModelSpec("x", Sepia, needs="mask")


@pytest.mark.parametrize("name", ["sepia", "a", "patch-shuffle", "top5", "i-fgsm2"])
def test_good_names(name):
    assert TransformSpec(name, Sepia).name == name


@pytest.mark.parametrize("name", ["", "Sepia", "5-crop", "-a", "a b", "a_b", "a/b", "a:b", "a=b", "a+b", "ä", 5, None])
def test_bad_names_are_refused(name):
    with pytest.raises(PluginError, match=f"^TransformSpec name {re.escape(repr(name))}: use lower-case letters"):
        TransformSpec(name, Sepia)


@pytest.mark.parametrize("target", ["pkg", "pkg:", ":Sepia", "pkg.Sepia", "pkg:a.b", "p k:S", None, Sepia()])
def test_bad_targets_are_refused(target):
    with pytest.raises(PluginError, match=r"target of 'sepia' is .*: give a class or the text 'package.module:Class'"):
        TransformSpec("sepia", target)


def test_specs_are_values():
    def make():
        return TransformSpec("sepia", Sepia, summary="brown", references="Niepce 1826", destroys=["colour"])

    assert make() == make()
    assert hash(make()) == hash(make())
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        make().name = "other"


def test_one_word_stands_for_a_list_of_one():
    spec = TransformSpec("sepia", Sepia, references="Niepce 1826", destroys="colour", needs="mask")
    assert (spec.references, spec.destroys, spec.needs) == (("Niepce 1826",), ("colour",), ("mask",))
    assert AttackSpec("pgd", Sepia, norms="linf").norms == ("linf",)


@pytest.mark.parametrize("words", [{"destroys": "color"}, {"needs": ["mask", "depth"]}])
def test_words_that_mean_nothing_are_refused(words):
    with pytest.raises(ValueError, match=r"must be in \("):
        TransformSpec("sepia", Sepia, **words)


def test_the_facts_of_each_kind_have_defaults():
    assert not TransformSpec("x", Sepia).moves_pixels
    assert not SaliencySpec("x", Sepia).needs_features
    assert not ProbeSpec("x", Sepia).needs_maps
    assert AttackSpec("x", Sepia).norms == ()
    assert {spec("x", Sepia).kind for spec in (ModelSpec, DatasetSpec, MetricSpec)} == {"model", "dataset", "metric"}


def test_facts_are_named():
    with pytest.raises(TypeError):
        TransformSpec("sepia", Sepia, "brown")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Make an importable module of some source."""

    def make(source: str) -> str:
        name = f"spec_target_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    return make


def test_a_target_by_name_is_imported_when_it_is_loaded(module):
    name = module("import attrs\n\n@attrs.frozen\nclass Sepia: ...\n")
    spec = TransformSpec("sepia", f"{name}:Sepia")
    assert name not in sys.modules
    assert spec.load() is sys.modules[name].Sepia
    assert TransformSpec("sepia", Sepia).load() is Sepia


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package_at_all", "ModuleNotFoundError: No module named 'no_such_package_at_all'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise OSError('libfoo.so: cannot open')", "OSError: libfoo.so: cannot open"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(", "SyntaxError: "),
        ("", "has no attribute 'Sepia'"),
    ],
)
def test_a_target_that_does_not_import_is_an_error_with_its_reason(module, source, reason):
    target = f"{module(source)}:Sepia"
    with pytest.raises(PluginError) as caught:
        TransformSpec("sepia", target).load()
    message = str(caught.value)
    assert message.startswith(f"transform 'sepia' cannot be loaded from '{target}': ")
    assert reason in message
    assert message.endswith("install what it needs, or see the traceback with 'shapebias plugins --traceback'")
    assert caught.value.__cause__ is not None


def test_a_module_that_is_not_there_is_an_error():
    with pytest.raises(PluginError, match="No module named 'no_such_package_at_all'"):
        TransformSpec("sepia", "no_such_package_at_all.sepia:Sepia").load()


@pytest.mark.parametrize("target", [Plain, Mutable, int, "shapebias.plugins.specs:KINDS"])
def test_a_target_must_be_a_frozen_attrs_class(target):
    with pytest.raises(PluginError, match=r"target of transform 'sepia' is .*: it must be a frozen attrs class"):
        TransformSpec("sepia", target).load()
