"""Find plugins, one at a time, so that a broken plugin is one line on stderr and never stops a command.

A plugin is an entry point in the group ``shapebias`` of an installed distribution, as the built-in ones are, or a
single file in a folder (``--plugins-dir``, ``$SHAPEBIAS_PLUGINS_DIR``) whose name does not begin with ``_``.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import stat
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal, TypeAlias

import attrs
import pluggy

from shapebias.errors import PluginError, listed, suggestion
from shapebias.paths import as_path, why_unusable
from shapebias.plugins import hookspecs
from shapebias.plugins.specs import KINDS, Spec

__all__ = ["EVENTS", "GROUP", "HOOKS", "PluginInfo", "Problem", "Stage", "discover"]

GROUP = "shapebias"
Stage: TypeAlias = Literal["import", "register", "hook", "spec", "target"]
_MOST_SPECS, _MOST_PROBLEMS = 10_000, 20  # of one hook, whose loop may never end
_NAMES = tuple(name for name in vars(hookspecs) if name.startswith("shapebias_"))
HOOKS = {name: spec for name in _NAMES for kind, spec in KINDS.items() if name.startswith(f"shapebias_{kind}")}
"""The hooks that provide, with the type of what they yield."""
EVENTS = tuple(name for name in _NAMES if name not in HOOKS)
"""The hooks that react."""


@attrs.frozen
class Problem:
    """One fault of one plugin.

    Args:
        stage: the stage that failed: ``import``, ``register``, ``hook`` or ``spec``; ``target`` when a spec is used.
        message: what is wrong, in one line.
        traceback: the whole traceback, or an empty text.
    """

    stage: Stage
    message: str
    traceback: str = ""


@attrs.frozen
class PluginInfo:
    """One plugin: who provides it, which specs it yields, and what is wrong with it.

    Args:
        name: name of the entry point, or of the file.
        distribution: name of the distribution, or of the file.
        version: version of the distribution, or an empty text.
        source: the module that the entry point names, or the file's path.
        hooks: the hooks that it implements.
        specs: the specs that it yields.
        problems: what went wrong.
        module: what implements the hooks; None where it could not be imported.
    """

    name: str
    distribution: str
    version: str
    source: str
    hooks: tuple[str, ...] = ()
    specs: tuple[Spec, ...] = ()
    problems: tuple[Problem, ...] = ()
    module: object = attrs.field(default=None, eq=False, repr=False)

    @property
    def provider(self) -> str:
        """``distribution version``, as results record it."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def title(self) -> str:
        """``distribution version (name)``, for messages."""
        return self.provider if self.name == self.distribution else f"{self.provider} ({self.name})"


def discover(plugins_dirs: Iterable[Path] = ()) -> tuple[PluginInfo, ...]:
    """Load every plugin of the environment and of the given folders.

    Args:
        plugins_dirs: folders of one-file plugins; those in ``$SHAPEBIAS_PLUGINS_DIR`` are added.

    Returns:
        One entry for each plugin, with its specs and problems.

    Raises:
        PluginError: a folder does not exist or every user can write to it; or, if ``$SHAPEBIAS_STRICT`` is 1, any
            plugin has a problem.

    >>> "saturate" in {spec.name for plugin in discover() for spec in plugin.specs}
    True
    """
    from_environment = [as_path(path) for path in os.environ.get("SHAPEBIAS_PLUGINS_DIR", "").split(os.pathsep) if path]
    folders = dict.fromkeys(path.resolve() for path in [*from_environment, *plugins_dirs])  # each once
    plugins = [
        *(_load(info, point.load) for point, info in _entry_points()),
        *(_load(info, load) for folder in folders for info, load in _files(folder)),
    ]
    problems = [
        f"{plugin.title}, {problem.stage}: {problem.message}" for plugin in plugins for problem in plugin.problems
    ]
    if problems and os.environ.get("SHAPEBIAS_STRICT") == "1":
        raise PluginError(listed("SHAPEBIAS_STRICT=1 and a plugin has a problem:", problems))
    return tuple(plugins)


def _entry_points() -> Iterator[tuple[metadata.EntryPoint, PluginInfo]]:
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: (_distribution(point)[0], point.name)):
        distribution, version = _distribution(point)
        yield point, PluginInfo(point.name, distribution, version, point.value)


def _distribution(point: metadata.EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return "unknown", ""
    return point.dist.name or "unknown", point.dist.version or ""  # a damaged installation may lack either


def _files(folder: Path) -> Iterator[tuple[PluginInfo, Callable[[], ModuleType]]]:
    if not folder.is_dir():
        raise PluginError(f"plugins folder {str(folder)!r} does not exist; name a folder with *.py files")
    for path in (folder, *(files := sorted(folder.glob("[!_]*.py")))):
        if path.exists() and (found := _open_to_everybody(path)):
            raise PluginError(
                f"every user of this machine can write to {found}, so the code in {path} is not run; change that: "
                f"chmod o-w {found}"
            )
    for path in files:
        yield PluginInfo(path.stem, path.stem, "", str(path)), functools.partial(_import_file, path)


def _open_to_everybody(path: Path) -> Path | None:
    """Return what every user can write to: a file or folder, or a folder above it, by which it could be replaced.

    In a sticky folder, such as ``/tmp``, nobody can replace what belongs to others.
    """
    if os.name != "posix":
        return None
    real = path.resolve()
    for each in (real, *real.parents):
        mode = each.stat().st_mode
        if mode & stat.S_IWOTH and (each == real or not mode & stat.S_ISVTX):
            return each
    return None


class _Fresh(SourceFileLoader):
    """Always compile the source: the bytecode cache misses an edit within one second that keeps the size."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader's call
        """Return the compiled source."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _import_file(path: Path) -> ModuleType:
    """Import a file once, under a unique name by which pickle and attrs find it; an edited file is a new module."""
    if problem := why_unusable(path):
        raise ImportError(f"{path} is {problem}")
    name = f"shapebias_file_plugin_{path.stem}_{hashlib.sha256(bytes(path) + path.read_bytes()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    if found is None or found.loader is None:
        raise ImportError(f"{path} is not a Python module")
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load(info: PluginInfo, load: Callable[[], Any]) -> PluginInfo:
    """Import one plugin, register it, and collect the specs of its hooks; stop at the first stage that fails."""
    try:
        module = load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - any failure of foreign code is that plugin's problem alone
        return attrs.evolve(info, problems=(_problem("import", error),))
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        problems = [Problem("register", text) for text in _misspelled_hooks(module)]
        manager.register(module, name=info.title)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        return attrs.evolve(info, problems=(_problem("register", error),))
    hooks = tuple(hook for hook in _NAMES if getattr(manager.hook, hook).get_hookimpls())
    if not hooks and not problems:
        text = "implements no hook; mark a function such as shapebias_transforms with @plugin.hookimpl"
        problems.append(Problem("register", text))
    specs: list[Spec] = []
    for hook in [hook for hook in hooks if hook in HOOKS]:
        good, bad = _call(manager, hook)
        specs += good
        problems += bad
    return attrs.evolve(info, hooks=hooks, specs=tuple(specs), problems=tuple(problems), module=module)


def _misspelled_hooks(module: object) -> Iterator[str]:
    """Describe functions that look like hooks but would never be called; pluggy itself ignores them silently."""
    for name in dir(module):
        function = getattr(module, name)
        mark = getattr(function, f"{GROUP}_impl", None)
        options = mark if isinstance(mark, dict) else {}
        hook = options.get("specname") or name
        if hook in _NAMES and not options:
            yield f"{name} is not marked with @plugin.hookimpl (from shapebias import plugin)"
        if hook in _NAMES and (options.get("wrapper") or options.get("hookwrapper")):
            yield f"{name} is marked as a wrapper, which is never called; leave wrapper and hookwrapper out"
        meant = callable(function) and (options or name.startswith("shapebias_"))
        if meant and hook not in _NAMES and not options.get("optionalhook"):
            yield f"there is no hook {hook}{suggestion(hook, _NAMES)}"


def _call(manager: pluggy.PluginManager, hook: str) -> tuple[list[Spec], list[Problem]]:
    """Collect the specs of one hook one by one; those before an error are kept."""
    wanted = HOOKS[hook]
    specs: dict[str, Spec] = {}
    problems: list[Problem] = []
    try:
        answers = getattr(manager.hook, hook)()
        if not answers:
            raise TypeError("returned None; yield specs, or return a list of them")  # noqa: TRY301
        for number, spec in enumerate(answers[0]):
            if number == _MOST_SPECS or len(problems) == _MOST_PROBLEMS:
                problems.append(Problem("hook", f"{hook}: stopped after {number} specs; does its loop end?"))
                break
            if not isinstance(spec, wanted):
                problems.append(Problem("spec", f"{hook}: {spec!r} is not a {wanted.__name__}"))
            elif spec.name in specs:
                problems.append(Problem("spec", f"{hook}: {spec.name!r} is yielded twice"))
            else:
                specs[spec.name] = spec
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        problems.append(_problem("hook", error, f"{hook}: "))
    return [*specs.values()], problems


def _problem(stage: Stage, error: BaseException, prefix: str = "") -> Problem:
    text = "".join(traceback.format_exception(error))
    return Problem(stage, f"{prefix}{type(error).__name__}: {' '.join(str(error).split())}", text)
