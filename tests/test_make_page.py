"""What docs/make.md shows runs, and prints what it says."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog

PAGE = Path(__file__).parents[1] / "docs" / "make.md"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "")
    default_catalog.cache_clear()


def test_the_commands_print_what_is_shown():
    (block,) = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for entry in block.split("$ ")[1:]:
        command, *shown = entry.strip().splitlines()
        result = CliRunner().invoke(main, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
        assert not shown or result.stdout.splitlines() == shown


def test_the_examples_run():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 0
    assert failed == 0
