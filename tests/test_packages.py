"""Packages in ``plugins/`` and examples import only what the project offers to users and to plugin authors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import shapebias
from shapebias import plugin

PROJECT = Path(__file__).parents[1]
PACKAGES = sorted(path for path in (*PROJECT.glob("plugins/*"), PROJECT / "examples") if path.is_dir())
TEMPLATES = PROJECT / "shapebias" / "scaffold" / "templates"


def imports(source):
    """Yield each module of shapebias that a source imports, with each name that it takes from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def private(source, *, test=False):
    """List what a source imports from the core, apart from its two lists of public names and the tools for tests."""
    allowed = {"shapebias": shapebias, "shapebias.plugin": plugin}
    found = []
    for module, name in imports(source):
        if module.partition(".")[0] != "shapebias" or (test and module == "shapebias.testing"):
            continue
        if module not in allowed or not (name is None or hasattr(allowed[module], name)):
            found.append(f"{module}.{name}" if name else module)
    return found


def test_imports_of_the_core_are_seen():
    source = "import shapebias.store\nfrom shapebias.networks.weights import seeded\nfrom shapebias import nothing"
    assert private(source) == ["shapebias.store", "shapebias.networks.weights.seeded", "shapebias.nothing"]
    assert private("from shapebias.testing import conformance") == ["shapebias.testing.conformance"]
    good = "import shapebias as sb\nfrom shapebias import plugin\nfrom shapebias.plugin import hookimpl\nimport torch"
    assert private(good) == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_packages_import_public_names_only(package):
    found = {
        str(path.relative_to(PROJECT)): names
        for path in sorted(package.rglob("*.py"))
        if "benchmarks" not in path.parts  # which measure the engine from inside
        and (names := private(path.read_text(encoding="utf-8"), test="tests" in path.parts))
    }
    assert found == {}


def test_new_plugins_import_public_names_only():
    imports = re.compile(r"^(?:import|from) shapebias[^(\n]*(?:\([^)]*\))?", re.MULTILINE)
    templates = sorted(TEMPLATES.glob("*.py.txt"))
    lines = [statement for path in templates for statement in imports.findall(path.read_text(encoding="utf-8"))]
    source = "\n".join(line.replace("$spec", "ModelSpec") for line in lines)
    assert len(lines) >= 7
    assert private(source, test=True) == []
