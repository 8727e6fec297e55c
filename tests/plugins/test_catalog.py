"""Names lead to specs and their providers, and text and settings to components."""

from __future__ import annotations

import hashlib
import sys
import textwrap
from pathlib import Path

import attrs
import pytest

from shapebias.errors import PluginError, ShapebiasError, SpellingError, UnknownNameError
from shapebias.plugins.catalog import Catalog, Component, default_catalog
from shapebias.plugins.discovery import PluginInfo, discover
from shapebias.plugins.specs import AttackSpec, MetricSpec, ModelSpec, TransformSpec
from shapebias.spelling.params import param


@attrs.frozen
class Saturate:
    p: float = param("saturation", default=8, gt=0)


@attrs.frozen
class OtherSaturate:
    p: float = param("saturation", default=8, gt=0)


@attrs.frozen
class Pgd:
    eps: float = param("radius", default=8 / 255)


@attrs.frozen
class Checkpoint:
    file: Path = param("weight file")


@attrs.frozen
class Unregistered:
    """No plugin provides it."""


FIRST = PluginInfo(
    "transforms",
    "first",
    "1.0",
    "first.transforms",
    specs=(
        TransformSpec("saturate", Saturate),
        TransformSpec("grayscale", Unregistered),
        AttackSpec("pgd", Pgd),
        ModelSpec("checkpoint", Checkpoint),
        MetricSpec("saturate", Pgd),
    ),
)
SECOND = PluginInfo("more", "second-one", "2.0", "second.more", specs=(TransformSpec("saturate", OtherSaturate),))
FILE = PluginInfo("mine", "mine", "", "/plugins/mine.py", specs=(TransformSpec("invert", OtherSaturate),))
CATALOG = Catalog([FIRST, FILE])
SHARED = Catalog([FIRST, SECOND])


def test_names_of_kinds():
    assert CATALOG.names("transform") == ["grayscale", "invert", "saturate"]
    assert CATALOG.names("attack", "transform") == ["grayscale", "invert", "pgd", "saturate"]
    assert CATALOG.names("probe") == []
    assert len([*CATALOG]) == 6


def test_a_name_leads_to_its_spec_and_its_provider():
    entry = CATALOG.find("transform", "saturate")
    assert (entry.spec.target, entry.plugin.title) == (Saturate, "first 1.0 (transforms)")
    assert CATALOG.find("metric", "saturate").spec.target is Pgd
    assert CATALOG.find(("transform", "attack"), "pgd").spec.kind == "attack"
    assert CATALOG.find("transform", "first/saturate") == entry


@pytest.mark.parametrize(
    ("kind", "name", "first", "known"),
    [
        ("transform", "satruate", "no transform is called 'satruate'; did you mean 'saturate'?", "invert, saturate"),
        ("transform", "zebra", "no transform is called 'zebra'", "grayscale, invert, saturate"),
        ("transform", "pgd", "no transform is called 'pgd'; 'pgd' is of the kind attack", "invert, saturate"),
        (("transform", "attack"), "pgdd", "no transform or attack is called 'pgdd'; did you mean 'pgd'?", "pgd"),
        ("transform", "mine/saturate", "no transform is called 'mine/saturate'; did you mean 'saturate'?", "saturate"),
        ("probe", "deletion", "no probe is called 'deletion'", ""),
    ],
)
def test_an_unknown_name_says_what_is_known(kind, name, first, known):
    with pytest.raises(UnknownNameError) as caught:
        CATALOG.find(kind, name)
    lines = str(caught.value).splitlines()
    assert lines[0] == first
    assert known in lines[1]
    assert lines[1].endswith("(see 'shapebias list', and 'shapebias plugins' for what failed to load)")


def test_a_shared_name_names_every_provider_and_only_that_name_is_ambiguous():
    with pytest.raises(UnknownNameError) as caught:
        SHARED.find("transform", "saturate")
    assert str(caught.value) == (
        "transform 'saturate' is provided more than once: "
        "first/saturate (first.transforms), second-one/saturate (second.more)\n"
        "write one of these in full"
    )
    assert SHARED.find("transform", "grayscale").plugin is FIRST
    assert SHARED.find("metric", "saturate").plugin is FIRST
    assert SHARED.find("transform", "first/saturate").plugin is FIRST
    assert SHARED.find("transform", "second-one/saturate").plugin is SECOND


def test_a_shared_name_stays_in_full_so_that_two_results_are_never_one():
    one = SHARED.component("transform", "first/saturate:p=4")
    two = SHARED.component("transform", "second-one/saturate:p=4")
    assert (one.canonical, two.canonical) == ("first/saturate:p=4", "second-one/saturate:p=4")
    assert (one.text, one.name) == ("first/saturate:p=4", "saturate")
    assert one != two
    assert SHARED.component("transform", one.canonical) == one
    assert SHARED.wrap("transform", Saturate(p=4)) == one
    assert CATALOG.component("transform", "first/saturate:p=4").canonical == "saturate:p=4"


def test_text_becomes_a_component():
    component = CATALOG.component("transform", "saturate:4")
    assert component.settings == Saturate(p=4)
    assert (component.kind, component.name, component.provider) == ("transform", "saturate", "first 1.0")
    assert (component.canonical, component.text, component.title) == ("saturate:p=4",) * 3
    assert CATALOG.component("transform", "invert").provider == "mine"


def test_a_label_is_for_tables_and_not_for_identity():
    component = CATALOG.component("model", "mine=checkpoint:at.safetensors")
    assert (component.label, component.title) == ("mine", "mine")
    assert (component.text, component.canonical) == ("checkpoint:at.safetensors", "checkpoint:file=at.safetensors")
    assert component.files == [Path("at.safetensors")]
    assert component == CATALOG.component("model", "checkpoint:at.safetensors")
    assert hash(component) == hash(CATALOG.component("model", "checkpoint:at.safetensors"))


@attrs.frozen
class Loads:
    """Settings that load a callable."""

    file: Path | None = None
    fingerprint: str | None = None

    def load(self, device):
        if device == "broken":
            raise SystemExit
        return f"loaded on {device}"


def test_a_component_loads_what_its_settings_load_or_is_the_settings():
    loads = Component(ModelSpec("loads", Loads), Loads())
    saturate = CATALOG.component("transform", "saturate:p=4")
    assert (loads.load("cpu"), saturate.load("cpu")) == ("loaded on cpu", saturate.settings)
    with pytest.raises(PluginError, match="loads raised SystemExit, which would end the whole run"):
        loads.load("broken")


def test_fingerprints_are_those_of_the_files_or_of_the_settings_themselves(tmp_path):
    (tmp_path / "at.safetensors").write_bytes(b"weights")
    component = CATALOG.component("model", f"checkpoint:{tmp_path}/at.safetensors")
    assert component.fingerprints() == {f"{tmp_path}/at.safetensors": hashlib.sha256(b"weights").hexdigest()}
    own = Component(ModelSpec("loads", Loads), Loads(tmp_path / "at.safetensors", "its hash"))
    assert own.fingerprints() == {"its content": "its hash"}


def test_equal_settings_under_two_names_or_kinds_are_two_things():
    assert CATALOG.component("attack", "pgd:0.5") != CATALOG.component("metric", "saturate:0.5")
    assert CATALOG.component("attack", "pgd:0.5") != CATALOG.component("attack", "pgd:0.25")


def test_errors_of_the_text_go_through():
    with pytest.raises(SpellingError, match="p: must be > 0, got 0"):
        CATALOG.component("transform", "saturate:p=0")
    with pytest.raises(SpellingError, match="does not begin with a name"):
        CATALOG.component("transform", "8saturate")
    gone = Catalog([attrs.evolve(FILE, specs=(TransformSpec("gone", "no_such_package_at_all:Gone"),))])
    with pytest.raises(PluginError, match="transform 'gone' cannot be loaded"):
        gone.component("transform", "gone")


def test_settings_made_in_python_find_their_name():
    wrapped = CATALOG.wrap(("transform", "attack"), Saturate(p=4), "mine")
    assert wrapped == CATALOG.component("transform", "saturate:p=4")
    assert (wrapped.label, wrapped.provider) == ("mine", "first 1.0")
    assert CATALOG.wrap("attack", Pgd(0.5)).canonical == "pgd:eps=0.5"
    assert CATALOG.wrap("metric", Pgd(0.5)).canonical == "saturate:eps=0.5"


@pytest.mark.parametrize("thing", [Checkpoint("a"), 3, "saturate:p=8", Saturate])
def test_what_no_plugin_provides_is_refused(thing):
    with pytest.raises(UnknownNameError, match=r"no plugin provides .* as a transform or attack; give text such as"):
        CATALOG.wrap(("transform", "attack"), thing)


def test_a_class_with_two_names_is_refused():
    both = Catalog([FILE, attrs.evolve(FILE, distribution="other", specs=(TransformSpec("negate", OtherSaturate),))])
    with pytest.raises(UnknownNameError, match=r"has several names: mine/invert, other/negate\nwrite one of these as"):
        both.wrap("transform", OtherSaturate())


def test_a_target_given_as_text_is_recognised_without_importing_others(tmp_path, monkeypatch):
    package = tmp_path / f"pkg_{tmp_path.name}"
    package.mkdir()
    (package / "__init__.py").write_text("from .sepia import Sepia")
    (package / "sepia.py").write_text("import attrs\n\n@attrs.frozen\nclass Sepia: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = {
        "sepia": f"{package.name}.sepia:Sepia",  # where it is written
        "brown": f"{package.name}:Sepia",  # where it is shown
        "heavy": "no_such_package_at_all:Sepia",
    }
    catalog = Catalog([attrs.evolve(FILE, specs=tuple(TransformSpec(name, to) for name, to in names.items()))])
    sepia = catalog.find("transform", "sepia").spec.load()
    for name in ("sepia", "brown"):
        alone = Catalog(
            [attrs.evolve(FILE, specs=(TransformSpec(name, names[name]), TransformSpec("x", names["heavy"])))]
        )
        assert alone.wrap("transform", sepia()).name == name
    assert "no_such_package_at_all" not in sys.modules


def test_settings_of_a_file_plugin_find_their_name(tmp_path):
    source = """
        import attrs
        from shapebias import plugin

        @attrs.frozen
        class Sepia:
            strength: float = plugin.param("how brown", default=1.0)

        @plugin.hookimpl
        def shapebias_transforms():
            yield plugin.TransformSpec("sepia-of-a-file", Sepia)
    """
    (tmp_path / "brown.py").write_text(textwrap.dedent(source))
    catalog = Catalog(discover([tmp_path]))
    sepia = catalog.find("transform", "sepia-of-a-file").spec.load()
    wrapped = Catalog(discover([tmp_path])).wrap("transform", sepia(strength=0.5))  # loaded twice
    assert (wrapped.canonical, wrapped.provider) == ("sepia-of-a-file:strength=0.5", "brown")


def test_settings_of_a_built_in_find_their_name():
    built_in = Catalog(discover())
    saturate = built_in.find("transform", "saturate").spec.load()
    assert built_in.wrap("transform", saturate(p=4)) == built_in.component("transform", "saturate:p=4")


@pytest.mark.parametrize(
    ("text", "destroyed"),
    [
        ("saturate:p=8", ("texture",)),
        ("saturate:p=2", ()),
        ("saturate:p=1", ()),  # takes contrast away, and leaves the texture
        ("patch-shuffle:k=2", ("shape",)),
        ("patch-shuffle:k=1", ()),
        ("grayscale:alpha=0", ()),
        ("contrast:c=1", ()),
        ("edges", ("texture", "colour")),
    ],
)
def test_a_value_that_takes_nothing_away_destroys_nothing(text, destroyed):
    assert default_catalog().component("transform", text).destroys == destroyed


def test_components_are_values():
    component = CATALOG.component("transform", "saturate:4")
    assert attrs.evolve(component, label="mine", provider="x 1.0") == component
    assert Component(component.spec, Saturate(p=4)) == component
    assert {component: 1}[CATALOG.component("transform", "saturate:p=4.0")] == 1


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("model", "resnet50", "did you mean 'timm:resnet50' or 'torchvision:resnet50'?"),
        ("model", "convnextv2_nano", "did you mean 'timm:convnextv2_nano'?"),
        ("model", "resnet18_l2_eps3", "did you mean 'robust:resnet18_l2_eps3'?"),
        (("transform", "attack"), "saturate,p=8", "did you mean 'saturate:p=8'"),
        ("model", "timn:resnet18", "did you mean 'timm'"),
    ],
)
def test_other_spellings_are_recognised(kind, text, said):
    with pytest.raises(ShapebiasError, match=said):
        default_catalog().component(kind, text)


def test_a_path_alone_is_told_what_reads_it(tmp_path):
    with pytest.raises(SpellingError, match=rf"is a path; name what reads it: .*'folder:{tmp_path}'"):
        default_catalog().component("dataset", str(tmp_path))
