"""The page on training: its commands and its Python run, and its table has every key of a recipe."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog
from shapebias.spelling.params import describe
from shapebias.store.results import open_store
from shapebias.training.recipe import Recipe
from shapebias.training.state import read_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, with the plugins of this environment only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")
    default_catalog.cache_clear()
    return tmp_path


def test_the_commands_make_three_networks_and_a_study(elsewhere):
    for code in re.findall(r"```toml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (elsewhere / code[0]).write_text(code[1], encoding="utf-8")
    commands = re.findall(r"^\$ shapebias (.*)", PAGE, re.MULTILINE)
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, result.output
    with open_store("run.h5") as results:
        assert [one.model for one in results.answers()] == [
            "checkpoint:standard.safetensors",
            "checkpoint:linf.safetensors",
        ]
    standard, linf, matched = (read_recipe(Path(f"{name}.safetensors")) for name in ("standard", "linf", "matched"))
    assert attrs.evolve(linf, attack=None, eps_warmup=0, validation_attack=None) == standard
    assert attrs.evolve(matched, match=None) == standard


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_python_works(code, elsewhere):
    exec(compile(code, "training.md", "exec"), {"__name__": "training"})  # noqa: S102 - the page is ours
    assert (elsewhere / "small.h5").exists()


def test_the_table_has_every_key_with_its_default():
    shown = dict(re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", PAGE, re.MULTILINE))
    assert list(shown) == [field.name for field in attrs.fields(Recipe)]
    for row in describe(Recipe):
        assert shown[row.name].strip() == row.default, row.name
