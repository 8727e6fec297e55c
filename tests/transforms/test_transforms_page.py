"""The page that defines the transforms: formula, reference and example of each, all parameters, and all of it runs."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from shapebias.cli import main
from shapebias.transforms import shapebias_transforms

PAGE = Path(__file__).parents[2] / "docs" / "transforms.md"
TEXT = PAGE.read_text(encoding="utf-8")
SPECS = list(shapebias_transforms())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_transform_has_a_section_with_formula_reference_and_example(spec, section_of):
    section = section_of(TEXT, spec.name)
    assert re.search(r"^```text\n.+?^```", section, re.MULTILINE | re.DOTALL), "no formula"
    assert spec.references
    for reference in spec.references:
        assert re.match(r"(.+?),? \d{4}|ITU-R Recommendation BT.601", reference)[0] in section
    assert f"{spec.load().__name__}(" in section
    fields = {field.name for field in spec.load().__attrs_attrs__}
    assert set(re.findall(r"`(\w+)=", section)) <= fields
    for field in fields:
        assert re.search(rf"\b{field}\b", section), f"nothing of {field}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_transform_is_in_the_table_of_what_is_taken_away(spec):
    assert f"[`{spec.name}`](#{spec.name})" in TEXT.partition("## Common to all transforms")[0]


def test_the_examples_run():
    options = doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=options)
    assert tried > len(SPECS)
    assert failed == 0


@pytest.mark.parametrize("block", re.findall(r"```console\n\$ (.+?)```", TEXT, re.DOTALL))
def test_the_commands_print_what_is_shown(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command, _, shown = block.partition("\n")
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    assert result.stdout == shown
