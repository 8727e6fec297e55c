"""Find a spec and its plugin by kind and name, and read text into a component with settings."""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import PluginError, ShapebiasError, SpellingError, UnknownNameError, suggestion, with_article
from shapebias.files import fingerprint
from shapebias.plugins.containment import contained
from shapebias.plugins.discovery import PluginInfo, discover
from shapebias.plugins.specs import KINDS, Kind, Spec
from shapebias.spelling.grammar import parse, spell_scalar, split_label
from shapebias.spelling.params import build, describe, field_types, files_named, spell

if TYPE_CHECKING:
    import torch

__all__ = ["Catalog", "CatalogEntry", "Component", "default_catalog"]

_NAMES_SHOWN = 24
_FEW = 2
_TYPO = 0.75  # closer names are typos of each other; farther ones may be architectures


@attrs.frozen
class CatalogEntry:
    """One spec, and the plugin that provides it."""

    spec: Spec
    plugin: PluginInfo


@attrs.frozen
class Component:
    """A model, data set, transform, ... with its settings, as a text such as ``saturate:p=8`` describes it.

    Two components are equal if their names and settings are; label and provider do not matter.

    Args:
        spec: the spec that it is made from.
        settings: an instance of the spec's target.
        provider: distribution and version of the plugin.
        label: the user's name for it in tables.
        distribution: the distribution, where several provide the name, so that texts must write it in full.
    """

    spec: Spec = attrs.field(eq=lambda spec: (spec.kind, spec.name))
    settings: Any
    provider: str = attrs.field(default="", eq=False)
    label: str | None = attrs.field(default=None, eq=False)
    distribution: str = attrs.field(default="", kw_only=True)

    @property
    def kind(self) -> Kind:
        """Its kind: model, dataset, transform, ..."""
        return self.spec.kind

    @property
    def name(self) -> str:
        """The name that the plugin gives it."""
        return self.spec.name

    @property
    def canonical(self) -> str:
        """The text with every parameter, which identifies the component."""
        return spell(self._full_name, self.settings)

    @property
    def text(self) -> str:
        """The text with the parameters that differ from their defaults, for people."""
        return spell(self._full_name, self.settings, full=False)

    @property
    def _full_name(self) -> str:
        return f"{self.distribution}/{self.name}" if self.distribution else self.name

    @property
    def title(self) -> str:
        """The name in tables and figures: the user's label, or the text."""
        return self.label or self.text

    @property
    def files(self) -> list[Path]:
        """The files and folders that the settings name."""
        return files_named(self.settings)

    @property
    def destroys(self) -> tuple[str, ...]:
        """What a transform destroys: as its spec states, or nothing at the value that leaves images unchanged.

        If it depends on more than one value, the settings state it in an attribute ``destroys``.
        """
        own: tuple[str, ...] | None = getattr(self.settings, "destroys", None)
        if own is not None:
            return own
        name, value = self.spec.unchanged or ("", None)
        return () if name and getattr(self.settings, name) == value else self.spec.destroys

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as text, which another process reads with its own plugins; by value if no plugin provides it."""
        found = default_catalog()._entries.get((self.kind, self.name), [])  # noqa: SLF001 - the same module
        if any(_is_target(entry.spec, type(self.settings)) for entry in found):
            return _read, (self.kind, self.canonical, self.label)
        return _made, (self.spec, self.settings, self.provider, self.label, self.distribution)

    def load(self, device: torch.device, classes: Sequence[str] | None = None) -> Any:
        """Return the callable: the result of the settings' ``load``, or the settings themselves.

        Args:
            device: the device on which it computes.
            classes: the classes of the data set, for a model that needs them.

        Raises:
            PluginError: loading tried to end the process, or the model needs classes and there is no data set.
        """
        load = getattr(self.settings, "load", None)
        if load is None:
            return self.settings
        options = {}
        if self.spec.needs_classes:
            if classes is None:
                raise PluginError(f"{self.text} has no fixed classes, but takes those of a data set; run it on one")
            options["classes"] = tuple(classes)
        with contained(self.text):
            return load(device, **options)

    def fingerprints(self, classes: Sequence[str] | None = None) -> dict[str, str]:
        """Hash the files and folders that the settings name, by path, and the texts of the classes of a data set.

        Settings with an attribute ``fingerprint``, such as a live network or a data set of a library, identify their
        content themselves.

        Args:
            classes: the classes of the data set, for a model that needs them.

        Raises:
            DataError: a file is missing.
        """
        own = getattr(self.settings, "fingerprint", None)
        found = {"its content": own} if isinstance(own, str) else {str(path): fingerprint(path) for path in self.files}
        if self.spec.needs_classes and classes is not None:
            texts = json.dumps([*self.settings.class_texts(tuple(classes))])
            found["texts of the classes"] = hashlib.sha256(texts.encode()).hexdigest()
        return found


class Catalog:
    """All specs that plugins provide.

    Args:
        plugins: as :func:`shapebias.plugins.discovery.discover` returns them.
    """

    def __init__(self, plugins: Sequence[PluginInfo]) -> None:
        self.plugins = tuple(plugins)
        self._entries: dict[tuple[Kind, str], list[CatalogEntry]] = {}
        for plugin in self.plugins:
            for spec in plugin.specs:
                self._entries.setdefault((spec.kind, spec.name), []).append(CatalogEntry(spec, plugin))

    def __iter__(self) -> Iterator[CatalogEntry]:
        for entries in self._entries.values():
            yield from entries

    def names(self, *kinds: Kind) -> list[str]:
        """List the names of some kinds, sorted."""
        return sorted({name for kind, name in self._entries if kind in kinds})

    def find(self, kind: Kind | Iterable[Kind], name: str) -> CatalogEntry:
        """Find one entry by its bare name, or by ``distribution/name``.

        Args:
            kind: the kind, or several where the context allows more than one.
            name: the name as the user wrote it.

        Raises:
            UnknownNameError: no plugin provides it, or more than one does; every provider is named.
        """
        kinds = _kinds(kind)
        distribution, _, bare = name.rpartition("/")
        found = [entry for each in kinds for entry in self._entries.get((each, bare), [])]
        if distribution:
            found = [entry for entry in found if entry.plugin.distribution == distribution]
        if len(found) == 1:
            return found[0]
        what = " or ".join(kinds)
        if not found:
            known = self.names(*kinds)
            elsewhere = [each for each, known_name in self._entries if known_name == bare and each not in kinds]
            other = "".join(f"; {bare!r} is of the kind {each}" for each in elsewhere if bare not in known)
            nothing = "nothing" if len(kinds) == len(KINDS) else f"no {what}"
            names = ", ".join(known) if len(known) <= _NAMES_SHOWN else f"{', '.join(known[:_NAMES_SHOWN])}, ..."
            raise UnknownNameError(
                f"{nothing} is called {name!r}{other or self._meant(kinds, bare)}\n"
                f"known: {names} (see 'shapebias list', and 'shapebias plugins' for what failed to load)"
            )
        providers = ", ".join(f"{entry.plugin.distribution}/{bare} ({entry.plugin.source})" for entry in found)
        raise UnknownNameError(f"{what} {bare!r} is provided more than once: {providers}\nwrite one of these in full")

    def _meant(self, kinds: Sequence[Kind], bare: str) -> str:
        """Suggest a name: a typo, or an architecture without its library."""
        close = suggestion(bare, self.names(*kinds))
        typo = difflib.get_close_matches(bare, self.names(*kinds), cutoff=_TYPO)
        if "model" not in kinds or (typo and not any(map(str.isdigit, bare))):
            return close
        return f"; did you mean {' or '.join(repr(f'{each}:{bare}') for each in self._knowing(kinds, bare))}?"

    def _knowing(self, kinds: Sequence[Kind], bare: str) -> list[str]:
        """List names that read a bare name as their first setting: those that know it, or else a few that take any."""
        taking = list(self._taking(kinds, str))
        targets: dict[str, Any] = {entry.spec.name: entry.spec.load() for entry in self if entry.spec.name in taking}
        knowing = [name for name in taking if getattr(targets[name], "knows", None) and targets[name].knows(bare)]
        return knowing or taking[:_FEW]

    def check_spelling(self, kind: Kind | Iterable[Kind], text: str) -> None:
        """Refuse a ``,`` instead of a ``:``, and a path without the name of a component that reads it.

        Raises:
            SpellingError: the text has one of these mistakes; the message gives the correct text.
        """
        kinds = _kinds(kind)
        known = self.names(*kinds)
        for separator in ",=":  # before "=": a known name, which is no label if no name follows
            head, _, rest = (piece.strip() for piece in text.partition(separator))
            if rest and head in known and (separator == "," or not self._begins_with_a_name(rest)):
                raise SpellingError(f"{text!r}: settings follow a ':'; did you mean '{head}:{rest}'?")
        thing = split_label(text)[1]
        self._check_path(kinds, text, thing)
        name, colon, rest = thing.partition(":")
        as_written = name.strip().lower().replace("_", "-")
        if name.strip() != as_written and "/" not in name:
            if as_written in known:
                raise SpellingError(f"{text!r}: did you mean '{as_written}{colon}{rest}'?")
            if not colon and "model" in kinds:
                raise UnknownNameError(f"no model is called {name!r}{self._meant(kinds, name)}")

    def _check_path(self, kinds: Sequence[Kind], text: str, thing: str) -> None:
        """Refuse a path without the name of what reads it, and a path that does not exist."""
        if not ("/" in thing or os.sep in thing) or ":" in thing:
            return
        if Path(thing).expanduser().exists():
            spelled = [repr(f"{each}:{spell_scalar(thing)}") for each in self._taking(kinds, Path)]
            if spelled:
                raise SpellingError(f"{text!r} is a path; name what reads it: {' or '.join(spelled)}")
        elif thing.startswith(("/", "~", ".")):
            raise SpellingError(f"{text!r} is a path that does not exist; correct it, and name what reads it")

    def _begins_with_a_name(self, text: str) -> bool:
        return text.partition(":")[0].partition("+")[0].rpartition("/")[2].strip() in {
            name for _, name in self._entries
        }

    def _taking(self, kinds: Sequence[Kind], wanted: type) -> Iterator[str]:
        """Yield names whose first parameter has this type and no default, such as the path of a folder."""
        for entry in self:
            if entry.spec.kind not in kinds:
                continue
            try:
                target = entry.spec.load()
                first = describe(target)[:1]
            except ShapebiasError:
                continue  # the user did not mean a plugin that cannot be imported
            if first and first[0].default == "(required)" and field_types(target)[first[0].name] is wanted:
                yield entry.spec.name

    def component(self, kind: Kind | Iterable[Kind], text: str) -> Component:
        """Read a text into a component.

        Args:
            kind: the kind, or several where the context allows more than one.
            text: for example ``"saturate:p=8"``, or ``"mine=checkpoint:at.safetensors"`` with a label.

        Raises:
            SpellingError, UnknownNameError, PluginError: the text, the name or the plugin is wrong.
        """
        self.check_spelling(kind, text)
        label, text = split_label(text)
        spelling = parse(text)
        entry = self.find(kind, spelling.name)
        settings: Any = build(entry.spec.load(), spelling)
        return self._component(entry, settings, label)

    def wrap(self, kind: Kind | Iterable[Kind], settings: object, label: str | None = None) -> Component:
        """Make a component from settings that were built in Python, for example ``Saturate(p=8)``.

        Args:
            kind: the kind, or several where the context allows more than one.
            settings: an instance of the target of a spec.
            label: the user's name for it in tables.

        Raises:
            UnknownNameError: no plugin provides a target of this class, or it has several names.
        """
        kinds = _kinds(kind)
        found = [entry for entry in self if entry.spec.kind in kinds and _is_target(entry.spec, type(settings))]
        if len(found) == 1:
            return self._component(found[0], settings, label)
        if not found:
            raise UnknownNameError(
                f"no plugin provides {settings!r} as {with_article(' or '.join(kinds))}; give text such as "
                "'name:key=value', or register its class in a plugin"
            )
        names = ", ".join(f"{entry.plugin.distribution}/{entry.spec.name}" for entry in found)
        raise UnknownNameError(f"{settings!r} has several names: {names}\nwrite one of these as text")

    def _component(self, entry: CatalogEntry, settings: Any, label: str | None) -> Component:
        shared = len(self._entries[entry.spec.kind, entry.spec.name]) > 1
        distribution = entry.plugin.distribution if shared else ""
        return Component(entry.spec, settings, entry.plugin.provider, label, distribution=distribution)


def _read(kind: Kind, text: str, label: str | None) -> Component:
    return attrs.evolve(default_catalog().component(kind, text), label=label)


def _made(spec: Spec, settings: Any, provider: str, label: str | None, distribution: str) -> Component:
    return Component(spec, settings, provider, label, distribution=distribution)


def _kinds(kind: Kind | Iterable[Kind]) -> tuple[Kind, ...]:
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _is_target(spec: Spec, cls: type) -> bool:
    """Compare without importing: if the class exists, its module has already been imported."""
    if isinstance(spec.target, type):
        return spec.target is cls
    module, _, attribute = spec.target.partition(":")
    return getattr(sys.modules.get(module), attribute, None) is cls


@functools.cache
def default_catalog() -> Catalog:
    """Return the catalog of all plugins in this environment; it is made once.

    >>> default_catalog().find("transform", "saturate").spec.name
    'saturate'
    """
    return Catalog(discover())
