"""Find plugins, one at a time, so that a broken one is a line on stderr and never takes the tool down.

Two roads lead here: entry points in the group ``shapebias`` of installed distributions (the built-ins take this road
too), and single files in a folder (``--plugins-dir``, ``$SHAPEBIAS_PLUGINS_DIR``).
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeAlias

import attrs
import pluggy

from shapebias import hookspecs
from shapebias.errors import PluginError, suggestion
from shapebias.specs import KINDS, Spec

__all__ = ["GROUP", "PluginInfo", "Problem", "Stage", "discover"]

GROUP = "shapebias"
Stage: TypeAlias = Literal["import", "register", "hook", "spec", "target"]
_HOOKS = {hook: kind for hook, kind in vars(hookspecs).items() if hook.startswith("shapebias_")}


@attrs.frozen
class Problem:
    """One thing that is wrong with one plugin.

    Args:
        stage: where it went wrong: ``import``, ``register``, ``hook`` or ``spec``; ``target`` when it is used.
        message: what is wrong, in one line.
        traceback: the whole traceback, or an empty text.
    """

    stage: Stage
    message: str
    traceback: str = ""


@attrs.frozen
class PluginInfo:
    """One plugin: who provides it, what it hands over, what is wrong with it.

    Args:
        name: name of the entry point, or of the file.
        distribution: name of the distribution, or of the file.
        version: version of the distribution, or an empty text.
        source: what the entry point names, or the file's path.
        hooks: the hooks that it implements.
        specs: the specs that it handed over.
        problems: what went wrong.
    """

    name: str
    distribution: str
    version: str
    source: str
    hooks: tuple[str, ...] = ()
    specs: tuple[Spec, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def provider(self) -> str:
        """``distribution version``, as results remember it."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def title(self) -> str:
        """``distribution version (name)``, for messages."""
        return self.provider if self.name == self.distribution else f"{self.provider} ({self.name})"


def discover(plugins_dirs: Iterable[Path] = ()) -> tuple[PluginInfo, ...]:
    """Load every plugin of the environment and of the given folders.

    Args:
        plugins_dirs: folders of one-file plugins; those in ``$SHAPEBIAS_PLUGINS_DIR`` are added.

    Raises:
        PluginError: a folder does not exist; or any problem at all, where ``$SHAPEBIAS_STRICT`` is 1.
    """
    from_environment = [Path(path) for path in os.environ.get("SHAPEBIAS_PLUGINS_DIR", "").split(os.pathsep) if path]
    plugins = [
        *(_load(info, point.load) for point, info in _entry_points()),
        *(_load(info, load) for folder in [*from_environment, *plugins_dirs] for info, load in _files(folder)),
    ]
    problems = [f"{plugin.title}: {problem.message}" for plugin in plugins for problem in plugin.problems]
    if problems and os.environ.get("SHAPEBIAS_STRICT") == "1":
        raise PluginError("SHAPEBIAS_STRICT=1 and a plugin has a problem\n  " + "\n  ".join(problems))
    return tuple(plugins)


def _entry_points() -> Iterator[tuple[metadata.EntryPoint, PluginInfo]]:
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: (_distribution(point)[0], point.name)):
        distribution, version = _distribution(point)
        yield point, PluginInfo(point.name, distribution, version, point.value)


def _distribution(point: metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown", "")


def _files(folder: Path) -> Iterator[tuple[PluginInfo, Callable[[], ModuleType]]]:
    if not folder.is_dir():
        raise PluginError(f"plugins folder {str(folder)!r} does not exist; name a folder with *.py files")
    for path in sorted(folder.glob("[!_]*.py")):
        yield PluginInfo(path.stem, path.stem, "", str(path)), functools.partial(_import_file, path)


def _import_file(path: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"shapebias_file_plugin_{path.stem}", path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # where pickling and attrs look up the module of a class
    found.loader.exec_module(module)
    return module


def _load(info: PluginInfo, load: Callable[[], Any]) -> PluginInfo:
    """Take one plugin through import, registration, hooks and specs; stop at the stage that fails."""
    try:
        module = load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any failure of foreign code is that plugin's problem alone
        return attrs.evolve(info, problems=(_problem("import", error),))
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        problems = [Problem("register", text) for text in _misspelled_hooks(module)]
        manager.register(module, name=info.title)
    except Exception as error:  # noqa: BLE001
        return attrs.evolve(info, problems=(_problem("register", error),))
    hooks = tuple(hook for hook in _HOOKS if getattr(manager.hook, hook).get_hookimpls())
    if not hooks and not problems:
        text = "implements no hook; mark a function such as shapebias_transforms with @shapebias.hookimpl"
        problems.append(Problem("register", text))
    specs: list[Spec] = []
    for hook in hooks:
        try:
            handed_over = list(getattr(manager.hook, hook)()[0])
        except Exception as error:  # noqa: BLE001
            problems.append(_problem("hook", error, f"{hook}: "))
            continue
        good, bad = _check_specs(hook, handed_over)
        specs += good
        problems += bad
    return attrs.evolve(info, hooks=hooks, specs=tuple(specs), problems=tuple(problems))


def _misspelled_hooks(module: object) -> Iterator[str]:
    """Name the functions that are marked as hooks but are none: pluggy alone would pass over them in silence."""
    for name in dir(module):
        function = getattr(module, name)
        marked = isinstance(getattr(function, f"{GROUP}_impl", None), dict)
        if name not in _HOOKS and (marked or name.startswith("shapebias_")) and callable(function):
            yield f"{name} is no hook{suggestion(name, _HOOKS)}"
        elif name in _HOOKS and not marked:
            yield f"{name} is not marked with @shapebias.hookimpl"


def _check_specs(hook: str, handed_over: Iterable[object]) -> tuple[list[Spec], list[Problem]]:
    wanted = next(spec for kind, spec in KINDS.items() if hook.removeprefix("shapebias_").startswith(kind))
    good, bad, seen = [], [], set()
    for spec in handed_over:
        if not isinstance(spec, wanted):
            bad.append(Problem("spec", f"{hook}: {spec!r} is no {wanted.__name__}"))
        elif spec.name in seen:
            bad.append(Problem("spec", f"{hook}: {spec.name!r} is handed over twice"))
        else:
            seen.add(spec.name)
            good.append(spec)
    return good, bad


def _problem(stage: Stage, error: BaseException, prefix: str = "") -> Problem:
    text = "".join(traceback.format_exception(error))
    return Problem(stage, f"{prefix}{type(error).__name__}: {' '.join(str(error).split())}", text)
