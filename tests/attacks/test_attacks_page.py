"""The page that defines the attacks: it has all of them, and its examples and its table are run."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from readme_commands import with_our_data

from shapebias.attacks import shapebias_attacks
from shapebias.cli import main
from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.plugins.discovery import discover

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "attacks.md"
TEXT = PAGE.read_text(encoding="utf-8")
SPECS = list(shapebias_attacks())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_attack_has_a_section_with_formula_example_and_reference(spec, section_of):
    section = section_of(TEXT, spec.name)
    assert re.search(r"^```text\n.+?^```", section, re.MULTILINE | re.DOTALL), "no formula"
    assert re.search(r"^```python\n.+?^```", section, re.MULTILINE | re.DOTALL), "no example"
    assert spec.references
    for reference in spec.references:
        assert re.match(r".+? \d{4}", reference)[0] in section
    named = set(re.findall(r"`(\w+)=", section))
    assert named <= {field.name for field in spec.load().__attrs_attrs__}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_parameter_is_on_the_page(spec):
    for field in spec.load().__attrs_attrs__:
        assert f"{field.name}=" in TEXT


def test_every_spelled_attack_can_be_read():
    names = "|".join(spec.name for spec in SPECS)
    spelled = re.findall(rf"`((?:{names}):[^`+]+)`", TEXT)
    assert len(spelled) > 8
    catalog = Catalog(discover())
    for text in spelled:
        catalog.component("attack", text)


def test_the_examples_run():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0
    assert failed == 0


@pytest.mark.slow  # two networks under seven attacks
def test_the_table_is_what_the_command_prints(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHAPEBIAS_PLUGINS_DIR", raising=False)
    default_catalog.cache_clear()
    (block,) = re.findall(r"```console\n\$ (.*?)```", TEXT, re.DOTALL)
    command, *shown = block.strip().splitlines()
    command = with_our_data(command, data_dir).replace("examples/plugins", str(ROOT / "examples/plugins"))
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    default_catalog.cache_clear()
    assert result.exit_code == 0, result.output
    printed = [line.split() for line in result.stdout.splitlines()]
    assert printed[: len(shown)] == [line.split() for line in shown]
