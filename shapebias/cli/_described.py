"""The parameters of a component, without the import of PyTorch where its file only names things of PyTorch.

Settings are in one file with their algorithm, and importing PyTorch takes five times as long as all else that ``show``
does.  So a child process imports the file with stand-ins for PyTorch, which may be named, in annotations, decorators
and base classes, but not used; where they are, this process imports the file with PyTorch.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

import attrs

from shapebias.plugins.specs import Spec
from shapebias.spelling.params import Parameter, describe

__all__ = ["Description", "describe_spec"]


@attrs.frozen
class Description:
    """What is known of a component without its settings.

    Args:
        parameters: its parameters.
        published_names: the names that it takes, by group; empty where they are not listed.
    """

    parameters: list[Parameter]
    published_names: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, spec: Spec) -> Description:
        """Import the component and describe it."""
        target = spec.load()
        published_names = getattr(target, "published_names", dict)
        return cls(describe(target), published_names())


def describe_spec(spec: Spec) -> Description:
    """Describe a component; PyTorch is imported only if that is necessary.

    Raises:
        PluginError: it cannot be imported.
    """
    if "torch" in sys.modules or "fork" not in multiprocessing.get_all_start_methods():
        return Description.of(spec)
    context = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(1, context, initializer=_install) as child:
            return child.submit(Description.of, spec).result()
    except Exception:  # noqa: BLE001 - a stand-in was used, or there is an error that is then raised here as well
        return Description.of(spec)


def _install() -> None:
    sys.meta_path.insert(0, _Finder())


class _StandIn:
    """Anything of PyTorch: what is reached from it or called is a stand-in, and all else is an error."""

    def __getattr__(self, name: str) -> _StandIn:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: object, **__: object) -> _StandIn:
        return self

    def __mro_entries__(self, _: object) -> tuple[type, ...]:
        return ()

    def __or__(self, _: object) -> _StandIn:
        return self

    __ror__ = __or__

    def _used(self, *_: object) -> NoReturn:
        raise TypeError("PyTorch is not imported")

    __bool__ = __repr__ = __eq__ = _used
    __hash__ = object.__hash__


class _Finder(MetaPathFinder, Loader):
    """Finds modules of PyTorch that contain stand-ins."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002 - Python's contract
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == "torch" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name)
        vars(module)["__getattr__"] = _StandIn().__getattr__
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass
