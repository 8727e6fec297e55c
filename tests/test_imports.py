"""The command line answers at once: nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import importlib
import logging.config
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import shapebias
from shapebias import plugin
from shapebias.cli import COMMANDS

PROJECT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "timm", "numpy", "pandas", "scipy", "h5py", "PIL", "safetensors"}
ROOMS = ("attacks", "datasets", "metrics", "models", "probes", "saliency", "suites", "transforms")
LIGHT = (
    "plugin",
    "study",
    "plugins.catalog",
    "plugins.discovery",
    "plugins.hookspecs",
    "plugins.specs",
    "spelling.params",
    "spelling.grammar",
    "errors",
    "cli",
    "training.recipe",
    *ROOMS,
)


def imported_by(code: str) -> set[str]:
    """Run Python code in a process of its own and return the top-level packages that it has imported."""
    report = "\nimport sys\nprint('IMPORTED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("IMPORTED")[2].split())


def test_heavy_imports_are_seen():
    assert "numpy" in imported_by("import shapebias.metrics.accuracy")


def test_the_package_imports_next_to_nothing():
    assert not imported_by("import shapebias") & {*HEAVY, "attrs", "click", "pluggy", "rich"}


def test_modules_from_study_down_and_hooks_are_light():
    code = f"import importlib, sys\nfor name in {LIGHT}:\n    importlib.import_module('shapebias.' + name)\n"
    each = f"    assert not {HEAVY} & {{*sys.modules}}, name + ' imports something heavy'"
    imported_by(code + each)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["list"], ["plugins"], *([name, "--help"] for name in COMMANDS)]
)
def test_commands_answer_without_heavy_imports(arguments):
    code = f"from shapebias.cli import main\nassert not main({arguments}, standalone_mode=False)"
    assert not imported_by(code) & HEAVY


def test_the_metrics_of_the_overview_do_without_scipy():
    code = "import shapebias.metrics.accuracy, shapebias.metrics.shape_bias, shapebias.cli.results"
    assert not imported_by(code) & {"scipy", "torch"}


def test_what_needs_no_network_is_shown_without_torch():
    code = """from shapebias.plugins.catalog import default_catalog
for entry in default_catalog():
    built_in = str(entry.spec.target).startswith("shapebias.")
    if built_in and entry.spec.kind in ("dataset", "metric", "suite") and entry.spec.name != "torchvision":
        entry.spec.load()"""
    assert not imported_by(code) & {"torch", "torchvision", "timm"}


def test_reading_a_condition_loads_only_its_plugin():
    code = "from shapebias.study import Condition\nCondition.parse('saturate:p=8')"
    assert not imported_by(code) & {"torchvision", "timm", "h5py"}


@pytest.mark.parametrize("face", ["__init__", "plugin"])
def test_public_names_are_those_of_the_stub(face):
    tree = ast.parse(Path(shapebias.__file__).with_name(f"{face}.pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    homes = {alias.name: f"shapebias.{node.module}" for node in imports for alias in node.names}
    public = shapebias if face == "__init__" else shapebias.plugin

    assert set(homes) | ({"plugin"} & set(public.__all__)) == set(public.__all__)
    for name, home in homes.items():
        assert getattr(public, name) is getattr(importlib.import_module(home), name)
    with pytest.raises(AttributeError, match="attribute stduy"):
        _ = shapebias.stduy


def test_imports_go_down_only(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT)
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)  # it would disable the loggers of later tests
    assert lint_imports(str(PROJECT / "pyproject.toml"), cache_dir=None) == 0


def test_names_for_authors_of_plugins_do_not_become_names_for_users():
    for name in plugin.__all__:
        assert getattr(plugin, name) is not None
    assert (set(vars(shapebias)) & set(plugin.__all__)) - set(shapebias.__all__) == set()
    assert sorted({*vars(plugin)} & {*plugin.__all__}) == dir(plugin)
    with pytest.raises(AttributeError, match=r"module 'shapebias\.plugin' has no attribute 'hokimpl'"):
        plugin.hokimpl  # noqa: B018 - an attribute that is loaded when it is first used
