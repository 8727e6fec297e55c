"""What a plugin author imports: hooks and specs, parameters, and the helpers that the built-in plugins use themselves.

    from shapebias import plugin

    @plugin.hookimpl
    def shapebias_transforms():
        yield plugin.TransformSpec("posterize", Posterize, summary="few levels of each colour")

Every name is imported when it is first used; ``plugin.pyi`` lists them.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

# Not lazy_loader, as in the package: for a module that is not a package it would put these names into the package.
_MODULES = {
    alias.name: f"shapebias.{statement.module}"
    for statement in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(statement, ast.ImportFrom) and statement.level
    for alias in statement.names
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
