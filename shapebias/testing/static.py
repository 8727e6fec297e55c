"""Rules that need no data: the specs, hooks and parameters of a plugin."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import attrs

from shapebias.errors import ShapebiasError, with_article
from shapebias.plugins.catalog import Catalog, Component
from shapebias.plugins.discovery import EVENTS, PluginInfo, discover
from shapebias.plugins.specs import Spec
from shapebias.spelling.params import describe, field_types
from shapebias.testing.rules import NotApplicable, Rules, require

__all__ = ["PLUGIN_RULES", "SETTINGS_RULES", "SPEC_RULES"]

PLUGIN_RULES: Rules[PluginInfo] = Rules()
SPEC_RULES: Rules[Spec] = Rules()
SETTINGS_RULES: Rules[Component] = Rules()

_HEAVY = ("torch", "torchvision", "timm")
_ALGORITHMS = ("transform", "attack", "saliency", "probe", "metric", "suite")


@PLUGIN_RULES("loads without a problem", "every command would warn of the problem, and lack what the plugin provides")
def _loads(plugin: PluginInfo) -> None:
    require(not plugin.problems, "; ".join(f"{problem.stage}: {problem.message}" for problem in plugin.problems))


@PLUGIN_RULES("provides something or reacts to runs", "a plugin without specs is a hook that returns nothing")
def _provides(plugin: PluginInfo) -> None:
    hooks = ", ".join(plugin.hooks) or "no hook"
    reacts = {*plugin.hooks} & {*EVENTS}
    require(plugin.specs or reacts, f"{plugin.title} implements {hooks} and yields no spec")


@PLUGIN_RULES(
    "its hooks import nothing heavy",
    f"'shapebias list' and '--help' load every plugin: {', '.join(_HEAVY)} would slow them down by seconds",
)
def _imports_nothing_heavy(plugin: PluginInfo) -> None:
    if Path(plugin.source).suffix == ".py":
        raise NotApplicable("hook and algorithm of a one-file plugin share the file")
    module = plugin.source.partition(":")[0]
    code = f"import sys, {module}; print(*[name for name in {_HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    require(done.returncode == 0, f"{module} does not import by itself:\n{done.stderr.strip()}")
    require(
        not done.stdout.split(),
        f"{module} imports {', '.join(done.stdout.split())}; "
        "name the target as text, 'package.module:Class', so that it is imported when it is used",
    )


@PLUGIN_RULES("its hooks answer twice the same", "the meaning of a name must not depend on earlier calls")
def _hooks_are_pure(plugin: PluginInfo) -> None:
    folders = [Path(plugin.source).parent] if Path(plugin.source).suffix == ".py" else []
    (again,) = (each for each in discover(folders) if (each.source, each.name) == (plugin.source, plugin.name))
    require(again.specs == plugin.specs, "a second call returns other specs")


@SPEC_RULES("has a summary", "'shapebias list' shows it, so that users can find what they need")
def _has_summary(spec: Spec) -> None:
    require(spec.summary, "the summary is empty")
    require("\n" not in spec.summary and len(spec.summary) <= 120, f"not one line of at most 120: {spec.summary!r}")


@SPEC_RULES("names its references", "users must be able to cite the definition of each number")
def _has_references(spec: Spec) -> None:
    if spec.kind not in _ALGORITHMS:
        raise NotApplicable(f"{with_article(spec.kind)} may have no paper")
    require(spec.references, "references are empty; write 'Authors year, title, section'")


@SPEC_RULES(
    "is a documented frozen attrs class", "settings are an identity: they are hashed, compared and stored as text"
)
def _target_is_frozen(spec: Spec) -> None:
    target = spec.load()
    require((target.__doc__ or "").strip(), f"{target.__qualname__} has no docstring; 'shapebias show' begins with it")


@SPEC_RULES(
    "every parameter is typed, documented and checked",
    "parameters come from the command line: text must be read, a wrong value refused by name, and help shown",
)
def _parameters_are_complete(spec: Spec) -> None:
    target = spec.load()
    field_types(target)  # raises if a type is missing or not supported
    for field in attrs.fields(target):
        if not field.init or not field.metadata.get("spelled", True):
            continue
        require(field.metadata.get("help"), f"{field.name} has no help; declare it with shapebias.plugin.param('...')")
        require(
            field.validator is not None, f"{field.name} is not validated; declare it with shapebias.plugin.param(...)"
        )


@SPEC_RULES(
    "has defaults where they make sense",
    "'name' alone should do something; at most the first parameter may be impossible to guess, such as a path",
)
def _has_defaults(spec: Spec) -> None:
    required = [row.name for row in describe(spec.load())[1:] if row.default == "(required)"]
    require(not required, f"no default for {', '.join(required)}")


@SETTINGS_RULES("its text is read back as an equal object", "the text identifies results when a run is continued")
def _round_trips(component: Component) -> None:
    catalog = Catalog(discover_like(component))
    for text in (component.canonical, component.text):
        again = catalog.component(component.kind, text)
        require(again == component, f"{text!r} is read back as {again.settings!r}, not {component.settings!r}")
    require(again.canonical == component.canonical, f"{component.canonical!r} becomes {again.canonical!r}")


@SETTINGS_RULES("each choice of a parameter is read back too", "an option that no text reaches cannot be used")
def _choices_round_trip(component: Component) -> None:
    catalog = Catalog(discover_like(component))
    target: Any = type(component.settings)
    for name, kind in field_types(target).items():
        for choice in typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ():
            try:
                other = attrs.evolve(component, settings=attrs.evolve(component.settings, **{name: choice}))
            except (
                ShapebiasError,
                TypeError,
                ValueError,
            ):  # a choice that does not go with the others, refused as it should be
                continue
            again = catalog.component(component.kind, other.canonical)
            require(again == other, f"{other.canonical!r} is read back as {again.settings!r}")


def discover_like(component: Component) -> list[PluginInfo]:
    """Return one plugin that provides only this component, so that its text can be read without the others."""
    name = component.distribution or "plugin"
    return [PluginInfo(name, name, "", "", specs=(component.spec,))]
