"""Write a new plugin package from templates: it can be installed, meets the contract and has a working test."""

from __future__ import annotations

import keyword
import re
import shutil
from collections.abc import Mapping
from importlib import metadata, resources
from pathlib import Path
from string import Template

from shapebias.errors import PluginError
from shapebias.files import temporary_path
from shapebias.paths import as_path
from shapebias.plugins.discovery import HOOKS, discover
from shapebias.plugins.specs import KINDS, Kind

__all__ = ["new_plugin"]

_PREFIX = "shapebias-"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(name: str, kind: Kind, folder: str | Path = ".") -> Path:
    """Write a package that provides one component.

    Args:
        name: the name that users will write, for example ``"posterize"``; the package is ``shapebias-posterize``, which
            is accepted as the name too.
        kind: the kind of component.
        folder: the folder in which the package's folder is made.

    Returns:
        The package's folder.

    Raises:
        PluginError: the name is not legal, another plugin provides it, or the folder exists already or cannot be
            written.
    """
    while name.startswith(_PREFIX):
        name = name.removeprefix(_PREFIX)
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(module):
        raise PluginError(f"name {name!r}: use lower-case letters, digits and single '-', a letter first")
    _check_free(name, kind)
    package = as_path(folder) / f"{_PREFIX}{name}"
    if package.exists():
        raise PluginError(f"{package} exists already; choose another name or another folder")
    words = {
        "name": name,
        "kind": kind,
        "module": module,
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "spec": KINDS[kind].__name__,
        "hook": next(hook for hook, spec in HOOKS.items() if spec.kind == kind),
        "version": ".".join(metadata.version("shapebias").split(".")[:2]),
    }
    unfinished = temporary_path(package)
    inside = unfinished / f"shapebias_{module}"
    files = {
        unfinished / "pyproject.toml": "pyproject.toml",
        unfinished / "README.md": "README.md",
        inside / "__init__.py": "hooks.py",
        inside / f"{module}.py": f"{kind}.py",
        unfinished / "tests" / f"test_{module}.py": "test.py",
    }
    try:
        for path, template in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_filled(template, words), encoding="utf-8")
        unfinished.rename(package)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise PluginError(
            f"{package} cannot be written: {error.strerror or error}; make room, or choose another folder with -o"
        ) from error
    return package


def _check_free(name: str, kind: Kind) -> None:
    """Refuse a name that would be ambiguous, or a package that would replace another one.

    Raises:
        PluginError: another plugin provides it, or it is reserved in conditions.
    """
    steps = ("transform", "attack")  # a condition has both, so no two of them may share a name
    taken = [
        plugin.provider
        for plugin in discover()
        for spec in plugin.specs
        if spec.name == name and (spec.kind == kind or {spec.kind, kind} <= {*steps})
    ]
    if name == "clean" and kind in steps:
        taken = ["shapebias: the condition without any step"]
    if not taken and any(_PREFIX + name == plugin.distribution for plugin in discover()):
        taken = [f"the package {_PREFIX}{name} that is installed"]
    if taken:
        raise PluginError(
            f"the name {name!r} is taken by {', '.join(taken)}; users would have to write the distribution with every "
            f"{name}: choose another name, such as my-{name}"
        )


def _filled(template: str, words: Mapping[str, str]) -> str:
    text = resources.files("shapebias.scaffold").joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)
